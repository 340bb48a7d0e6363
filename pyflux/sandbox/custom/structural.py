"""Pruning and defaulting of custom objects by their structural schema."""

from __future__ import annotations

import copy
from typing import Any

from pyflux.sandbox.status import Obj

_IDENTITY = ("apiVersion", "kind", "metadata")


def prune(schema: Obj, value: Any, path: str = "", is_root: bool = True) -> list[str]:
    """Removes the fields that the schema does not have, in place; returns their paths."""
    gone: list[str] = []
    _prune(schema, value, path, is_root, gone)
    return gone


def _prune(schema: Obj, value: Any, path: str, is_root: bool, gone: list[str]) -> None:
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for i, item in enumerate(value):
                _prune(items, item, f"{path}[{i}]", False, gone)
        return
    if not isinstance(value, dict):
        return
    keep_unknown = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    is_object = is_root or bool(schema.get("x-kubernetes-embedded-resource"))
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for key in list(value):
        if is_object and key in _IDENTITY:
            if key == "metadata" and not is_root and isinstance(value[key], dict):
                _prune_metadata(value, path, gone)
            continue
        where = f"{path}.{key}" if path else key
        if key in properties:
            _prune(properties[key], value[key], where, False, gone)
        elif isinstance(extra, dict):
            _prune(extra, value[key], where, False, gone)
        elif not keep_unknown and extra is not True:
            del value[key]
            gone.append(where)


def _prune_metadata(value: Obj, path: str, gone: list[str]) -> None:
    """An embedded object has metadata as any other."""
    from pyflux.sandbox.schema.builtin import types
    from pyflux.sandbox.schema.decode import DecodeError, Decoder

    decoder = Decoder()
    try:
        value["metadata"] = decoder.object(types().get("meta.v1.ObjectMeta"), value["metadata"])
    except DecodeError:
        return
    gone += [f"{path}.metadata.{name}" for name in decoder.unknown]


def apply_defaults(schema: Obj, value: Any) -> None:
    """Writes the schema's defaults into a value, in place; nulls that are not allowed are dropped first."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for key, child in properties.items():
            if key in value and value[key] is None and not child.get("nullable"):
                del value[key]
            if key not in value and "default" in child:
                value[key] = copy.deepcopy(child["default"])
            if key in value:
                apply_defaults(child, value[key])
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for key in [k for k in value if k not in properties]:
                if value[key] is None and not extra.get("nullable"):
                    if "default" not in extra:
                        del value[key]
                        continue
                    value[key] = copy.deepcopy(extra["default"])
                apply_defaults(extra, value[key])
    elif isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for i, item in enumerate(value):
                if item is None and not items.get("nullable") and "default" in items:
                    value[i] = copy.deepcopy(items["default"])
                apply_defaults(items, value[i])
