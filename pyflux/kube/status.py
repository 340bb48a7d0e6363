"""Readiness of any object, by the rules that kubectl, Flux and kstatus share.

`Current` means the controller has done what the spec asks. Source of the rules: the kstatus library's documented
behaviour for built-in kinds, and for all others the conditions Ready, Reconciling and Stalled with
`observedGeneration`.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Obj = dict[str, Any]

CURRENT = "Current"
IN_PROGRESS = "InProgress"
FAILED = "Failed"
TERMINATING = "Terminating"
NOT_FOUND = "NotFound"
UNKNOWN = "Unknown"


class Readiness(NamedTuple):
    """One of the words above, and why."""

    status: str
    message: str = ""


def condition(obj: Obj, kind: str) -> Obj | None:
    """The condition of a type, None where there is none."""
    for found in (obj.get("status") or {}).get("conditions") or []:
        if found.get("type") == kind:
            result: Obj = found
            return result
    return None


def _is(obj: Obj, kind: str, value: str = "True") -> Obj | None:
    found = condition(obj, kind)
    return found if found is not None and found.get("status") == value else None


def readiness(obj: Obj) -> Readiness:
    """Whether an object is ready, on its way, failed or going."""
    if obj.get("metadata", {}).get("deletionTimestamp"):
        return Readiness(TERMINATING, "Resource scheduled for deletion")
    group = obj.get("apiVersion", "").rpartition("/")[0]
    rule = _RULES.get((group, obj.get("kind", "")))
    if rule is not None:
        return rule(obj)
    generic = _generic(obj)
    return generic if generic is not None else Readiness(CURRENT, "Resource is current")


def _generic(obj: Obj) -> Readiness | None:
    """What generation and conditions say, None where they say nothing."""
    status = obj.get("status") or {}
    observed = status.get("observedGeneration")
    generation = obj["metadata"].get("generation")
    if observed is not None and generation is not None and observed != generation:
        return Readiness(
            IN_PROGRESS, f"{obj['kind']} generation is {generation}, but latest observed generation is {observed}"
        )
    stalled = _is(obj, "Stalled")
    if stalled is not None:
        return Readiness(FAILED, stalled.get("message", ""))
    reconciling = _is(obj, "Reconciling")
    if reconciling is not None:
        return Readiness(IN_PROGRESS, reconciling.get("message", ""))
    ready = condition(obj, "Ready")
    if ready is None:
        return None
    if ready.get("status") == "True":
        return Readiness(CURRENT, "Resource is Ready")
    return Readiness(IN_PROGRESS, ready.get("message", ""))


def _number(obj: Obj, name: str, default: int = 0) -> int:
    return int((obj.get("status") or {}).get(name) or default)


def _replicas(obj: Obj) -> int:
    wanted = (obj.get("spec") or {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def _stale(obj: Obj) -> Readiness | None:
    generation = obj["metadata"].get("generation")
    observed = (obj.get("status") or {}).get("observedGeneration")
    if generation is not None and (observed or 0) != generation:
        return Readiness(
            IN_PROGRESS, f"{obj['kind']} generation is {generation}, but latest observed generation is {observed or 0}"
        )
    return None


def _deployment(obj: Obj) -> Readiness:
    stale = _stale(obj)
    if stale is not None:
        return stale
    progress = condition(obj, "Progressing")
    if progress is not None and progress.get("reason") == "ProgressDeadlineExceeded":
        return Readiness(FAILED, "Progress deadline exceeded")
    wanted, total = _replicas(obj), _number(obj, "replicas")
    updated, ready, available = (
        _number(obj, name) for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    if total < wanted:
        return Readiness(IN_PROGRESS, f"Replicas: {total}/{wanted}")
    if updated < wanted:
        return Readiness(IN_PROGRESS, f"Updated: {updated}/{wanted}")
    if total > wanted:
        return Readiness(IN_PROGRESS, f"Pending termination: {total - wanted}")
    if updated > available:
        return Readiness(IN_PROGRESS, f"Available: {available}/{updated}")
    if ready < wanted:
        return Readiness(IN_PROGRESS, f"Ready: {ready}/{wanted}")
    if progress is not None and progress.get("reason") != "NewReplicaSetAvailable" and wanted:
        return Readiness(IN_PROGRESS, "ReplicaSet not Available")
    if _is(obj, "Available") is None and wanted:
        return Readiness(IN_PROGRESS, "Deployment not Available")
    return Readiness(CURRENT, f"Deployment is available. Replicas: {total}")


def _replica_set(obj: Obj) -> Readiness:
    stale = _stale(obj)
    if stale is not None:
        return stale
    failure = _is(obj, "ReplicaFailure")
    if failure is not None:
        return Readiness(IN_PROGRESS, "Replica Failure condition. Check Pods")
    wanted = _replicas(obj)
    for name, label in (
        ("fullyLabeledReplicas", "Labelled"),
        ("availableReplicas", "Available"),
        ("readyReplicas", "Ready"),
    ):
        have = _number(obj, name)
        if have < wanted:
            return Readiness(IN_PROGRESS, f"{label}: {have}/{wanted}")
    if _number(obj, "replicas") > wanted:
        return Readiness(IN_PROGRESS, f"Pending termination: {_number(obj, 'replicas') - wanted}")
    return Readiness(CURRENT, f"ReplicaSet is available. Replicas: {wanted}")


def _stateful_set(obj: Obj) -> Readiness:
    stale = _stale(obj)
    if stale is not None:
        return stale
    strategy = (obj.get("spec") or {}).get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return Readiness(CURRENT, "StatefulSet is using the ondelete update strategy")
    wanted, total = _replicas(obj), _number(obj, "replicas")
    ready, current, updated = (_number(obj, name) for name in ("readyReplicas", "currentReplicas", "updatedReplicas"))
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if total < wanted:
        return Readiness(IN_PROGRESS, f"Replicas: {total}/{wanted}")
    if ready < wanted:
        return Readiness(IN_PROGRESS, f"Ready: {ready}/{wanted}")
    if total > wanted:
        return Readiness(IN_PROGRESS, f"Pending termination: {total - wanted}")
    if partition:
        if updated < wanted - int(partition):
            return Readiness(IN_PROGRESS, f"updated: {updated}/{wanted - int(partition)}")
        return Readiness(CURRENT, f"Partition rollout complete. updated: {updated}")
    if current < wanted:
        return Readiness(IN_PROGRESS, f"current: {current}/{wanted}")
    status = obj.get("status") or {}
    if status.get("currentRevision") != status.get("updateRevision"):
        return Readiness(IN_PROGRESS, "Waiting for updated revision to match current")
    return Readiness(CURRENT, f"All replicas scheduled as expected. Replicas: {total}")


def _daemon_set(obj: Obj) -> Readiness:
    stale = _stale(obj)
    if stale is not None:
        return stale
    wanted = _number(obj, "desiredNumberScheduled", -1) if "desiredNumberScheduled" in (obj.get("status") or {}) else -1
    if wanted < 0:
        return Readiness(IN_PROGRESS, "Missing .status.desiredNumberScheduled")
    for name, label in (
        ("currentNumberScheduled", "Current"),
        ("updatedNumberScheduled", "Updated"),
        ("numberAvailable", "Available"),
        ("numberReady", "Ready"),
    ):
        have = _number(obj, name)
        if have < wanted:
            return Readiness(IN_PROGRESS, f"{label}: {have}/{wanted}")
    return Readiness(CURRENT, f"All replicas scheduled as expected. Replicas: {wanted}")


def _job(obj: Obj) -> Readiness:
    failed, done = _is(obj, "Failed"), _is(obj, "Complete")
    if failed is not None:
        return Readiness(FAILED, f"Job Failed. failed: {_number(obj, 'failed')}/{_completions(obj)}")
    if done is not None:
        return Readiness(CURRENT, f"Job Completed. succeeded: {_number(obj, 'succeeded')}/{_completions(obj)}")
    if not (obj.get("status") or {}).get("startTime"):
        return Readiness(IN_PROGRESS, "Job not started")
    # a started job is current for kstatus: jobs may run for as long as they like
    return Readiness(CURRENT, "Job in progress")


def _completions(obj: Obj) -> int:
    return int((obj.get("spec") or {}).get("completions") or 1)


def _pod(obj: Obj) -> Readiness:
    phase = (obj.get("status") or {}).get("phase", "")
    if phase == "Succeeded":
        return Readiness(CURRENT, "Pod has completed successfully")
    if phase == "Failed":
        return Readiness(FAILED, "Pod has completed, but not successfully")
    if phase == "Running" and _is(obj, "Ready") is not None:
        return Readiness(CURRENT, "Pod is Ready")
    for container in (obj.get("status") or {}).get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull"):
            why = f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
            return Readiness(FAILED if waiting["reason"] == "CrashLoopBackOff" else IN_PROGRESS, why)
    return Readiness(
        IN_PROGRESS, f"Pod phase not available or pending: {phase}" if phase != "Running" else "Pod is not Ready"
    )


def _claim(obj: Obj) -> Readiness:
    phase = (obj.get("status") or {}).get("phase", "unknown")
    if phase != "Bound":
        return Readiness(IN_PROGRESS, f"PVC is not Bound. phase: {phase}")
    return Readiness(CURRENT, "PVC is Bound")


def _service(obj: Obj) -> Readiness:
    spec = obj.get("spec") or {}
    if spec.get("type") == "LoadBalancer" and not (
        spec.get("clusterIP") and ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    ):
        return Readiness(IN_PROGRESS, "NoIPAssigned")
    return Readiness(CURRENT, "Service is ready")


def _disruption_budget(obj: Obj) -> Readiness:
    stale = _stale(obj)
    return stale if stale is not None else Readiness(CURRENT, "AllowedDisruptions has been computed.")


def _definition(obj: Obj) -> Readiness:
    refused = _is(obj, "NamesAccepted", "False")
    if refused is not None:
        return Readiness(FAILED, refused.get("message", ""))
    established = condition(obj, "Established")
    if established is not None and established.get("status") == "True":
        return Readiness(CURRENT, "CRD is established")
    if established is not None and established.get("reason") != "Installing":
        return Readiness(FAILED, established.get("message", ""))
    return Readiness(IN_PROGRESS, "Install in progress")


def _namespace(obj: Obj) -> Readiness:
    return Readiness(CURRENT, "Resource is current")


_RULES: dict[tuple[str, str], Callable[[Obj], Readiness]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
