"""The API's verbs on stored objects: create, update, patch and delete, in the server's order of steps.

Everything here is synchronous and runs on one event loop, so each call is atomic. Callers await
`store.settled()` before they answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyflux.sandbox import deleting, objectmeta, strategy, validation
from pyflux.sandbox.allocation import Used
from pyflux.sandbox.body import decode_object
from pyflux.sandbox.convert import from_storage, to_storage
from pyflux.sandbox.options import Options
from pyflux.sandbox.podwarnings import name_warnings, pod_warnings
from pyflux.sandbox.registry import Kind, Registry
from pyflux.sandbox.schema.builtin import zero
from pyflux.sandbox.ssa.fieldset import SELF, FieldSet
from pyflux.sandbox.ssa.managed import Manager
from pyflux.sandbox.ssa.scaled import scaled
from pyflux.sandbox.ssa.typed import TypedError
from pyflux.sandbox.status import (
    STALE,
    ApiError,
    Obj,
    Qualified,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    invalid_value,
    not_found,
)
from pyflux.sandbox.storage import Record, Store, clone

Mutator = Callable[[Obj], Obj]


def reset_fields(kind: Kind, subresource: str) -> FieldSet:
    """The fields that nobody can own through this (sub)resource."""
    leaf: FieldSet = {SELF: {}}
    if kind.custom is not None:
        if subresource == "status":
            return {"f:metadata": leaf, "f:spec": leaf}
        return {"f:status": leaf} if kind.has_status else {}
    if subresource == "status":
        out: FieldSet = {"f:spec": leaf}
        if kind.resource == "apps/deployments":
            out["f:metadata"] = {"f:labels": leaf}
        if kind.resource == "apiextensions.k8s.io/customresourcedefinitions":
            out["f:metadata"] = {}
        return out
    return {"f:status": leaf} if kind.has_status else {}


class Engine:
    """The verbs. `on_change(kind, old, new)` hooks see every stored change at once."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self.store = store
        self.registry = registry
        self.hooks: list[Callable[[Kind, Obj | None, Obj | None], None]] = []
        self.used = Used(self)

    # Reading

    def load(self, kind: Kind, record: Record) -> Obj:
        """The object in the version of `kind`."""
        stored = record.load()
        made = {"kind": kind.kind, "apiVersion": kind.api_version, **stored}
        if kind.custom is not None and kind.custom.converts:
            kind.custom.read(made)
        return from_storage(kind, made)

    def record(self, kind: Kind, namespace: str, name: str) -> Record:
        """The stored record; 404 when there is none."""
        found = self.store.get(kind.resource, namespace, name)
        if found is None:
            raise not_found(kind.qualified, name)
        return found

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """The object; 404 when there is none."""
        return self.load(kind, self.record(kind, namespace, name))

    def find(self, resource: str, namespace: str, name: str) -> Obj | None:
        """An object in its stored version, or None; for the server's own use."""
        kind = self.registry.by_resource(resource)
        found = self.store.get(resource, namespace, name)
        return self.load(kind, found) if kind is not None and found is not None else None

    # Writing

    def _manager(self, kind: Kind, subresource: str = "") -> Manager:
        empty: Obj = zero(kind.schema) if kind.custom is None else {}
        return Manager(kind.schema, kind.api_version, subresource, reset_fields(kind, subresource), empty)

    def create(self, kind: Kind, namespace: str, obj: Obj, options: Options) -> Obj:
        """Stores a new object."""
        obj = decode_object(kind, obj, options)
        meta = obj["metadata"]
        objectmeta.wipe(meta)
        self._match_namespace(kind, namespace, meta)
        managed = self._manager(kind).update(None, obj, options.manager_or_agent)
        _set_managed(meta, managed)
        return self._create(kind, namespace, obj, options)

    def _create(self, kind: Kind, namespace: str, obj: Obj, options: Options) -> Obj:
        meta = obj["metadata"]
        self._check_namespace(kind, namespace, meta.get("name") or meta.get("generateName", ""))
        if meta.get("resourceVersion"):
            raise ApiError(500, "resourceVersion should not be set on objects to be created", reason="")
        strategy.admit_create(self, kind, obj)
        objectmeta.fill(meta)
        if kind.namespaced:
            meta["namespace"] = namespace
        generated = not meta.get("name") and bool(meta.get("generateName"))
        if generated:
            meta["name"] = objectmeta.generate_name(meta["generateName"])
        strategy.prepare_create(self, kind, obj)
        causes = objectmeta.validate(meta, kind.resource, kind.namespaced, kind.custom is None)
        causes += strategy.validate(self, kind, obj)
        if causes:
            raise invalid(kind.qualified_kind, meta.get("name", ""), causes)
        options.warnings += name_warnings(kind, meta["name"])
        options.warnings += [*pod_warnings(kind, obj), *validation.warnings(kind, obj)]
        if self.store.get(kind.resource, namespace, meta["name"]) is not None:
            error = already_exists(kind.qualified, meta["name"])
            if generated:
                error.message = error.message.replace(
                    "already exists", "already exists, the server was not able to generate a unique name for the object"
                )
            raise error
        strategy.allocate(self, kind, obj)
        return self.store_object(kind, None, obj, options)

    def store_object(self, kind: Kind, old: Obj | None, obj: Obj, options: Options) -> Obj:
        """Writes an object, unless it is a dry run, and tells the hooks."""
        stored = to_storage(kind, obj)
        if kind.custom is not None and kind.custom.storage is not None:
            stored = clone(obj)
            kind.custom.storage.refresh(stored)
            obj = clone(stored)
            kind.custom.read(obj)
        if options.dry_run:
            if old is not None:
                obj["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            return obj
        record = self.store.put(kind.resource, stored)
        obj["metadata"]["resourceVersion"] = str(record.version)
        for hook in self.hooks:
            hook(kind, old, obj)
        return obj

    def _match_namespace(self, kind: Kind, namespace: str, meta: Obj) -> None:
        if not kind.namespaced:
            meta.pop("namespace", None)
            return
        given = meta.get("namespace")
        if not given:
            meta["namespace"] = namespace
        elif given != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.find("/namespaces", "", namespace)
        if found is None:
            raise not_found(Qualified("", "namespaces"), namespace)
        if found["metadata"].get("deletionTimestamp"):
            text = f"unable to create new content in namespace {namespace} because it is being terminated"
            error = forbidden(kind.qualified, name, text)
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            error.details = {**(error.details or {}), "causes": [cause]}
            raise error

    def update(
        self, kind: Kind, namespace: str, name: str, body: Obj, options: Options, subresource: str = ""
    ) -> tuple[Obj, bool]:
        """Replaces an object; returns it and whether it was made new."""
        obj = decode_object(kind, body, options)
        meta = obj["metadata"]
        self._match_namespace(kind, namespace, meta)
        if meta.get("name") and meta["name"] != name:
            raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
        meta["name"] = name
        found = self.store.get(kind.resource, namespace, name)
        if found is None:
            if "c" in kind.flags and not subresource:
                if meta.get("uid") or meta.get("resourceVersion"):
                    raise not_found(kind.qualified, name) if not meta.get("uid") else _uid_gone(kind, name, meta)
                return self.create(kind, namespace, body, options), True
            raise not_found(kind.qualified, name)
        old = self.load(kind, found)
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            raise _other_uid(kind, meta, old["metadata"]["uid"])
        if not subresource and not meta.get("resourceVersion") and (kind.custom is not None or "r" in kind.flags):
            cause = invalid_value(
                "metadata.resourceVersion", 0 if kind.custom is not None else "", "must be specified for an update"
            )
            raise invalid(kind.qualified if kind.custom is not None else kind.qualified_kind, name, [cause])
        if kind.custom is not None and subresource and not meta.get("resourceVersion"):
            cause = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(kind.qualified if kind.custom is not None else kind.qualified_kind, name, [cause])
        return self._update(kind, old, obj, options, subresource), False

    def _update(
        self, kind: Kind, old: Obj, obj: Obj, options: Options, subresource: str, managed: list[Obj] | None = None
    ) -> Obj:
        """The common end of updates and patches. `managed` is given by server-side apply."""
        meta, was = obj["metadata"], old["metadata"]
        name = was["name"]
        version = meta.get("resourceVersion")
        if version and version != was["resourceVersion"]:
            raise conflict(kind.qualified, name, STALE)
        if subresource == "scale":
            path = scale_path(kind)
            before, after = objectmeta.get(old, *path), objectmeta.get(obj, *path)
            held = was.get("managedFields")
            managed = scaled(held, kind.api_version, path, before, after, options.manager_or_agent)
        elif managed is None:
            managed = self._manager(kind, subresource).update(old, obj, options.manager_or_agent)
        _set_managed(meta, managed)
        if _same(obj, old):
            _keep_times(meta, was)
        meta["resourceVersion"] = was["resourceVersion"]
        objectmeta.keep_system_fields(meta, was)
        obj = strategy.prepare_update(self, kind, obj, old, subresource)
        meta = obj["metadata"]
        # The server checks this twice, and says so twice.
        causes = objectmeta.validate_update(meta, was) * 2
        causes += objectmeta.validate(meta, kind.resource, kind.namespaced, kind.custom is None) if not causes else []
        causes += strategy.validate_update(self, kind, obj, old, subresource)
        if causes:
            raise invalid(kind.qualified_kind, name, causes)
        if meta.get("generation") != was.get("generation"):
            options.warnings += pod_warnings(kind, obj)
        if obj == old:
            return obj
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and not strategy.holds(kind, obj):
            return self.finish_delete(kind, obj, options)
        return self.store_object(kind, old, obj, options)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        mutate: Mutator,
        options: Options,
        subresource: str = "",
        shown: str | None = None,
    ) -> Obj:
        """Applies a patch function to the current object and stores the outcome."""
        old = self.get(kind, namespace, name)
        patched = mutate(clone(old))
        obj = decode_object(kind, patched, options, patch=True if shown is None else shown)
        meta = obj["metadata"]
        self._match_patch_identity(kind, name, namespace, meta)
        return self._update(kind, old, obj, options, subresource)

    def _match_patch_identity(self, kind: Kind, name: str, namespace: str, meta: Obj) -> None:
        if meta.get("name") != name:
            raise bad_request(
                f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({name})"
                if meta.get("name")
                else "name must be provided"
            )
        self._match_namespace(kind, namespace, meta)

    def apply(
        self, kind: Kind, namespace: str, name: str, config: Obj, options: Options, subresource: str = ""
    ) -> tuple[Obj, bool]:
        """Server-side apply; returns the object and whether it was made new."""
        found = self.store.get(kind.resource, namespace, name)
        meta = config.setdefault("metadata", {}) or {}
        config["metadata"] = meta
        if config.get("apiVersion") != kind.api_version or config.get("kind") != kind.kind:
            raise bad_request(
                f"invalid object type: {group_version(config.get('apiVersion'))}, Kind={config.get('kind') or ''}"
            )
        if meta.get("name") and meta["name"] != name:
            raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
        if meta.get("namespace") and kind.namespaced and meta["namespace"] != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        config = decode_object(kind, config, options, apply=True)
        live = self.load(kind, found) if found is not None else None
        if live is None and not meta.get("name"):
            raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
        if live is None and subresource:
            raise not_found(kind.qualified, name)
        try:
            merged = self._manager(kind, subresource).apply(live, config, options.manager, options.force)
        except TypedError as error:
            raise ApiError(500, f"failed to create typed patch object: {error}", reason="") from None
        managed = merged["metadata"].get("managedFields") or []
        merged["apiVersion"], merged["kind"] = kind.api_version, kind.kind
        if live is None:
            return self._apply_create(kind, namespace, merged, managed, options, _where(config)), True
        obj = decode_object(kind, merged, options, quiet=True, where=_where(config))
        if not subresource and "resourceVersion" in (config.get("metadata") or {}):
            obj["metadata"]["resourceVersion"] = config["metadata"]["resourceVersion"]
        elif "resourceVersion" not in (config.get("metadata") or {}):
            obj["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        return self._update(kind, live, obj, options, subresource, managed), False

    def _apply_create(
        self, kind: Kind, namespace: str, merged: Obj, managed: list[Obj], options: Options, where: str
    ) -> Obj:
        merged["metadata"].pop("resourceVersion", None)
        if merged["metadata"].get("uid"):
            raise _uid_gone(kind, merged["metadata"].get("name", ""), merged["metadata"])
        merged = decode_object(kind, merged, options, quiet=True, where=where)
        objectmeta.wipe(merged["metadata"])
        self._match_namespace(kind, namespace, merged["metadata"])
        _set_managed(merged["metadata"], managed)
        return self._create(kind, namespace, merged, options)

    # Deleting

    def delete(self, kind: Kind, namespace: str, name: str, delete_options: Obj, options: Options) -> tuple[Obj, int]:
        """Deletes or marks for deletion; returns the body of the answer and its code."""
        return deleting.delete(self, kind, self.get(kind, namespace, name), delete_options, options)

    def finish_delete(self, kind: Kind, obj: Obj, options: Options) -> Obj:
        """Removes an object that nothing holds, unless it is a dry run, and tells the hooks."""
        if options.dry_run:
            return obj
        meta = obj["metadata"]
        found = self.store.get(kind.resource, meta.get("namespace", ""), meta["name"])
        if found is None:
            return obj
        gone = self.store.delete(kind.resource, found)
        last = self.load(kind, gone)
        for hook in self.hooks:
            hook(kind, last, None)
        obj["metadata"]["resourceVersion"] = found.load()["metadata"]["resourceVersion"]
        return obj


def scale_path(kind: Kind) -> tuple[str, ...]:
    """Where a kind keeps the replicas that its scale sets."""
    text = kind.scale["specReplicasPath"] if kind.custom is not None else ".spec.replicas"
    return tuple(p for p in text.split(".") if p)


def _where(config: Obj) -> str:
    meta = config.get("metadata") or {}
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}"


def group_version(text: str | None) -> str:
    """An apiVersion as Go prints it: the core group is an empty word before the slash."""
    return text if text and "/" in text else f"/{text or ''}"


def _uid_gone(kind: Kind, name: str, meta: Obj) -> ApiError:
    text = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: "
    return conflict(kind.qualified, name, text)


def _other_uid(kind: Kind, meta: Obj, have: str) -> ApiError:
    key = f"/registry/{kind.resource.strip('/') if kind.custom else kind.plural}/"
    key += f"{meta['namespace']}/{meta['name']}" if kind.namespaced else meta["name"]
    why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {have}"
    text = f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {why}"
    return conflict(kind.qualified, meta["name"], text)


def _set_managed(meta: Obj, managed: list[Obj]) -> None:
    if managed:
        meta["managedFields"] = managed
    else:
        meta.pop("managedFields", None)


def _strip_times(entries: Any) -> Any:
    return [{k: v for k, v in e.items() if k != "time"} for e in entries or []]


def _same(new: Obj, old: Obj) -> bool:
    """Whether nothing but the times of managedFields differs."""
    a, b = dict(new["metadata"]), dict(old["metadata"])
    one, two = a.pop("managedFields", None), b.pop("managedFields", None)
    for meta in (a, b):
        meta.pop("resourceVersion", None)
        meta.pop("generation", None)
    if _strip_times(one) != _strip_times(two) or a != b:
        return False
    return {k: v for k, v in new.items() if k != "metadata"} == {k: v for k, v in old.items() if k != "metadata"}


def _keep_times(meta: Obj, was: Obj) -> None:
    if "managedFields" in was:
        meta["managedFields"] = was["managedFields"]
