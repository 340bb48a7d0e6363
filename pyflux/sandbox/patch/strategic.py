"""Strategic merge patch: lists of built-in kinds merge by their keys, with the `$` directives.

Directives: `$patch: delete|replace|merge`, `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`,
`$retainKeys`.
"""

from __future__ import annotations

import copy
from typing import Any

from pyflux.sandbox.schema.model import ANY, Field, Schema
from pyflux.sandbox.status import ApiError

_DELETE = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def apply(schema: Schema, doc: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The object with the patch applied; neither argument is changed. Raises ApiError 400."""
    return _struct(schema, copy.deepcopy(doc), copy.deepcopy(patch))


def _field(schema: Schema, key: str) -> Field:
    found = schema.fields.get(key)
    if found is not None:
        return found
    return Field(key, (ANY if schema.kind == "any" else schema.elem) or ANY)


def _struct(schema: Schema, doc: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch.pop("$patch", None)
    if directive == "replace":
        return patch
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise ApiError(400, f"Unknown patch type found: {directive}")
    retain = patch.pop("$retainKeys", None)
    if retain is not None:
        doc = {k: v for k, v in doc.items() if k in retain}
    orders = {k[len(_ORDER) :]: patch.pop(k) for k in list(patch) if k.startswith(_ORDER)}
    removals = {k[len(_DELETE) :]: patch.pop(k) for k in list(patch) if k.startswith(_DELETE)}
    for key, gone in removals.items():
        if isinstance(doc.get(key), list):
            doc[key] = [item for item in doc[key] if item not in gone]
    before = {key: list(doc[key]) for key in orders if isinstance(doc.get(key), list)}
    for key, value in patch.items():
        if value is None:
            doc.pop(key, None)
            continue
        _merge_field(_field(schema, key), doc, key, value)
    for key, order in orders.items():
        if isinstance(doc.get(key), list):
            doc[key] = _ordered(_field(schema, key), doc[key], order, before.get(key, []))
    return doc


def _merge_field(found: Field, doc: dict[str, Any], key: str, value: Any) -> None:
    have = doc.get(key)
    if isinstance(value, dict):
        base = have if isinstance(have, dict) else {}
        made = _struct(found.schema, base, value)
        doc[key] = made
    elif isinstance(value, list) and found.merge:
        doc[key] = _list(found, have if isinstance(have, list) else [], value)
    else:
        doc[key] = _clean(value)


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(v) for v in value]
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if not k.startswith(("$patch", "$retainKeys"))}
    return value


def _list(found: Field, have: list[Any], patch: list[Any]) -> list[Any]:
    if any(isinstance(p, dict) and p.get("$patch") == "replace" for p in patch):
        return [p for p in patch if not (isinstance(p, dict) and p.get("$patch") == "replace")]
    key = found.merge_key
    if key is None:
        merged = [*have, *(p for p in patch if p not in have)]
        return _ordered(found, merged, list(dict.fromkeys(patch)), have)
    elem = found.schema.elem or ANY
    out = list(have)
    plain = []
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            shown = go_map(item) if isinstance(item, dict) else item
            raise ApiError(500, f"map: {shown} does not contain declared merge key: {key}", reason="")
        at = next((i for i, h in enumerate(out) if h.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            out = [h for h in out if h.get(key) != item[key]]
            continue
        plain.append(item)
        if at is None:
            out.append(_struct(elem, {}, dict(item)))
        else:
            out[at] = _struct(elem, out[at], dict(item))
    return _ordered(found, out, plain, have)


def go_map(item: Any) -> str:
    """A value as Go prints it."""
    if isinstance(item, list):
        return "[" + " ".join(go_map(i) for i in item) + "]"
    if not isinstance(item, dict):
        return ("true" if item else "false") if isinstance(item, bool) else str(item)
    return "map[" + " ".join(f"{k}:{go_map(item[k])}" for k in sorted(item)) + "]"


def _ordered(found: Field, items: list[Any], order: list[Any], before: list[Any]) -> list[Any]:
    """Items named by `order` stand in that order; the others keep their old place where both are old."""
    key = found.merge_key

    def name(item: Any) -> Any:
        return item.get(key) if key is not None and isinstance(item, dict) else item

    wanted = [name(o) for o in order]
    listed = sorted((i for i in items if name(i) in wanted), key=lambda i: wanted.index(name(i)))
    rest = [i for i in items if name(i) not in wanted]
    old = [name(b) for b in before]
    out: list[Any] = []
    while rest and listed:
        left, right = name(rest[0]), name(listed[0])
        if left in old and right in old and old.index(left) < old.index(right):
            out.append(rest.pop(0))
        else:
            out.append(listed.pop(0))
    return out + rest + listed
