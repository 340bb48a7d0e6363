"""Typed values: merging, comparing, removing and listing fields by schema.

The rules are those of the API server: structs and maps merge by key, lists that are maps by their keys,
sets by value, everything else is one leaf. `None` stands for a value that is absent; `NULL` inside an
object is a JSON null and counts as a value.
"""

from __future__ import annotations

import json
from typing import Any

from pyflux.sandbox.schema.model import ANY, Schema
from pyflux.sandbox.ssa.fieldset import SELF, FieldSet

_ABSENT: Any = object()
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
    if not isinstance(item, dict):
        raise TypedError("associative list with keys may not have non-map elements")
    assert schema.elem is not None
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


class Comparison:
    """What differs between two values: the fields added, changed and removed."""

    def __init__(self) -> None:
        self.added: FieldSet = {}
        self.modified: FieldSet = {}
        self.removed: FieldSet = {}

    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.modified or self.removed)


def compare(schema: Schema, old: Any, new: Any) -> Comparison:
    """Compares two whole objects."""
    out = Comparison()
    _compare(schema, old, new, (), out)
    return out


def _put(fields: FieldSet, path: Path) -> None:
    node = fields
    for part in path:
        node = node.setdefault(part, {})
    node[SELF] = {}


def _compare(schema: Schema, old: Any, new: Any, path: Path, out: Comparison) -> None:
    if old is not _ABSENT and new is not _ABSENT:
        if old is new:
            return
        if schema.kind == "any" and not schema.atomic and isinstance(old, dict) != isinstance(new, dict):
            _compare_shapes(schema, old, new, path, out)
            return
    form = shape(schema, new if new is not _ABSENT else old)
    empty = (old is _ABSENT or not old) and (new is _ABSENT or not new)
    if form == "leaf" or empty:
        if old is _ABSENT:
            _put(out.added, path)
        elif new is _ABSENT:
            _put(out.removed, path)
        elif not same_value(old, new):
            _put(out.modified, path)
        return
    a: Any = {} if old is _ABSENT or old is None else old
    b: Any = {} if new is _ABSENT or new is None else new
    if form == "struct":
        for key in a.keys() | b.keys():
            _compare(child_schema(schema, key), a.get(key, _ABSENT), b.get(key, _ABSENT), (*path, "f:" + key), out)
    else:
        _compare_list(schema, a or [], b or [], path, out)
    if old is _ABSENT:
        _put(out.added, path)
    elif new is _ABSENT:
        _put(out.removed, path)


def _compare_shapes(schema: Schema, old: Any, new: Any, path: Path, out: Comparison) -> None:
    # A deduced value turned from a map into something else (or back): the map's fields go, the leaf changes.
    side, sign = (old, out.removed) if isinstance(old, dict) else (new, out.added)
    for key, item in side.items():
        piece = Comparison()
        _compare(child_schema(schema, key), item, _ABSENT, (*path, "f:" + key), piece)
        _merge_into(sign, piece.removed)
    _put(out.modified, path)


def _merge_into(target: FieldSet, source: FieldSet) -> None:
    for key, child in source.items():
        _merge_into(target.setdefault(key, {}), child)


def _index(schema: Schema, items: list[Any]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for item in items:
        out.setdefault(element(schema, item), []).append(item)
    return out


def _compare_list(schema: Schema, old: list[Any], new: list[Any], path: Path, out: Comparison) -> None:
    assert schema.elem is not None
    left, right = _index(schema, old), _index(schema, new)
    for name in dict.fromkeys([*left, *right]):
        a, b = left.get(name, []), right.get(name, [])
        here = (*path, name)
        if len(a) <= 1 and len(b) <= 1:
            _compare(schema.elem, a[0] if a else _ABSENT, b[0] if b else _ABSENT, here, out)
        elif len(a) >= 2 and len(b) >= 2:
            if a != b:
                _put(out.modified, here)
        elif len(a) >= 2:
            if b:
                _compare(schema.elem, _ABSENT, b[0], here, out)
            _put(out.removed, here)
        else:
            if a:
                _compare(schema.elem, a[0], _ABSENT, here, out)
            _put(out.added, here)


def same_value(a: Any, b: Any) -> bool:
    """Equality of JSON values, in which true is not 1."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_value(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def merge(schema: Schema, old: Any, new: Any) -> Any:
    """The old value with the new one laid over it."""
    result = _merge(schema, old, new)
    return {} if result is _ABSENT else result


def _merge(schema: Schema, old: Any, new: Any) -> Any:
    if new is _ABSENT:
        value: Any = old
    elif old is _ABSENT:
        value = new
    else:
        value = new
        if schema.kind == "any" and not schema.atomic and isinstance(old, dict) != isinstance(new, dict):
            return new
    form = shape(schema, value)
    empty = (old is _ABSENT or not old) and (new is _ABSENT or not new)
    if form == "leaf" or empty:
        return value
    if form == "struct":
        a = {} if old is _ABSENT or old is None else old
        b = {} if new is _ABSENT or new is None else new
        made = {}
        for key in [*a, *(k for k in b if k not in a)]:
            item = _merge(child_schema(schema, key), a.get(key, _ABSENT), b.get(key, _ABSENT))
            if item is not _ABSENT:
                made[key] = item
        return made or _ABSENT
    items = _merge_list(schema, old, new)
    return items or _ABSENT


def _merge_list(schema: Schema, old: Any, new: Any) -> list[Any]:
    """Old items keep their place; new ones follow the order of the new list around those both have."""
    assert schema.elem is not None
    a = [] if old is _ABSENT or old is None else old
    b = [] if new is _ABSENT or new is None else new
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
        if item is not _ABSENT:
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
                add(name, a[i], _ABSENT)
                i += 1
                continue
            if name in merged:
                i += 1
        if j < len(b):
            name = right_names[j]
            merged.add(name)
            add(name, left.get(name, _ABSENT), right[name])
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


def check(schema: Schema, value: Any, path: str = "") -> None:
    """Raises TypedError for the first part of an applied object that its schema does not allow."""
    kind = schema.kind
    if value is None or kind == "any":
        return
    if kind == "struct" or kind == "map":
        if not isinstance(value, dict):
            raise TypedError(f"{path or '.'}: expected map, got &{{{value}}}")
        for key, item in value.items():
            below = schema.child(key)
            if below is None:
                raise TypedError(f"{path}.{key}: field not declared in schema")
            check(below, item, f"{path}.{key}")
    elif kind == "list":
        _check_list(schema, value, path)
    else:
        _check_scalar(schema.scalar, value, path)


def _check_list(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, list):
        raise TypedError(f"{path}: expected list, got &{{{value}}}")
    assert schema.elem is not None
    seen: set[str] = set()
    for i, item in enumerate(value):
        if schema.keys or schema.is_set:
            try:
                name = element(schema, item)
            except TypedError as error:
                raise TypedError(f"{path}: element {i}: {error}") from None
            from pyflux.sandbox.ssa.fieldset import show

            if name in seen:
                raise TypedError(f"{path}: duplicate entries for key {show((name,))}")
            seen.add(name)
            check(schema.elem, item, path + show((name,)))
        else:
            check(schema.elem, item, f"{path}[{i}]")


def _go_type(value: Any) -> str:
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}"
    return {bool: "bool", int: "int64", float: "float64"}.get(type(value), "string")


def _check_scalar(kind: str, value: Any, path: str) -> None:
    got = _go_type(value)
    shown = f"&value.valueUnstructured{{Value:{json.dumps(value)}}}"
    if kind in ("int32", "int64", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypedError(f"{path}: expected numeric (int or float), got {got}")
    elif kind == "bool":
        if not isinstance(value, bool):
            raise TypedError(f"{path}: expected boolean, got {shown}")
    elif kind == "string" and not isinstance(value, str):
        raise TypedError(f"{path}: expected string, got {shown}")
