"""Laying one typed value over another, and taking fields out of one."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.schema.model import ANY, Schema
from pyflux.sandbox.ssa.fieldset import SELF, FieldSet
from pyflux.sandbox.ssa.typed import ABSENT, TypedError, child_schema, element, shape


def merge(schema: Schema, old: Any, new: Any) -> Any:
    """The old value with the new one laid over it."""
    result = _merge(schema, old, new)
    return {} if result is ABSENT else result


def _merge(schema: Schema, old: Any, new: Any) -> Any:
    if new is ABSENT:
        value: Any = old
    elif old is ABSENT:
        value = new
    else:
        value = new
        if schema.kind == "any" and not schema.atomic and isinstance(old, dict) != isinstance(new, dict):
            return new
    form = shape(schema, value)
    empty = (old is ABSENT or not old) and (new is ABSENT or not new)
    if form == "leaf" or empty:
        return value
    if form == "struct":
        a = {} if old is ABSENT or old is None else old
        b = {} if new is ABSENT or new is None else new
        made = {}
        for key in [*a, *(k for k in b if k not in a)]:
            item = _merge(child_schema(schema, key), a.get(key, ABSENT), b.get(key, ABSENT))
            if item is not ABSENT:
                made[key] = item
        return made or ABSENT
    items = _merge_list(schema, old, new)
    return items or ABSENT


def _merge_list(schema: Schema, old: Any, new: Any) -> list[Any]:
    """Old items keep their place; new ones follow the order of the new list around those both have."""
    assert schema.elem is not None
    a = [] if old is ABSENT or old is None else old
    b = [] if new is ABSENT or new is None else new
    left_names = [element(schema, item) for item in a]
    right_names = [element(schema, item) for item in b]
    left: dict[str, Any] = {}
    for name, item in zip(left_names, a, strict=True):
        left[name] = None if name in left else item
    right: dict[str, Any] = {}
    for name, item in zip(right_names, b, strict=True):
        if name in right:
            raise TypedError(f"duplicate entries for key {name}")
        right[name] = item
    shared = [n for n in right_names if n in left]
    following = shared.pop(0) if shared else None
    out: list[Any] = []
    merged: set[str] = set()
    i = j = 0

    def add(name: str, have_left: Any, have_right: Any) -> None:
        item = _merge(schema.elem or ANY, have_left, have_right)
        if item is not ABSENT:
            out.append(item)

    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b):
            name = left_names[i]
            if name == right_names[j]:
                merged.add(name)
                add(name, left[name], right[name])
                i, j = i + 1, j + 1
                following = shared.pop(0) if shared else None
                continue
            if name in right and following is not None and following != name:
                i += 1
                continue
        if i < len(a):
            name = left_names[i]
            if name not in right:
                add(name, a[i], ABSENT)
                i += 1
                continue
            if name in merged:
                i += 1
        if j < len(b):
            name = right_names[j]
            merged.add(name)
            add(name, left.get(name, ABSENT), right[name])
            j += 1
            if following == name:
                following = shared.pop(0) if shared else None
    return out


def remove(schema: Schema, value: Any, fields: FieldSet) -> Any:
    """The value without the given fields; None when nothing of it is left."""
    form = shape(schema, value)
    if form == "leaf":
        return value if schema.kind in ("scalar", "any") and not isinstance(value, (dict, list)) else None
    if not value:
        return None
    if form == "struct":
        return _remove_map(schema, value, fields)
    return _remove_list(schema, value, fields)


def _below(schema: Schema, item: Any, fields: FieldSet) -> Any:
    made = remove(schema, item, fields)
    if made is None:
        return {} if isinstance(item, dict) else [] if isinstance(item, list) else None
    return made


def _children(node: FieldSet) -> bool:
    return any(k != SELF for k in node)


def _remove_map(schema: Schema, value: dict[str, Any], fields: FieldSet) -> Any:
    out: dict[str, Any] = {}
    matched = False
    for key, item in value.items():
        node = fields.get("f:" + key)
        if node is None:
            out[key] = item
        elif SELF in node:
            continue
        else:
            matched = True
            out[key] = _below(child_schema(schema, key), item, node)
    return out if out or matched else None


def _remove_list(schema: Schema, value: list[Any], fields: FieldSet) -> Any:
    assert schema.elem is not None
    out: list[Any] = []
    matched = False
    for item in value:
        node = fields.get(element(schema, item))
        if node is None:
            out.append(item)
        elif SELF in node:
            continue
        else:
            matched = True
            out.append(_below(schema.elem, item, node))
    return out if out or matched else None
