"""Typed values: merging, comparing, removing and listing fields by schema.

The rules are those of the API server: structs and maps merge by key, lists that are maps by their keys,
sets by value, everything else is one leaf. `None` stands for a value that is absent; `NULL` inside an
object is a JSON null and counts as a value.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pyflux.sandbox.schema.model import ANY, Schema
from pyflux.sandbox.ssa.fieldset import SELF, FieldSet

ABSENT: Any = object()
Path = tuple[str, ...]


class TypedError(ValueError):
    """A value that does not fit its schema; the text names the path."""


def shape(schema: Schema, value: Any) -> str:
    """How a value is treated: `leaf`, `struct`, `maplist` or `set`."""
    kind = schema.kind
    if kind in ("struct", "map"):
        return "leaf" if schema.atomic else "struct"
    if kind == "any":
        return "struct" if isinstance(value, dict) and not schema.atomic else "leaf"
    if kind == "list":
        if schema.keys:
            return "maplist"
        return "set" if schema.is_set else "leaf"
    return "leaf"


def element(schema: Schema, item: Any) -> str:
    """The path element of a list's item."""
    if schema.is_set:
        return "v:" + json.dumps(item, separators=(",", ":"), ensure_ascii=False)
    if item is None:
        raise TypedError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise TypedError("associative list with keys may not have non-map elements")
    assert schema.elem is not None
    if len(schema.keys) == 1 and isinstance(item.get(schema.keys[0]), str):
        return _named(schema.keys[0], item[schema.keys[0]])
    found: dict[str, Any] = {}
    for key in sorted(schema.keys):
        if key in item:
            found[key] = item[key]
        else:
            default = _key_default(schema.elem, key)
            if default is not None:
                found[key] = default
    if not found:
        quoted = "[" + " ".join(f'"{k}"' for k in schema.keys) + "]"
        raise TypedError(
            f"associative list with keys has an element that omits all key fields {quoted} "
            "(and doesn't have default values for any key fields)"
        )
    return "k:" + json.dumps(found, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=8192)
def _named(key: str, text: str) -> str:
    return "k:" + json.dumps({key: text}, separators=(",", ":"), ensure_ascii=False)


def _key_default(schema: Schema, key: str) -> Any:
    """What stands for a key that an item leaves out."""
    field = schema.fields.get(key)
    if field is None or field.default is not None:
        return field.default if field else None
    if field.always and field.schema.kind == "scalar":
        return {"string": "", "int32": 0, "int64": 0, "bool": False}.get(field.schema.scalar)
    return None


def child_schema(schema: Schema, key: str) -> Schema:
    """The schema below a key; unknown parts are deduced from their values."""
    if schema.kind == "any":
        return ANY
    return schema.child(key) or ANY


def field_set(schema: Schema, value: Any) -> FieldSet:
    """Every field that a value sets."""
    out: FieldSet = {}
    _collect(schema, value, out)
    return out


def _collect(schema: Schema, value: Any, node: FieldSet) -> None:
    form = shape(schema, value)
    if form == "leaf":
        node[SELF] = {}
    elif form == "struct":
        if value is None:
            return
        for key, item in value.items():
            child = node.setdefault("f:" + key, {})
            _collect(child_schema(schema, key), item, child)
            if item is None or (isinstance(item, dict) and not item) or key not in schema.fields:
                child[SELF] = {}
            if not child:
                del node["f:" + key]
    else:
        if value is None:
            return
        _collect_list(schema, value, node)


def _collect_list(schema: Schema, value: list[Any], node: FieldSet) -> None:
    assert schema.elem is not None
    names = [element(schema, item) for item in value]
    for name, item in zip(names, value, strict=True):
        child = node.setdefault(name, {})
        child[SELF] = {}
        if names.count(name) == 1:
            _collect(schema.elem, item, child)


def same_value(a: Any, b: Any) -> bool:
    """Equality of JSON values, in which true is not 1."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_value(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
