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
    for key, value in patch.items():
        if value is None:
            doc.pop(key, None)
            continue
        _merge_field(_field(schema, key), doc, key, value)
    for key, order in orders.items():
        if isinstance(doc.get(key), list):
            doc[key] = _ordered(_field(schema, key), doc[key], order)
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
    if found.merge_key is None:
        return [*have, *(p for p in patch if p not in have)]
    elem = found.schema.elem or ANY
    out = list(have)
    for item in patch:
        if not isinstance(item, dict):
            raise ApiError(400, f"map: {item} does not contain declared merge key: {found.merge_key}")
        if found.merge_key not in item:
            raise ApiError(400, f"map: {_go_map(item)} does not contain declared merge key: {found.merge_key}")
        at = next((i for i, h in enumerate(out) if h.get(found.merge_key) == item[found.merge_key]), None)
        if item.get("$patch") == "delete":
            out = [h for h in out if h.get(found.merge_key) != item[found.merge_key]]
        elif at is None:
            out.append(_struct(elem, {}, item))
        else:
            out[at] = _struct(elem, out[at], item)
    return out


def _go_map(item: dict[str, Any]) -> str:
    return "map[" + " ".join(f"{k}:{item[k]}" for k in sorted(item)) + "]"


def _ordered(found: Field, items: list[Any], order: list[Any]) -> list[Any]:
    """Puts the items named by the order in that order; the others keep their place relative to them."""
    key = found.merge_key

    def name(item: Any) -> Any:
        return item.get(key) if key is not None and isinstance(item, dict) else item

    wanted = [name(o) for o in order]
    listed = [i for i in items if name(i) in wanted]
    listed.sort(key=lambda i: wanted.index(name(i)))
    rest = [i for i in items if name(i) not in wanted]
    positions = {id(item): at for at, item in enumerate(items)}
    out: list[Any] = []
    while listed and rest:
        if positions[id(rest[0])] < positions[id(listed[0])]:
            out.append(rest.pop(0))
        else:
            out.append(listed.pop(0))
    return out + listed + rest
