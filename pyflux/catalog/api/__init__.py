"""The Flux API of the embedded release: its kinds, their CRDs, and offline validation of manifests.

Nothing is read at import; the files of `data/` are parsed at the first question and kept.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyflux.catalog.api.definition import ApiKind
    from pyflux.catalog.api.notation import Line, Schema
    from pyflux.catalog.api.validation import Problem

_DATA = Path(__file__).parent / "data"
GROUPS = (
    "source.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
    "helm.toolkit.fluxcd.io",
    "notification.toolkit.fluxcd.io",
    "image.toolkit.fluxcd.io",
    "source.extensions.fluxcd.io",
)


def _lines(name: str) -> list[Line]:
    from pyflux.catalog.api.notation import read_lines

    return read_lines((_DATA / f"{name}.api").read_text(encoding="utf-8"))


@cache
def _shared_types() -> dict[str, Schema]:
    from pyflux.catalog.api.notation import parse_types

    return parse_types(_lines("shared"), {})


@cache
def kinds_of(group: str) -> tuple[ApiKind, ...]:
    """The kinds of one group, in the order of its file; none for a group that is not Flux's."""
    from pyflux.catalog.api.definition import api_kind
    from pyflux.catalog.api.notation import parse_kinds, parse_types

    if group not in GROUPS:
        return ()
    lines = _lines(group)
    types = parse_types(lines, _shared_types())
    return tuple(api_kind(group, entry) for entry in parse_kinds(lines, types))


def kinds() -> tuple[ApiKind, ...]:
    """All kinds of the Flux API."""
    return tuple(kind for group in GROUPS for kind in kinds_of(group))


def find(group: str, kind: str) -> ApiKind | None:
    """The kind called `kind` in `group`, or None."""
    return next((entry for entry in kinds_of(group) if entry.kind == kind), None)


def crd(group: str, kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind. Raises KeyError for a kind that Flux does not have."""
    found = find(group, kind)
    if found is None:
        raise KeyError(f"{kind}.{group}")
    return found.crd()


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of all kinds."""
    return [kind.crd() for kind in kinds()]


def validate(obj: dict[str, Any]) -> list[Problem]:
    """What the API server would refuse in `obj`; nothing for kinds that are not Flux's."""
    from pyflux.catalog.api.validation import validate_object

    return validate_object(obj)
