"""Deletion: preconditions, propagation, finalizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.sandbox import strategy
from pyflux.sandbox.options import Options
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.status import Obj, conflict, forbidden
from pyflux.sandbox.storage import clone

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine

_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
IMMORTAL = ("default", "kube-system", "kube-public")


def delete(engine: Engine, kind: Kind, old: Obj, delete_options: Obj, options: Options) -> tuple[Obj, int]:
    """Deletes or marks for deletion; returns the body of the answer and its code."""
    name = old["metadata"]["name"]
    _preconditions(kind, old, delete_options)
    if kind.resource == "/namespaces" and name in IMMORTAL:
        raise forbidden(kind.qualified, name, "this namespace may not be deleted")
    obj, gone = _delete(engine, kind, old, delete_options, options)
    if gone and "d" not in kind.flags:
        details: Obj = {"name": name}
        if kind.group:
            details["group"] = kind.group
        details |= {"kind": kind.plural, "uid": old["metadata"]["uid"]}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}, 200
    return obj, 202 if not gone and delete_options.get("orphanDependents") is False else 200


def _preconditions(kind: Kind, old: Obj, delete_options: Obj) -> None:
    wanted = delete_options.get("preconditions") or {}
    meta = old["metadata"]
    for key, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if wanted.get(key) and wanted[key] != meta.get(key):
            why = "deleted and then recreated" if key == "uid" else "modified"
            text = (
                f"the {label} in the precondition ({wanted[key]}) does not match the {label} in record "
                f"({meta.get(key)}). The object might have been {why}"
            )
            raise conflict(kind.qualified_kind, meta["name"], text)


def _delete(engine: Engine, kind: Kind, old: Obj, delete_options: Obj, options: Options) -> tuple[Obj, bool]:
    obj = clone(old)
    meta = obj["metadata"]
    finalizers = [f for f in meta.get("finalizers") or [] if f not in ("orphan", "foregroundDeletion")]
    policy = delete_options.get("propagationPolicy")
    if delete_options.get("orphanDependents") is not None and policy is None:
        policy = "Orphan" if delete_options["orphanDependents"] else "Background"
    if policy is None:
        finalizers = list(meta.get("finalizers") or [])
    elif policy == "Orphan":
        finalizers.append("orphan")
    elif policy == "Foreground":
        finalizers.append("foregroundDeletion")
    if kind.resource == strategy.DEFINITIONS and _CLEANUP not in finalizers:
        finalizers.append(_CLEANUP)
    meta["finalizers"] = finalizers
    if not finalizers:
        del meta["finalizers"]
    if not finalizers and not strategy.holds(kind, obj):
        if kind.resource == "/pods":
            _mark(meta)
        return engine.finish_delete(kind, obj, options), True
    if not meta.get("deletionTimestamp"):
        if kind.resource in (strategy.DEFINITIONS, strategy.NAMESPACES):
            meta["deletionTimestamp"] = now()
        else:
            _mark(meta)
    strategy.mark_deleted(kind, obj)
    if obj == old:
        return obj, False
    return engine.store_object(kind, old, obj, options), False


def _mark(meta: Obj) -> None:
    meta["deletionTimestamp"] = now()
    meta["deletionGracePeriodSeconds"] = 0
    if "generation" in meta:
        meta["generation"] += 1
