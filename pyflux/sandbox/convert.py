"""Versions that share storage: events of both groups, and both versions of HorizontalPodAutoscaler."""

from __future__ import annotations

from pyflux.sandbox.registry import Kind
from pyflux.sandbox.status import Obj

# events.k8s.io/v1 name to core/v1 name.
_EVENT = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}


def _rename(obj: Obj, names: dict[str, str]) -> Obj:
    return {names.get(k, k): v for k, v in obj.items()}


def to_storage(kind: Kind, obj: Obj) -> Obj:
    """The object in the form its table keeps."""
    if kind.group == "events.k8s.io":
        made = _rename(obj, _EVENT)
        made.setdefault("source", {})
        made.setdefault("firstTimestamp", None)
        made.setdefault("lastTimestamp", None)
        made.setdefault("reportingComponent", "")
        made.setdefault("reportingInstance", "")
        return made
    if kind.group == "autoscaling" and kind.version == "v1":
        return _hpa_to_v2(obj)
    return obj


def from_storage(kind: Kind, obj: Obj) -> Obj:
    """The stored object in the version of `kind`."""
    if kind.group == "events.k8s.io":
        made = _rename(obj, {v: k for k, v in _EVENT.items()})
        made.setdefault("eventTime", None)
        for key in ("reportingController", "reportingInstance", "note", "reason", "type"):
            if not made.get(key):
                made.pop(key, None)
        return made
    if kind.group == "autoscaling" and kind.version == "v1":
        return _hpa_to_v1(obj)
    return obj


def _hpa_to_v2(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}}
        spec["metrics"] = [{"type": "Resource", "resource": cpu}]
    status = dict(obj.get("status") or {})
    status.pop("currentCPUUtilizationPercentage", None)
    status.setdefault("currentMetrics", None)
    return {**obj, "spec": spec, "status": status}


def _hpa_to_v1(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    for metric in spec.pop("metrics", None) or []:
        resource = metric.get("resource") or {}
        used = (resource.get("target") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and used is not None:
            spec["targetCPUUtilizationPercentage"] = used
    spec.pop("behavior", None)
    status = {k: v for k, v in (obj.get("status") or {}).items() if k not in ("currentMetrics", "conditions")}
    status.setdefault("currentReplicas", 0)
    return {**obj, "spec": spec, "status": status}
