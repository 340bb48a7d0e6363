"""Whether an apply configuration fits its schema."""

from __future__ import annotations

import json
from typing import Any

from pyflux.sandbox.patch.strategic import go_map
from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.ssa.fieldset import show
from pyflux.sandbox.ssa.typed import TypedError, element


def check(schema: Schema, value: Any) -> None:
    """Raises TypedError with everything in an applied object that its schema does not allow."""
    found: list[str] = []
    _check(schema, value, "", found)
    if found:
        raise TypedError(found[0] if len(found) == 1 else "errors:\n  " + "\n  ".join(found))


def _check(schema: Schema, value: Any, path: str, out: list[str]) -> None:
    kind = schema.kind
    if value is None or kind == "any":
        return
    if kind == "struct" or kind == "map":
        if not isinstance(value, dict):
            out.append(f"{path or '.'}: expected map, got &{{{go_map(value)}}}")
            return
        for key, item in value.items():
            below = schema.child(key)
            if below is None:
                out.append(f"{path}.{key}: field not declared in schema")
            else:
                _check(below, item, f"{path}.{key}", out)
    elif kind == "list":
        _check_list(schema, value, path, out)
    else:
        _check_scalar(schema.scalar, value, path, out)


def _check_list(schema: Schema, value: Any, path: str, out: list[str]) -> None:
    if not isinstance(value, list):
        out.append(f"{path}: expected list, got &{{{go_map(value)}}}")
        return
    assert schema.elem is not None
    seen: set[str] = set()
    for i, item in enumerate(value):
        if schema.keys or schema.is_set:
            try:
                name = element(schema, item)
            except TypedError as error:
                out.append(f"{path}: element {i}: {error}")
                return
            if name in seen:
                out.append(f"{path}: duplicate entries for key {show((name,))}")
            seen.add(name)
            _check(schema.elem, item, path + show((name,)), out)
        else:
            _check(schema.elem, item, f"{path}[{i}]", out)


def _go_type(value: Any) -> str:
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}"
    return {bool: "bool", int: "int64", float: "float64"}.get(type(value), "string")


def _go_syntax(value: Any) -> str:
    """A JSON value as Go source."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k)}:{_go_syntax(value[k])}" for k in sorted(value))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(map(_go_syntax, value)) + "}"
    return "interface {}(nil)" if value is None else json.dumps(value)


def _check_scalar(kind: str, value: Any, path: str, out: list[str]) -> None:
    shown = f"&value.valueUnstructured{{Value:{_go_syntax(value)}}}"
    if kind in ("int32", "int64", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            out.append(f"{path}: expected numeric (int or float), got {_go_type(value)}")
    elif kind == "bool":
        if not isinstance(value, bool):
            out.append(f"{path}: expected boolean, got {shown}")
    elif kind == "string":
        if not isinstance(value, str):
            out.append(f"{path}: expected string, got {shown}")
    elif isinstance(value, (dict, list)):
        out.append(f"{path}: expected any scalar, got &{{{go_map(value)}}}")
