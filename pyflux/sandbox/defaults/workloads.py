"""Defaults of workloads and autoscalers."""

from __future__ import annotations

import copy
from typing import Any

from pyflux.sandbox.defaults.pods import template
from pyflux.sandbox.status import Obj


def _set(spec: Obj, **values: Any) -> None:
    for key, value in values.items():
        spec.setdefault(key, value)


def deployment(obj: Obj) -> None:
    """Defaults of a Deployment."""
    spec = obj["spec"]
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    template(spec)


def replica_set(obj: Obj) -> None:
    """Defaults of a ReplicaSet."""
    obj["spec"].setdefault("replicas", 1)
    template(obj["spec"])


def stateful_set(obj: Obj) -> None:
    """Defaults of a StatefulSet."""
    spec = obj["spec"]
    _set(spec, podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)
    update = spec.setdefault("updateStrategy", {})
    if "type" not in update:
        update["type"] = "RollingUpdate"
        update.setdefault("rollingUpdate", {})
    if update["type"] == "RollingUpdate" and "rollingUpdate" in update:
        update["rollingUpdate"].setdefault("partition", 0)
    _set(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or []:
        claim["kind"], claim["apiVersion"] = "PersistentVolumeClaim", "v1"
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        claim.setdefault("status", {}).setdefault("phase", "Pending")
    template(spec)


def daemon_set(obj: Obj) -> None:
    """Defaults of a DaemonSet."""
    spec = obj["spec"]
    obj["metadata"].setdefault("annotations", {}).setdefault("deprecated.daemonset.template.generation", "0")
    spec.setdefault("revisionHistoryLimit", 10)
    update = spec.setdefault("updateStrategy", {})
    update.setdefault("type", "RollingUpdate")
    if update["type"] == "RollingUpdate":
        _set(update.setdefault("rollingUpdate", {}), maxUnavailable=1, maxSurge=0)
    template(spec)


def replication_controller(obj: Obj) -> None:
    """Defaults of a ReplicationController."""
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        spec.setdefault("selector", dict(labels))
        obj["metadata"].setdefault("labels", dict(labels))
    template(spec)


def job_spec(spec: Obj) -> None:
    """Defaults of a Job's spec, in a Job or a CronJob."""
    if "completions" not in spec and "parallelism" not in spec:
        _set(spec, completions=1, parallelism=1)
    _set(spec, parallelism=1, completionMode="NonIndexed", suspend=False, manualSelector=False)
    spec.setdefault("backoffLimit", 2147483647 if "backoffLimitPerIndex" in spec else 6)
    policy = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    spec.setdefault("podReplacementPolicy", policy)
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or []:
        for pattern in rule.get("onPodConditions") or []:
            if not pattern.get("status"):
                pattern["status"] = "True"


def job(obj: Obj) -> None:
    """Defaults of a Job."""
    spec = obj["spec"]
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        obj["metadata"].setdefault("labels", dict(labels))
    job_spec(spec)
    template(spec)


def cron_job(obj: Obj) -> None:
    """Defaults of a CronJob; its job template gets those of pods only."""
    spec = obj["spec"]
    _set(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    template((spec.get("jobTemplate") or {}).get("spec") or {})


_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def autoscaler(obj: Obj) -> None:
    """Defaults of a HorizontalPodAutoscaler v2."""
    spec = obj["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
        spec["metrics"] = [{"type": "Resource", "resource": cpu}]
    behavior = spec.get("behavior")
    if behavior is not None:
        behavior["scaleUp"] = {**copy.deepcopy(_UP), **(behavior.get("scaleUp") or {})}
        behavior["scaleDown"] = {**copy.deepcopy(_DOWN), **(behavior.get("scaleDown") or {})}


def autoscaler_v1(obj: Obj) -> None:
    """Defaults of a HorizontalPodAutoscaler v1."""
    _set(obj["spec"], minReplicas=1, targetCPUUtilizationPercentage=80)
