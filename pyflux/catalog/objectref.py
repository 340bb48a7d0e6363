"""References to objects as users write them: "Kind/name", "Kind/name.namespace"."""

from __future__ import annotations

from typing import NamedTuple


class SourceRef(NamedTuple):
    """A source by kind, name and, where it was given, namespace."""

    kind: str
    name: str
    namespace: str = ""


def split_kind_name(text: str) -> tuple[str, str]:
    """Kind and name of "Kind/name"; without exactly one slash everything is the name."""
    parts = text.split("/")
    return (parts[0], parts[1]) if len(parts) == 2 else ("", text)


def split_kind_name_namespace(text: str) -> tuple[str, str, str]:
    """Kind, name and namespace of "Kind/name.namespace"; the namespace is what follows the last dot."""
    kind, name = split_kind_name(text)
    if "." not in name:
        return kind, name, ""
    name, _, namespace = name.rpartition(".")
    return kind, name, namespace
