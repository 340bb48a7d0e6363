"""The index of a Helm repository: reading it, and finding the version of a chart that is wanted."""

from __future__ import annotations

import json
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from pyflux.catalog.semver import Constraint, Version
from pyflux.errors import PyfluxError
from pyflux.ui.yamlin import YamlError, load

if TYPE_CHECKING:
    Obj = dict[str, Any]

MAX_INDEX = 50 << 20


class IndexFailed(PyfluxError):
    """An index cannot be read, or does not hold what is wanted."""


def parse(text: bytes) -> Obj:
    """The index as a mapping whose entries are lists of chart versions. Raises IndexFailed."""
    if not text.strip():
        raise IndexFailed("empty index.yaml file")
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = load(text)
        except YamlError as why:
            raise IndexFailed(str(why)) from None
    if not isinstance(found, dict):
        raise IndexFailed("the index is not a mapping")
    if not found.get("apiVersion"):
        raise IndexFailed("no API version specified")
    entries = found.get("entries") or {}
    if not isinstance(entries, dict):
        raise IndexFailed("the index's entries are not a mapping")
    found["entries"] = {
        str(name): [_entry(one) for one in versions if isinstance(one, dict) and one.get("name") and one.get("version")]
        for name, versions in entries.items()
        if isinstance(versions, list)
    }
    return found


def _entry(one: Obj) -> Obj:
    return {**one, "name": str(one["name"]), "version": str(one["version"])}


def choose(index: Obj, name: str, wanted: str) -> Obj:
    """The entry of a chart for an exact version, a range, or the latest stable one. Raises IndexFailed."""
    entries = index["entries"]
    if name not in entries:
        raise IndexFailed("no chart name found")
    if not entries[name]:
        raise IndexFailed("no chart version found")
    for entry in entries[name]:
        if wanted and entry["version"] == wanted:
            return dict(entry)
    allowed = constraint(wanted)
    found = [
        (version, entry)
        for entry in entries[name]
        if (version := Version.parse(entry["version"])) is not None and allowed.allows(version)
    ]
    if not found:
        raise IndexFailed(f"no '{name}' chart with version matching '{wanted}' found")

    def compared(one: tuple[Version, Obj], other: tuple[Version, Obj]) -> int:
        if one[0] != other[0]:
            return -1 if one[0] > other[0] else 1
        created, later = str(one[1].get("created") or ""), str(other[1].get("created") or "")
        return 0 if created == later else (-1 if created > later else 1)

    return dict(sorted(found, key=cmp_to_key(compared))[0][1])


def constraint(wanted: str) -> Constraint:
    """Raises IndexFailed."""
    try:
        return Constraint.parse(wanted or "*")
    except ValueError as why:
        raise IndexFailed(str(why)) from None


def newest(tags: list[str], wanted: str) -> str:
    """The tag for an exact version, a range, or the latest stable one. Raises IndexFailed."""
    if wanted and wanted in tags:
        return wanted
    allowed = constraint(wanted)
    found = [(version, tag) for tag in tags if (version := Version.parse(tag)) is not None and allowed.allows(version)]
    if not found:
        raise IndexFailed(f"could not locate a version matching provided version string {wanted}")
    return max(found, key=lambda one: one[0])[1]
