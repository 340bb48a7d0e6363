"""managedFields after an update through the scale subresource.

The server keeps them by way of the Scale object, with effects that show: nobody is tracked when nobody owned the
replicas, entries made so carry no time, and an updater's ownership of the replicas moves to an entry of its own.
"""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.ssa.fieldset import FieldSet, difference, insert, intersection
from pyflux.sandbox.ssa.managed import Entry, decode, encode_entries
from pyflux.sandbox.status import Obj


def scaled(entries: Any, api_version: str, path: tuple[str, ...], old: Any, new: Any, name: str) -> list[Obj]:
    """The managedFields of a workload whose replicas, at `path`, were set from `old` to `new` by manager `name`."""
    changed = old != new
    replicas: FieldSet = {}
    insert(replicas, tuple(f"f:{p}" for p in path))
    found = decode(entries)
    if not any(intersection(e.fields, replicas) for e in found.values()):
        return encode_entries(list(found.values()))
    mine = (name or "unknown", "Update", api_version, "scale")
    out: list[Entry] = []
    for key, entry in found.items():
        owns = bool(intersection(entry.fields, replicas))
        if not owns or (entry.operation == "Apply" and not changed):
            out.append(entry)
            continue
        rest = difference(entry.fields, replicas)
        if rest:
            out.append(Entry(entry.manager, entry.operation, entry.api_version, entry.subresource, rest, entry.time))
        if not changed and key != mine:
            out.append(Entry(entry.manager, "Update", api_version, entry.subresource, replicas))
    # Zero replicas are an absent field of a Scale, and absent fields have no owner.
    if (changed and new) or (not changed and mine in found):
        out.append(Entry(*mine, replicas))
    return encode_entries(out)
