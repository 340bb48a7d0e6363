"""Validation of PodDisruptionBudgets and HorizontalPodAutoscalers."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.schema.scalars import quantity_value
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.selecting import selector
from pyflux.sandbox.validation.workloads import int_or_percent

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_EVICTIONS = ["AlwaysAllow", "IfHealthyBudget"]
_POLICIES = ["Pods", "Percent"]
_SELECTS = ["Max", "Min", "Disabled"]
_WINDOW = 3600


def disruption_budget(obj: Obj) -> list[Cause]:
    """Errors of a PodDisruptionBudget."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    if "minAvailable" in spec and "maxUnavailable" in spec:
        text = "minAvailable and maxUnavailable cannot be both set"
        shown = {
            "MinAvailable": spec["minAvailable"],
            "Selector": spec.get("selector"),
            "MaxUnavailable": spec["maxUnavailable"],
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        out.append(invalid_value("spec", shown, text))
    for key in ("minAvailable", "maxUnavailable"):
        out += int_or_percent(spec.get(key), f"spec.{key}", bounded=True)
    out += selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTIONS:
        out.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, _EVICTIONS))
    return out


def autoscaler(obj: Obj) -> list[Cause]:
    """Errors of a HorizontalPodAutoscaler."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    low, high = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if low is not None and low < 1:
        out.append(invalid_value("spec.minReplicas", low, "must be greater than or equal to 1"))
    if high < 1:
        out.append(required("spec.maxReplicas", "must be set and greater than 0"))
    if low is not None and high < low:
        out.append(invalid_value("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    target = spec.get("scaleTargetRef") or {}
    for key in ("kind", "name"):
        if not target.get(key):
            out.append(required(f"spec.scaleTargetRef.{key}"))
    version = target.get("apiVersion", "")
    if "/" not in version and target.get("kind") != "ReplicationController":
        out.append(invalid_value("spec.scaleTargetRef.apiVersion", version, "apiVersion must specify API group"))
    metrics = spec.get("metrics") or []
    for i, metric in enumerate(metrics):
        out += _metric(metric, f"spec.metrics[{i}]")
    if low == 0 and not any(m.get("type") in ("Object", "External") for m in metrics):
        text = "must specify at least one Object or External metric to support scaling to zero replicas"
        out.append(forbidden_field("spec.metrics", text))
    for way in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(way)
        if rules is not None:
            out += _rules(rules, f"spec.behavior.{way}")
    return out


def _metric(metric: Obj, path: str) -> list[Cause]:
    kind = metric.get("type")
    if not kind:
        return [required(f"{path}.type", "must specify a metric source type")]
    if kind not in _SOURCES:
        # The server says so twice.
        return [not_supported(f"{path}.type", kind, sorted(_SOURCES))] * 2
    key = _SOURCES[kind]
    source = metric.get(key)
    if source is None:
        return [required(f"{path}.{key}", "must populate information for the given metric source")]
    out: list[Cause] = []
    where = f"{path}.{key}"
    if kind in ("Resource", "ContainerResource") and not source.get("name"):
        out.append(required(f"{where}.name", "must specify a resource name"))
    if kind == "ContainerResource" and not source.get("container"):
        out.append(required(f"{where}.container", "must specify a container"))
    return out + _target(kind, source.get("target") or {}, f"{where}.target")


def _target(kind: str, target: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    allowed = ["Utilization", "Value", "AverageValue"]
    form = target.get("type")
    if not form:
        out.append(required(f"{path}.type", "must specify a metric target type"))
    elif form not in allowed:
        out.append(invalid_value(f"{path}.type", form, "must be either Utilization, Value, or AverageValue"))
    for key in ("value", "averageValue"):
        if target.get(key) is not None and quantity_value(target[key]) <= 0:
            out.append(invalid_value(f"{path}.{key}", target[key], "must be positive"))
    used = target.get("averageUtilization")
    if used is not None and used < 1:
        out.append(invalid_value(f"{path}.averageUtilization", used, "must be greater than 0"))
    average = target.get("averageValue")
    if kind in ("Resource", "ContainerResource"):
        if used is None and average is None:
            text = "must set either a target raw value or a target utilization"
            out.append(required(f"{path}.averageUtilization", text))
        if used is not None and average is not None:
            text = "may not set both a target raw value and a target utilization"
            out.append(forbidden_field(f"{path}.averageValue", text))
    elif kind == "Pods" and average is None:
        out.append(required(f"{path}.averageValue", "must specify a positive target averageValue"))
    elif kind in ("Object", "External") and average is None and target.get("value") is None:
        out.append(required(f"{path}.averageValue", "must set either a target value or averageValue"))
    return out


def _rules(rules: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        out.append(invalid_value(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero"))
    if window is not None and window > _WINDOW:
        text = f"must be less than or equal to {_WINDOW}"
        out.append(invalid_value(f"{path}.stabilizationWindowSeconds", window, text))
    select = rules.get("selectPolicy")
    if select is not None and select not in _SELECTS:
        out.append(not_supported(f"{path}.selectPolicy", select, sorted(_SELECTS)))
    if not rules.get("policies"):
        out.append(required(f"{path}.policies", "must specify at least one Policy"))
    for i, policy in enumerate(rules.get("policies") or []):
        out += _policy(policy, f"{path}.policies[{i}]")
    return out


def _policy(policy: Any, path: str) -> list[Cause]:
    out: list[Cause] = []
    if policy.get("type") not in _POLICIES:
        out.append(not_supported(f"{path}.type", policy.get("type", ""), sorted(_POLICIES)))
    for key in ("value", "periodSeconds"):
        if policy.get(key, 0) <= 0:
            out.append(invalid_value(f"{path}.{key}", policy.get(key, 0), "must be greater than zero"))
    if policy.get("periodSeconds", 0) > 1800:
        text = "must be less than or equal to 1800"
        out.append(invalid_value(f"{path}.periodSeconds", policy["periodSeconds"], text))
    return out
