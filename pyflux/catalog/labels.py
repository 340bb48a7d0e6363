"""The API's rules for labels and qualified names, with its messages."""

from __future__ import annotations

import re

_PART = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_PART}')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"regex used for validation is '({_PART})?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    f"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_part = re.compile(_PART + r"\Z")
_subdomain = re.compile(_SUBDOMAIN + r"\Z")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def qualified_name_faults(text: str) -> list[str]:
    """What is wrong with a label key or qualified name; empty where nothing is."""
    parts = text.split("/")
    if len(parts) > 2:
        return [
            f"a valid label key {_NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    faults = []
    if len(parts) == 2:
        prefix = parts[0]
        if not prefix:
            faults.append("prefix part must be non-empty")
        else:
            if _size(prefix) > 253:
                faults.append("prefix part must be no more than 253 bytes")
            if not _subdomain.match(prefix):
                faults.append(f"prefix part {_SUBDOMAIN_RULE}")
    name = parts[-1]
    if not name:
        faults.append("name part must be non-empty")
    elif _size(name) > 63:
        faults.append("name part must be no more than 63 bytes")
    if not _part.match(name):
        faults.append(f"name part {_NAME_RULE}")
    return faults


def label_value_faults(text: str) -> list[str]:
    """What is wrong with a label's value; empty where nothing is."""
    faults = []
    if _size(text) > 63:
        faults.append("must be no more than 63 bytes")
    if text and not _part.match(text):
        faults.append(_VALUE_RULE)
    return faults


def parse_labels(pairs: list[str]) -> dict[str, str]:
    """Labels from "key=value" texts. Raises ValueError for bad ones."""
    labels = {}
    for pair in pairs:
        parts = pair.split("=")
        if len(parts) != 2:
            raise ValueError(f"invalid label format '{pair}', must be key=value")
        key, value = parts
        if faults := qualified_name_faults(key):
            raise ValueError(f"invalid label '{key}': [{' '.join(faults)}]")
        if faults := label_value_faults(value):
            raise ValueError(f"invalid label value '{value}': [{' '.join(faults)}]")
        labels[key] = value
    return labels
