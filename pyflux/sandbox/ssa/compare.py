"""What differs between two typed values."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.ssa.fieldset import SELF, FieldSet
from pyflux.sandbox.ssa.typed import ABSENT, Path, child_schema, element, same_value, shape


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
    if old is not ABSENT and new is not ABSENT:
        if old is new:
            return
        if schema.kind == "any" and not schema.atomic and isinstance(old, dict) != isinstance(new, dict):
            _compare_shapes(schema, old, new, path, out)
            return
    form = shape(schema, new if new is not ABSENT else old)
    empty = (old is ABSENT or not old) and (new is ABSENT or not new)
    if form == "leaf" or empty:
        if old is ABSENT:
            _put(out.added, path)
        elif new is ABSENT:
            _put(out.removed, path)
        elif not same_value(old, new):
            _put(out.modified, path)
        return
    a: Any = {} if old is ABSENT or old is None else old
    b: Any = {} if new is ABSENT or new is None else new
    if form == "struct":
        for key in a.keys() | b.keys():
            _compare(child_schema(schema, key), a.get(key, ABSENT), b.get(key, ABSENT), (*path, "f:" + key), out)
    else:
        _compare_list(schema, a or [], b or [], path, out)
    if old is ABSENT:
        _put(out.added, path)
    elif new is ABSENT:
        _put(out.removed, path)


def _compare_shapes(schema: Schema, old: Any, new: Any, path: Path, out: Comparison) -> None:
    # A deduced value turned from a map into something else (or back): the map's fields go, the leaf changes.
    side, sign = (old, out.removed) if isinstance(old, dict) else (new, out.added)
    for key, item in side.items():
        piece = Comparison()
        _compare(child_schema(schema, key), item, ABSENT, (*path, "f:" + key), piece)
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
            _compare(schema.elem, a[0] if a else ABSENT, b[0] if b else ABSENT, here, out)
        elif len(a) >= 2 and len(b) >= 2:
            if a != b:
                _put(out.modified, here)
        elif len(a) >= 2:
            if b:
                _compare(schema.elem, ABSENT, b[0], here, out)
            _put(out.removed, here)
        else:
            if a:
                _compare(schema.elem, a[0], ABSENT, here, out)
            _put(out.added, here)
