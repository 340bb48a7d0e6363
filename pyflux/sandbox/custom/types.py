"""From a CRD's OpenAPI schema to the type tree of `schema.model`."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.schema.builtin import types
from pyflux.sandbox.schema.model import ANY, Field, Schema
from pyflux.sandbox.status import Obj

_SCALARS = {"string": "string", "integer": "int64", "boolean": "bool", "number": "double"}


def root(openapi: Obj | None) -> Schema:
    """The type of a whole custom object."""
    made = node(openapi or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    if made.kind != "struct":
        made = Schema("struct", elem=ANY)
    _identity(made)
    return made


def _identity(made: Schema) -> None:
    text = Schema("scalar", scalar="string")
    made.fields["apiVersion"] = Field("apiVersion", text)
    made.fields["kind"] = Field("kind", text)
    made.fields["metadata"] = Field("metadata", types().get("meta.v1.ObjectMeta"))


def node(openapi: Any) -> Schema:
    """The type of one schema node."""
    if not isinstance(openapi, dict):
        return ANY
    if openapi.get("x-kubernetes-int-or-string"):
        return Schema("scalar", scalar="intstr")
    kind = openapi.get("type")
    if kind in _SCALARS:
        return Schema("scalar", scalar=_SCALARS[kind])
    if kind == "array":
        return _list(openapi)
    if kind == "object" or "properties" in openapi:
        return _object(openapi)
    return ANY


def _list(openapi: Obj) -> Schema:
    made = Schema("list", elem=node(openapi.get("items") or {}))
    kind = openapi.get("x-kubernetes-list-type", "atomic")
    if kind == "map":
        made.keys = tuple(openapi.get("x-kubernetes-list-map-keys") or ())
    elif kind == "set":
        made.is_set = True
    else:
        made.atomic = True
    return made


def _object(openapi: Obj) -> Schema:
    atomic = openapi.get("x-kubernetes-map-type") == "atomic"
    properties = openapi.get("properties")
    extra = openapi.get("additionalProperties")
    if not properties and isinstance(extra, dict):
        return Schema("map", elem=node(extra), atomic=atomic)
    made = Schema("struct", atomic=atomic)
    for name, child in (properties or {}).items():
        default = child.get("default") if isinstance(child, dict) else None
        made.fields[name] = Field(name, node(child), default=default)
    if openapi.get("x-kubernetes-preserve-unknown-fields") or extra is True:
        made.elem = ANY
    elif isinstance(extra, dict):
        made.elem = node(extra)
    if openapi.get("x-kubernetes-embedded-resource"):
        _identity(made)
        made.embedded = True
    return made
