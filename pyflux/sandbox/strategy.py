"""What each kind does on create, update and delete: the rules beside the common ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.sandbox import crds, validation
from pyflux.sandbox.allocation import allocate_service, keep_service
from pyflux.sandbox.podadmission import admit_pod, pod_status
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.builtin import zero
from pyflux.sandbox.status import Cause, Obj
from pyflux.sandbox.storage import clone

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine

_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
NAMESPACES = "/namespaces"
_SOURCES = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))
_CHANGES_FIRST = ("apps/daemonsets", "/services")
DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions"


def admit_create(engine: Engine, kind: Kind, obj: Obj) -> None:
    """Admission of a new object, before it is prepared."""
    if kind.resource == "/pods":
        admit_pod(engine, obj)
    elif kind.resource == "/persistentvolumeclaims":
        _claim(engine, obj)
    elif kind.resource == "/persistentvolumes":
        obj["metadata"].setdefault("finalizers", []).append("kubernetes.io/pv-protection")
    elif kind.resource == "networking.k8s.io/ingresses":
        _ingress_class(engine, obj)


def _claim(engine: Engine, obj: Obj) -> None:
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if "kubernetes.io/pvc-protection" not in finalizers:
        finalizers.append("kubernetes.io/pvc-protection")
    if "storageClassName" not in obj["spec"]:
        marked = _default_class(engine, "storage.k8s.io/storageclasses", "storageclass.kubernetes.io/is-default-class")
        if marked:
            obj["spec"]["storageClassName"] = marked


def _ingress_class(engine: Engine, obj: Obj) -> None:
    old_way = "kubernetes.io/ingress.class" in (obj["metadata"].get("annotations") or {})
    if "ingressClassName" not in obj["spec"] and not old_way:
        marked = _default_class(
            engine, "networking.k8s.io/ingressclasses", "ingressclass.kubernetes.io/is-default-class"
        )
        if marked:
            obj["spec"]["ingressClassName"] = marked


def _default_class(engine: Engine, resource: str, annotation: str) -> str | None:
    marked = []
    for record in engine.store.table(resource).select(None):
        meta = record.load()["metadata"]
        if (meta.get("annotations") or {}).get(annotation) == "true":
            marked.append(meta)
    marked.sort(key=lambda m: (m["creationTimestamp"], m["name"]))
    return marked[-1]["name"] if marked else None


def prepare_create(engine: Engine, kind: Kind, obj: Obj) -> None:
    """Resets what a client may not set, and sets what the server does."""
    meta = obj["metadata"]
    if kind.custom is not None:
        meta["generation"] = 1
        if kind.has_status:
            obj.pop("status", None)
            # What a schema says of an absent status shows at once.
            kind.custom.refresh(obj)
        return
    if "g" in kind.flags or "o" in kind.flags:
        meta["generation"] = 1
    if kind.has_status and kind.resource not in (DEFINITIONS, "/nodes"):
        obj["status"] = zero(kind.schema.fields["status"].schema)
    _PREPARE.get(kind.resource, _nothing)(obj)


def _nothing(obj: Obj) -> None:
    """Most kinds need no more."""


def _prepare_namespace(obj: Obj) -> None:
    obj["status"] = {"phase": "Active"}
    # A generated name is known only now.
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    finalizers = obj.setdefault("spec", {}).setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")


def _prepare_pod(obj: Obj) -> None:
    obj["status"] = pod_status(obj)


def _prepare_job(obj: Obj) -> None:
    """Selector and labels by the Job's own uid."""
    spec, meta = obj["spec"], obj["metadata"]
    if spec.get("manualSelector"):
        return
    # A Job without labels of its own shares those of its template, and what is added to them here.
    given = (spec["template"].get("metadata") or {}).get("labels")
    shared = bool(given) and meta.get("labels") == given
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    name, uid = meta.get("name", ""), meta["uid"]
    labels |= {"controller-uid": uid, "job-name": name, "batch.kubernetes.io/controller-uid": uid,
               "batch.kubernetes.io/job-name": name}  # fmt: skip
    selector = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    selector["batch.kubernetes.io/controller-uid"] = uid
    if shared:
        meta["labels"] = dict(labels)


def _prepare_priority(obj: Obj) -> None:
    obj.setdefault("value", 0)


def _prepare_claim(obj: Obj) -> None:
    obj["status"] = {"phase": "Pending"}
    spec = obj["spec"]
    # Other sources than claims and snapshots are told by dataSourceRef only.
    source = spec.get("dataSource")
    if source is not None and (source.get("apiGroup") or "", source.get("kind")) not in _SOURCES:
        del spec["dataSource"]
    for one, other in (("dataSource", "dataSourceRef"), ("dataSourceRef", "dataSource")):
        if one in spec and not spec[one].get("namespace"):
            spec.setdefault(other, dict(spec[one]))


def _prepare_volume(obj: Obj) -> None:
    from pyflux.sandbox.schema.scalars import now

    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": now()}


def _prepare_definition(obj: Obj) -> None:
    crds.prepare_create(obj)


def _prepare_daemonset(obj: Obj) -> None:
    obj["metadata"].setdefault("annotations", {})[_TEMPLATE_GENERATION] = "1"


def _prepare_cluster_role(obj: Obj) -> None:
    if obj.get("aggregationRule") and not obj.get("rules"):
        obj["rules"] = None


def _prepare_node(obj: Obj) -> None:
    taints = obj.setdefault("spec", {}).setdefault("taints", [])
    if not any(t.get("key") == "node.kubernetes.io/not-ready" for t in taints):
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})


_PREPARE = {
    "rbac.authorization.k8s.io/clusterroles": _prepare_cluster_role,
    "/nodes": _prepare_node,
    NAMESPACES: _prepare_namespace,
    "/pods": _prepare_pod,
    "/persistentvolumeclaims": _prepare_claim,
    "/persistentvolumes": _prepare_volume,
    "batch/jobs": _prepare_job,
    "apps/daemonsets": _prepare_daemonset,
    "scheduling.k8s.io/priorityclasses": _prepare_priority,
    DEFINITIONS: _prepare_definition,
}


def validate(engine: Engine, kind: Kind, obj: Obj) -> list[Cause]:
    """Errors of a new object, its metadata apart."""
    if kind.custom is not None:
        found: list[Cause] = kind.custom.validate(obj, None)
        return found
    if kind.resource == DEFINITIONS:
        return crds.validate_definition(obj)
    return validation.validate_new(kind, obj) + validation.validate(kind, obj)


def allocate(engine: Engine, kind: Kind, obj: Obj) -> None:
    """What a valid new object is given: addresses and ports, and a Job its template's labels."""
    if kind.resource == "/services":
        allocate_service(engine, obj, None)
    elif kind.resource == "batch/jobs":
        labels = (obj["spec"]["template"].get("metadata") or {}).get("labels")
        if labels and not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)


def _content(obj: Obj) -> Obj:
    return {k: v for k, v in obj.items() if k not in ("metadata", "status", "apiVersion", "kind")}


def prepare_update(engine: Engine, kind: Kind, obj: Obj, old: Obj, subresource: str) -> Obj:
    """The new object with what this (sub)resource may not change taken from the old one."""
    if subresource == "status":
        return _status_update(kind, obj, old)
    if subresource == "finalize":
        spec = {**old.get("spec", {}), "finalizers": (obj.get("spec") or {}).get("finalizers") or []}
        if not spec["finalizers"]:
            del spec["finalizers"]
        made = clone(old)
        made["metadata"]["managedFields"] = obj["metadata"].get("managedFields", [])
        made["spec"] = spec
        return made
    if kind.has_status:
        if "status" in old:
            obj["status"] = clone(old["status"])
        else:
            obj.pop("status", None)
    if kind.resource == NAMESPACES:
        obj["spec"] = clone(old.get("spec", {}))
    elif kind.resource == DEFINITIONS:
        crds.keep_stored(obj)
    elif kind.resource == "/services":
        keep_service(engine, obj, old)
    elif kind.resource == "/secrets" and not obj.get("type"):
        obj["type"] = old["type"]
    elif kind.resource == "apps/daemonsets":
        have = int((old["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "1"))
        changed_template = obj["spec"]["template"] != old["spec"]["template"]
        obj["metadata"].setdefault("annotations", {})[_TEMPLATE_GENERATION] = str(have + changed_template)
    if kind.custom is not None:
        changed = _content(obj) != _content(old)
        if not kind.has_status and obj.get("status") != old.get("status"):
            changed = True
    else:
        changed = "g" in kind.flags and _content(obj) != _content(old)
        if kind.resource == "apps/deployments":
            changed = changed or obj["metadata"].get("annotations") != old["metadata"].get("annotations")
    if changed and "generation" in old["metadata"]:
        obj["metadata"]["generation"] = old["metadata"]["generation"] + 1
    return obj


def _status_update(kind: Kind, obj: Obj, old: Obj) -> Obj:
    made = clone(old)
    if "status" in obj:
        made["status"] = obj["status"]
    else:
        made.pop("status", None)
    if kind.custom is not None:
        meta = made["metadata"]
        if "managedFields" in obj["metadata"]:
            meta["managedFields"] = obj["metadata"]["managedFields"]
        else:
            meta.pop("managedFields", None)
        return made
    meta = {**obj["metadata"]}
    if kind.resource == "apps/deployments":
        meta.pop("labels", None)
        if "labels" in old["metadata"]:
            meta["labels"] = old["metadata"]["labels"]
    if kind.resource == "/pods":
        for key in ("ownerReferences", "deletionTimestamp"):
            meta.pop(key, None)
            if key in old["metadata"]:
                meta[key] = old["metadata"][key]
    made["metadata"] = meta
    return made


def validate_update(engine: Engine, kind: Kind, obj: Obj, old: Obj, subresource: str) -> list[Cause]:
    """Errors of a change, its metadata apart."""
    if kind.custom is not None:
        found: list[Cause] = kind.custom.validate(obj, old, status_only=subresource == "status")
        return found
    if kind.resource == DEFINITIONS:
        return crds.validate_definition_update(obj, old)
    if subresource == "status":
        return validation.validate_status(kind, obj)
    if subresource not in ("", "scale"):
        return []
    changes, found_errors = validation.validate_update(kind, obj, old), validation.validate(kind, obj)
    return changes + found_errors if kind.resource in _CHANGES_FIRST else found_errors + changes


def holds(kind: Kind, obj: Obj) -> bool:
    """Whether an object without finalizers must stay for now: a namespace with content."""
    return kind.resource == NAMESPACES and bool((obj.get("spec") or {}).get("finalizers"))


def mark_deleted(kind: Kind, obj: Obj) -> None:
    """What changes in an object that is going to be deleted."""
    if kind.resource == NAMESPACES:
        obj.setdefault("status", {})["phase"] = "Terminating"
    elif kind.resource == DEFINITIONS:
        crds.mark_terminating(obj)
