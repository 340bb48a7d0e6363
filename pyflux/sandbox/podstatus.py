"""The statuses that workloads get in the sandbox, a function a kind: (object, failure) to status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.status import Obj

FAIL = "sandbox.pyflux.dev/fail"
Maker = Callable[[Obj, str], Obj | None]


def _condition(kind: str, status: bool, reason: str, message: str, old: list[Obj], update: bool = False) -> Obj:
    before = next((c for c in old if c["type"] == kind), None)
    value = "True" if status else "False"
    since = before["lastTransitionTime"] if before and before["status"] == value else now()
    made = {"type": kind, "status": value, "lastTransitionTime": since, "reason": reason, "message": message}
    if update:
        same = before and before["status"] == value and before.get("reason") == reason
        made["lastUpdateTime"] = before["lastUpdateTime"] if before and same else now()
    return {k: v for k, v in made.items() if v}


def _old(obj: Obj) -> list[Obj]:
    return (obj.get("status") or {}).get("conditions") or []


def deployment(obj: Obj, failure: str) -> Obj:
    """All replicas up, or a deadline exceeded."""
    spec, old = obj["spec"], _old(obj)
    count = 0 if spec.get("replicas") == 0 else spec.get("replicas", 1)
    name = obj["metadata"]["name"]
    out: Obj = {"observedGeneration": obj["metadata"]["generation"], "replicas": count, "updatedReplicas": count}
    if failure:
        text = "Deployment does not have minimum availability."
        out |= {"readyReplicas": 0, "availableReplicas": 0, "unavailableReplicas": count}
        late = f'Deployment "{name}" exceeded its progress deadline: {failure}'
        out["conditions"] = [
            _condition("Available", False, "MinimumReplicasUnavailable", text, old, True),
            _condition("Progressing", False, "ProgressDeadlineExceeded", late, old, True),
        ]
        return out
    text = "Deployment has minimum availability."
    done = f'Deployment "{name}" has successfully progressed.'
    out |= {"readyReplicas": count, "availableReplicas": count, "unavailableReplicas": 0}
    out["conditions"] = [
        _condition("Available", True, "MinimumReplicasAvailable", text, old, True),
        _condition("Progressing", True, "NewReplicaSetAvailable", done, old, True),
    ]
    return out


def _replicas(obj: Obj, failure: str) -> tuple[int, int]:
    count = obj["spec"].get("replicas", 1)
    return count, 0 if failure else count


def replica_set(obj: Obj, failure: str) -> Obj:
    """All replicas up."""
    count, up = _replicas(obj, failure)
    return {"observedGeneration": obj["metadata"].get("generation", 0), "replicas": count,
            "fullyLabeledReplicas": count,
            "readyReplicas": up, "availableReplicas": up}  # fmt: skip


def stateful_set(obj: Obj, failure: str) -> Obj:
    """All replicas up, in one revision."""
    count, up = _replicas(obj, failure)
    revision = f"{obj['metadata']['name']}-{obj['metadata']['generation']}"
    return {"observedGeneration": obj["metadata"]["generation"], "replicas": count, "readyReplicas": up,
            "currentReplicas": count, "updatedReplicas": count, "availableReplicas": up, "collisionCount": 0,
            "currentRevision": revision, "updateRevision": revision}  # fmt: skip


def daemon_set(obj: Obj, failure: str) -> Obj:
    """Up on the one node that there would be."""
    up = 0 if failure else 1
    return {"observedGeneration": obj["metadata"]["generation"], "desiredNumberScheduled": 1,
            "currentNumberScheduled": 1, "updatedNumberScheduled": 1, "numberReady": up, "numberAvailable": up,
            "numberUnavailable": 1 - up, "numberMisscheduled": 0}  # fmt: skip


def job(obj: Obj, failure: str) -> Obj | None:
    """Complete at once, or failed."""
    spec, old = obj["spec"], _old(obj)
    status = obj.get("status") or {}
    if any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in old):
        return None
    if spec.get("suspend"):
        return {"conditions": [_condition("Suspended", True, "JobSuspended", "Job suspended", old)]}
    start = status.get("startTime") or now()
    base: Obj = {"startTime": start, "active": 0, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
    if failure:
        reason = "BackoffLimitExceeded"
        text = f"Job has reached the specified backoff limit: {failure}"
        conditions = [_condition(t, True, reason, text, old) for t in ("FailureTarget", "Failed")]
        return {**base, "failed": 1, "conditions": conditions}
    count = spec.get("completions") or 1
    reason, text = "CompletionsReached", "Reached expected number of succeeded pods"
    conditions = [_condition(t, True, reason, text, old) for t in ("SuccessCriteriaMet", "Complete")]
    return {**base, "succeeded": count, "completionTime": now(), "conditions": conditions}


def pod(obj: Obj, failure: str) -> Obj | None:
    """Running, or failed."""
    old = _old(obj)
    status = obj.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return None
    containers = [(c["name"], c["image"]) for c in obj["spec"]["containers"]]
    started = status.get("startTime") or now()
    if failure:
        return {"phase": "Failed", "reason": "Sandbox", "message": failure, "startTime": started}
    states: list[Any] = [
        {"name": n, "image": i, "imageID": "", "ready": True, "started": True, "restartCount": 0,
         "state": {"running": {"startedAt": started}}, "lastState": {}}
        for n, i in containers
    ]  # fmt: skip
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    conditions = [_condition(t, True, "", "", old) for t in kinds]
    return {"phase": "Running", "startTime": started, "conditions": conditions, "containerStatuses": states}


def claim(obj: Obj, failure: str) -> Obj | None:
    """Bound, with the size it asked for."""
    spec = obj["spec"]
    if failure:
        return None
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
    return {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": {"storage": size}}


def volume(obj: Obj, failure: str) -> Obj | None:
    """Available."""
    phase = (obj.get("status") or {}).get("phase")
    return {"phase": "Available"} if phase in (None, "Pending") and not failure else None


def disruption_budget(obj: Obj, failure: str) -> Obj:
    """Observed, with nothing to protect."""
    old = _old(obj)
    conditions = [_condition("DisruptionAllowed", True, "SufficientPods", "", old)]
    conditions[0]["message"] = ""
    return {"observedGeneration": obj["metadata"]["generation"], "disruptionsAllowed": 0, "currentHealthy": 0,
            "desiredHealthy": 0, "expectedPods": 0, "conditions": conditions}  # fmt: skip


def service(obj: Obj, failure: str) -> Obj | None:
    """A load balancer gets a loopback address."""
    if obj["spec"].get("type") != "LoadBalancer" or failure:
        return None
    return {"loadBalancer": {"ingress": [{"ip": "127.0.0.1", "ipMode": "VIP"}]}}


STATUSES: dict[str, Maker] = {
    "/apis/apps/v1/deployments": deployment,
    "/apis/apps/v1/replicasets": replica_set,
    "/apis/apps/v1/statefulsets": stateful_set,
    "/apis/apps/v1/daemonsets": daemon_set,
    "/apis/batch/v1/jobs": job,
    "/apis/policy/v1/poddisruptionbudgets": disruption_budget,
    "/api/v1/pods": pod,
    "/api/v1/persistentvolumeclaims": claim,
    "/api/v1/persistentvolumes": volume,
    "/api/v1/services": service,
}
