"""Field sets as server-side apply keeps them: a tree keyed by path elements.

A set is a dict from path element to its node; a node is a dict too, holding `"."` when the path itself is a
member, and its children. Path elements are the strings of FieldsV1: `f:name`, `k:{"name":"x"}`, `v:"x"`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pyflux.sandbox.schema.model import ANY, Schema

FieldSet = dict[str, Any]
SELF = "."


def from_fields_v1(fields: dict[str, Any]) -> FieldSet:
    """Reads FieldsV1, in which a leaf is an empty object."""
    out: FieldSet = {}
    for key, child in fields.items():
        if key == SELF:
            out[SELF] = {}
        else:
            out[key] = from_fields_v1(child) if child else {SELF: {}}
    return out


def to_fields_v1(fields: FieldSet) -> dict[str, Any]:
    """Writes FieldsV1, keys in the server's order."""
    out: dict[str, Any] = {}
    for key in sorted(fields, key=_order):
        if key == SELF:
            out[SELF] = {}
        else:
            child = fields[key]
            out[key] = {} if len(child) == 1 and SELF in child else to_fields_v1(child)
    return out


def _order(key: str) -> tuple[int, str]:
    return ({".": 0, "f": 1, "k": 2, "v": 3}.get(key[0], 4), key)


def union(a: FieldSet, b: FieldSet) -> FieldSet:
    """All members of both."""
    if not a:
        return b
    if not b:
        return a
    out = dict(a)
    for key, child in b.items():
        out[key] = union(out[key], child) if key in out else child
    return out


def intersection(a: FieldSet, b: FieldSet) -> FieldSet:
    """The members that both have."""
    out: FieldSet = {}
    for key, child in a.items():
        other = b.get(key)
        if other is None:
            continue
        if key == SELF:
            out[SELF] = {}
        else:
            both = intersection(child, other)
            if both:
                out[key] = both
    return out


def difference(a: FieldSet, b: FieldSet) -> FieldSet:
    """The members of `a` that `b` does not have."""
    if not b:
        return a
    out: FieldSet = {}
    for key, child in a.items():
        other = b.get(key)
        if other is None:
            out[key] = child
        elif key != SELF:
            rest = difference(child, other)
            if rest:
                out[key] = rest
    return out


def without_prefixes(a: FieldSet, prefixes: FieldSet) -> FieldSet:
    """`a` without everything at or below the members of `prefixes`."""
    out: FieldSet = {}
    for key, child in a.items():
        other = prefixes.get(key)
        if other is None or key == SELF:
            out[key] = child
        elif SELF not in other:
            rest = without_prefixes(child, other)
            if rest:
                out[key] = rest
    return out


def insert(fields: FieldSet, path: tuple[str, ...]) -> None:
    """Makes the path a member."""
    node = fields
    for element in path:
        node = node.setdefault(element, {})
    node[SELF] = {}


def paths(fields: FieldSet, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every member in the server's order: those of a level, then what lies deeper."""
    keys = sorted((k for k in fields if k != SELF), key=_order)
    for key in keys:
        if SELF in fields[key]:
            yield (*prefix, key)
    for key in keys:
        yield from paths(fields[key], (*prefix, key))


def show(path: tuple[str, ...]) -> str:
    """A path as error messages print it: `.spec.containers[name="x"].image`."""
    out = ""
    for element in path:
        kind, text = element[0], element[2:]
        if kind == "f":
            out += "." + text
        elif kind == "k":
            pairs = json.loads(text)
            out += "[" + ",".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in pairs.items()) + "]"
        elif kind == "v":
            out += f"[={text}]"
        else:
            out += f"[{text}]"
    return out


def named_fields_as_members(fields: FieldSet, schema: Schema | None) -> FieldSet:
    """The set with every struct field on the way to a member made a member too."""
    out: FieldSet = {}
    for key, child in fields.items():
        if key == SELF:
            out[SELF] = {}
            continue
        below: Schema | None = None
        named = False
        if schema is not None:
            if key[0] == "f":
                named = key[2:] in schema.fields
                below = ANY if schema.kind == "any" else schema.child(key[2:])
            elif key[0] == "k":
                below = schema.elem
        made = named_fields_as_members(child, below)
        if named and SELF not in made:
            made[SELF] = {}
        out[key] = made
    return out
