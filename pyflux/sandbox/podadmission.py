"""Admission of pods: service account, tolerations, priority, and the status they start with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.sandbox.objectmeta import generate_name
from pyflux.sandbox.status import Obj, Qualified, forbidden

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine

_PODS = Qualified("", "pods")
_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PRIORITIES = {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}


def admit_pod(engine: Engine, obj: Obj) -> None:
    """Fills a pod as the API server's admission does; 403 when its service account is missing."""
    spec = obj["spec"]
    _service_account(engine, obj, spec)
    _tolerations(spec)
    _priority(engine, obj, spec)


def _service_account(engine: Engine, obj: Obj, spec: Obj) -> None:
    meta = obj["metadata"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = engine.find("/serviceaccounts", meta["namespace"], name)
    if account is None:
        why = f'error looking up service account {meta["namespace"]}/{name}: serviceaccount "{name}" not found'
        raise forbidden(_PODS, meta.get("name") or meta.get("generateName", ""), why)
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if not wanted:
        return
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    lacking = [c for c in containers if all(m.get("mountPath") != _MOUNT for m in c.get("volumeMounts") or [])]
    if not lacking:
        return
    volume = generate_name("kube-api-access-")
    for container in lacking:
        mount = {"name": volume, "readOnly": True, "mountPath": _MOUNT}
        container.setdefault("volumeMounts", []).append(mount)
    spec.setdefault("volumes", []).append({"name": volume, "projected": _projection()})


def _projection() -> Obj:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    certificate = {"key": "ca.crt", "path": "ca.crt"}
    sources: list[Any] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [certificate]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"sources": sources, "defaultMode": 420}


def _tolerations(spec: Obj) -> None:
    have = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in have):
            have.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _priority(engine: Engine, obj: Obj, spec: Obj) -> None:
    name = spec.get("priorityClassName")
    policy = "PreemptLowerPriority"
    value = 0
    if name:
        found = engine.find("scheduling.k8s.io/priorityclasses", "", name)
        if found is not None:
            value, policy = found.get("value", 0), found.get("preemptionPolicy", policy)
        elif name in _PRIORITIES:
            value = _PRIORITIES[name]
        else:
            meta = obj["metadata"]
            raise forbidden(_PODS, meta.get("name") or "", f"no PriorityClass with name {name} was found")
    spec["priority"] = value
    spec.setdefault("preemptionPolicy", policy)


def pod_status(obj: Obj) -> Obj:
    """The status of a new pod: pending, with its quality of service class."""
    containers = [*(obj["spec"].get("containers") or []), *(obj["spec"].get("initContainers") or [])]
    resources = [c.get("resources") or {} for c in containers]
    limits = [r.get("limits") or {} for r in resources]
    requests = [r.get("requests") or {} for r in resources]
    if not any(limits) and not any(requests):
        quality = "BestEffort"
    elif all({"cpu", "memory"} <= set(lim) for lim in limits) and all(
        req.get(k, lim[k]) == lim[k] for req, lim in zip(requests, limits, strict=True) for k in ("cpu", "memory")
    ):
        quality = "Guaranteed"
    else:
        quality = "Burstable"
    return {"phase": "Pending", "qosClass": quality}
