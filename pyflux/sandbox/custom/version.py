"""One version of a custom resource: how its objects are read and checked."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import Any

from pyflux.sandbox.custom import structural, types
from pyflux.sandbox.custom.rules import Tree
from pyflux.sandbox.custom.validate import validate
from pyflux.sandbox.patch.strategic import go_map
from pyflux.sandbox.schema.decode import DecodeError
from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.status import Cause, Obj, bad_request, invalid_value
from pyflux.sandbox.storage import clone

_BLOCKING = ("FieldValueRequired", "FieldValueTypeInvalid", "FieldValueNotSupported", "FieldValueTooLong",
             "FieldValueTooMany")  # fmt: skip
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to "
    "complete validation"
)
log = logging.getLogger("sandbox")


class CustomVersion:
    """A served version of a CRD; `spec` is its entry in `spec.versions`."""

    def __init__(
        self,
        group: str,
        kind: str,
        spec: Obj,
        generation: int = 1,
        storage: CustomVersion | None = None,
        selecting: bool = False,
    ) -> None:
        self.late = generation > 1
        """The definition was changed: objects of before are pruned and defaulted anew when they are read."""
        self.storage = storage
        """The version that objects are kept in, when it is another one."""
        self.selecting = selecting
        """Whether any version of the kind has fields to select by."""
        self.deprecation = ""
        """What clients of this version are warned of."""
        if spec.get("deprecated"):
            default = f"{group}/{spec['name']} {kind} is deprecated"
            self.deprecation = spec.get("deprecationWarning") or default
        self.group = group
        self.kind = kind
        self.spec = spec
        self.openapi: Obj | None = (spec.get("schema") or {}).get("openAPIV3Schema")
        self.columns: list[Obj] = spec.get("additionalPrinterColumns") or []
        self.selectable = {
            f["jsonPath"].lstrip("."): tuple(f["jsonPath"].lstrip(".").split("."))
            for f in spec.get("selectableFields") or []
        }

    @cached_property
    def schema(self) -> Schema:
        """The type tree."""
        return types.root(self.openapi)

    @cached_property
    def rules(self) -> Tree | None:
        """The CEL rules, or None when there are none that compile."""
        if self.openapi is None:
            return None
        try:
            tree = Tree(self.openapi)
        except (ValueError, ImportError) as error:
            log.warning("rules of %s/%s are not checked: %s", self.group, self.kind, error)
            return None
        return tree if tree.useful() else None

    def decode(self, obj: Obj, apply: bool) -> tuple[Obj, list[str]]:
        """The object pruned and defaulted, and the paths of unknown fields."""
        from pyflux.sandbox.body import decode_meta

        try:
            meta, unknown = decode_meta(obj.get("metadata"))
        except DecodeError as error:
            text = f'{self.kind} in version "{self.spec["name"]}" cannot be handled as a {self.kind}: {error}'
            raise bad_request(text) from None
        if apply:
            return obj, []
        made = clone({k: v for k, v in obj.items() if k != "metadata"})
        if self.openapi is not None:
            unknown = [*unknown, *sorted(structural.prune(self.openapi, made))]
            structural.apply_defaults(self.openapi, made)
        made["metadata"] = meta
        return made, unknown

    def refresh(self, obj: Obj) -> None:
        """Prunes and defaults a stored object by this version's schema, in place."""
        if self.openapi is not None:
            structural.prune(self.openapi, obj)
            structural.apply_defaults(self.openapi, obj)

    @property
    def converts(self) -> bool:
        """Whether a stored object may look otherwise in this version."""
        return self.late or self.storage is not None

    def read(self, obj: Obj) -> None:
        """Turns a stored object into one of this version, in place: conversion changes nothing but the name."""
        if self.late:
            (self.storage or self).refresh(obj)
        if self.storage is not None and self.openapi is not None:
            structural.prune(self.openapi, obj)

    def validate(self, obj: Obj, old: Obj | None, status_only: bool = False) -> list[Cause]:
        """Errors by schema and rules; unchanged parts of an old object are not held against a change."""
        if self.openapi is None:
            return self._scale_errors(obj)
        body = _with_metadata(obj)
        causes = validate(self.openapi, body)
        if old is not None and causes:
            before = {(c.field, c.text) for c in validate(self.openapi, _with_metadata(old))}
            causes = [c for c in causes if (c.field, c.text) not in before or _at(obj, c.field) != _at(old, c.field)]
        if status_only:
            # The server checks a status by itself, and names its fields from there.
            causes = [replace(c, text=c.text.replace(" status.", " ", 1)) for c in causes]
        blocked = any(c.kind in _BLOCKING for c in causes)
        causes += self._scale_errors(obj)
        if self.rules is None:
            return causes
        if blocked:
            return [*causes, invalid_value("<nil>", None, _UNCHECKED)]
        found = self.rules.check(body, _with_metadata(old) if old is not None else None)
        if old is not None and found:
            found = [c for c in found if _at(obj, c.field) != _at(old, c.field)]
        return causes + found

    def _scale_errors(self, obj: Obj) -> list[Cause]:
        """The replica counts that the scale subresource reads must be counts."""
        out: list[Cause] = []
        scale = (self.spec.get("subresources") or {}).get("scale") or {}
        for key in ("specReplicasPath", "statusReplicasPath"):
            path = scale.get(key, "")
            value = _at(obj, path.lstrip(".")) if path else None
            parent = _at(obj, path.lstrip(".").rpartition(".")[0]) if path.count(".") > 1 else None
            if parent is not None and not isinstance(parent, dict):
                kind = "[]interface {}, expected map[string]interface{}"
                text = f"{path} accessor error: {go_map(parent)} is of the type {kind}"
                out.append(invalid_value(path, 0, text))
                continue
            if value is None or (type(value) is int and value >= 0):
                continue
            if type(value) is int:
                out.append(invalid_value(path, value, "should be a non-negative integer"))
            else:
                kind = {bool: "bool", float: "float64", str: "string"}.get(type(value), type(value).__name__)
                text = f"{path} accessor error: {value} is of the type {kind}, expected int64"
                out.append(invalid_value(path, 0, text))
        return out


def _with_metadata(obj: Obj) -> Obj:
    """The object as rules see it: of metadata only the names."""
    meta = obj.get("metadata") or {}
    return {**obj, "metadata": {k: meta[k] for k in ("name", "generateName") if k in meta}}


def _at(obj: Obj, field: str) -> Any:
    value: Any = obj
    if field in ("", "<nil>"):
        return {k: v for k, v in obj.items() if k != "metadata"}
    for part in field.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
