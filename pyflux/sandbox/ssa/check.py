"""Whether an apply configuration fits its schema."""

from __future__ import annotations

import json
from typing import Any

from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.ssa.fieldset import show
from pyflux.sandbox.ssa.typed import TypedError, element


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
