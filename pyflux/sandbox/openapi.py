"""OpenAPI v3 (a document a group version) and v2, made from the same types as everything else."""

from __future__ import annotations

import copy
from hashlib import sha256
from typing import Any

import orjson

from pyflux.sandbox.api.http import Request, Response, json_response
from pyflux.sandbox.registry import Kind, Registry
from pyflux.sandbox.schema.builtin import types
from pyflux.sandbox.schema.model import Field, Schema
from pyflux.sandbox.status import ApiError, Obj, page_not_found
from pyflux.sandbox.version import VERSION

_SCALARS: dict[str, Obj] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number", "format": "double"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "format": "byte"},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "intstr": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
}
_V2_SCALARS = {"quantity": {"type": "string"}, "intstr": {"type": "string", "format": "int-or-string"}}
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_BODIES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Document:
    """Collects the schemas that one document needs; `root` is the prefix of references."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.schemas: dict[str, Obj] = {}

    def node(self, schema: Schema, field: Field | None = None) -> Obj:
        """One schema, structs by reference."""
        if schema.kind == "scalar":
            v2 = _V2_SCALARS if self.root.startswith("#/definitions") else {}
            out = copy.deepcopy(v2.get(schema.scalar) or _SCALARS[schema.scalar])
        elif schema.kind == "list" and schema.elem is not None:
            out = {"type": "array", "items": self.node(schema.elem)}
            if schema.keys:
                out |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(schema.keys)}
            elif schema.is_set:
                out["x-kubernetes-list-type"] = "set"
            else:
                out["x-kubernetes-list-type"] = "atomic"
        elif schema.kind == "map" and schema.elem is not None:
            out = {"type": "object", "additionalProperties": self.node(schema.elem)}
        elif schema.kind == "struct" and schema.name:
            self._define(schema)
            out = {"$ref": f"{self.root}{schema.name}"}
        else:
            out = {"type": "object"} if schema.scalar in ("raw", "fields", "object") else {}
        if field is not None and "$ref" not in out:
            if field.merge_key:
                out["x-kubernetes-patch-merge-key"] = field.merge_key
            if field.merge:
                out["x-kubernetes-patch-strategy"] = "merge"
            if field.default is not None:
                out["default"] = field.default
        elif field is not None and field.retain_keys:
            out = {"allOf": [out], "x-kubernetes-patch-strategy": "retainKeys"}
        return out

    def _define(self, schema: Schema) -> None:
        if schema.name in self.schemas:
            return
        made: Obj = {"type": "object"}
        self.schemas[schema.name] = made
        required = [f.name for f in schema.fields.values() if f.required]
        if required:
            made["required"] = required
        made["properties"] = {f.name: self.node(f.schema, f) for f in schema.fields.values()}
        if schema.atomic:
            made["x-kubernetes-map-type"] = "atomic"

    def kind(self, kind: Kind) -> str:
        """Defines a kind's whole object; returns its name."""
        if kind.custom is not None:
            return self._custom(kind)
        schema = kind.schema
        self.schemas.pop(schema.name, None)
        self._define(schema)
        self.schemas[schema.name]["x-kubernetes-group-version-kind"] = [_gvk(kind)]
        return schema.name

    def _custom(self, kind: Kind) -> str:
        name = ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])
        meta = types().get("meta.v1.ObjectMeta")
        self._define(meta)
        body: Obj = copy.deepcopy(
            kind.custom.openapi or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        )
        properties = body.setdefault("properties", {})
        properties["apiVersion"] = {"type": "string"}
        properties["kind"] = {"type": "string"}
        properties["metadata"] = {"$ref": f"{self.root}{meta.name}"}
        body["x-kubernetes-group-version-kind"] = [_gvk(kind)]
        self.schemas[name] = body
        return name

    def list_kind(self, kind: Kind, item: str) -> str:
        """Defines a kind's list; returns its name."""
        name = item.rsplit(".", 1)[0] + "." + kind.list_kind
        meta = types().get("meta.v1.ListMeta")
        self._define(meta)
        self.schemas[name] = {
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"$ref": f"{self.root}{meta.name}"},
                "items": {"type": "array", "items": {"$ref": f"{self.root}{item}"}},
            },
            "x-kubernetes-group-version-kind": [{**_gvk(kind), "kind": kind.list_kind}],
        }
        return name


def _gvk(kind: Kind) -> Obj:
    return {"group": kind.group, "kind": kind.kind, "version": kind.version}


def _query(name: str, kind: str = "string") -> Obj:
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}


_WRITE = [_query("dryRun"), _query("fieldManager"), _query("fieldValidation")]
_LIST = [
    _query("continue"), _query("fieldSelector"), _query("labelSelector"), _query("limit", "integer"),
    _query("resourceVersion"), _query("resourceVersionMatch"), _query("timeoutSeconds", "integer"),
    _query("watch", "boolean"), _query("allowWatchBookmarks", "boolean"), _query("sendInitialEvents", "boolean"),
]  # fmt: skip


class OpenApi:
    """Answers `/openapi/...`; documents are made when they are asked for and kept until kinds change."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._cache: dict[str, bytes] = {}
        self._generation = -1

    def answer(self, parts: list[str], request: Request) -> Response:
        """A document, or the index of documents."""
        if self._generation != self.registry.generation:
            self._generation = self.registry.generation
            self._cache.clear()
        if parts == ["v2"]:
            if "json" not in request.headers.get("accept", "json") and "*/*" not in request.headers.get("accept", ""):
                raise ApiError(406, "only application/json is served for this document")
            return Response(self._cached("v2", self._v2))
        if parts == ["v3"]:
            return json_response({"paths": self._index()})
        if parts[:1] == ["v3"]:
            path = "/".join(parts[1:])
            for group, versions in self.registry.groups().items():
                for version, kinds in versions.items():
                    if path == _path(group, version):
                        return Response(self._cached(path, lambda k=kinds: self._v3(k)))
        raise page_not_found()

    def _cached(self, key: str, make: Any) -> bytes:
        if key not in self._cache:
            self._cache[key] = orjson.dumps(make())
        return self._cache[key]

    def _index(self) -> Obj:
        out: Obj = {}
        for group, versions in self.registry.groups().items():
            for version in versions:
                path = _path(group, version)
                mark = sha256(f"{path}{self.registry.generation}".encode()).hexdigest().upper()
                out[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={mark}"}
        return out

    def _v3(self, kinds: list[Kind]) -> Obj:
        document = Document("#/components/schemas/")
        paths: Obj = {}
        for kind in kinds:
            name = document.kind(kind)
            listed = document.list_kind(kind, name)
            paths |= _paths(kind, name, listed)
        info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
        return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": document.schemas}}

    def _v2(self) -> Obj:
        document = Document("#/definitions/")
        paths: Obj = {}
        for kind in self.registry.kinds():
            name = document.kind(kind)
            document.list_kind(kind, name)
            for path, item in _paths(kind, name, name).items():
                paths[path] = {verb: _v2_operation(op) if isinstance(op, dict) else op for verb, op in item.items()}
        info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
        return {"swagger": "2.0", "info": info, "paths": paths, "definitions": document.schemas}


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _v2_operation(operation: Obj) -> Obj:
    out = {k: v for k, v in operation.items() if k not in ("requestBody", "parameters")}
    out["parameters"] = [
        {"name": p["name"], "in": p["in"], "type": p["schema"]["type"]} for p in operation["parameters"]
    ]
    out["responses"] = {"200": {"description": "OK"}}
    return out


def _paths(kind: Kind, name: str, listed: str) -> Obj:
    base = f"/{_path(kind.group, kind.version)}"
    if kind.namespaced:
        base += "/namespaces/{namespace}"
    collection = f"{base}/{kind.plural}"
    single = collection + "/{name}"
    reference = {"$ref": f"#/components/schemas/{name}"}
    many = {"$ref": f"#/components/schemas/{listed}"}

    def operation(action: str, parameters: list[Obj], answer: Obj, body: Obj | None = None) -> Obj:
        made: Obj = {
            "parameters": parameters,
            "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answer}}}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _gvk(kind),
        }
        if body is not None:
            made["requestBody"] = {"content": body}
        return made

    whole = {"*/*": {"schema": reference}}
    patch = {m: {"schema": {"type": "object"}} for k, m in _BODIES.items() if k != "strategic" or kind.custom is None}
    out: Obj = {
        collection: {
            "get": operation("list", _LIST, many),
            "post": operation("post", _WRITE, reference, whole),
            "delete": operation("deletecollection", _LIST, reference),
        },
        single: {
            "get": operation("get", [], reference),
            "put": operation("put", _WRITE, reference, whole),
            "patch": operation("patch", [*_WRITE, _query("force", "boolean")], reference, patch),
            "delete": operation("delete", [_query("dryRun"), _query("propagationPolicy")], reference),
        },
    }
    return out
