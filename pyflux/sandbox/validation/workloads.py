"""Validation of workloads, budgets and autoscalers."""

from __future__ import annotations

import json
import re
from typing import Any

from pyflux.sandbox.objectmeta import validate_labels
from pyflux.sandbox.selectors import match_selector
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.pods import template

_PERCENT = re.compile(r"^[0-9]+%\Z")
NEGATIVE = "must be greater than or equal to 0"


def _count(spec: Obj, key: str, path: str) -> list[Cause]:
    value = spec.get(key)
    return [invalid_value(f"{path}.{key}", value, NEGATIVE)] if isinstance(value, int) and value < 0 else []


def selector(value: Obj | None, path: str) -> list[Cause]:
    """Errors of a label selector."""
    out = validate_labels((value or {}).get("matchLabels") or {}, f"{path}.matchLabels")
    for i, e in enumerate((value or {}).get("matchExpressions") or []):
        where = f"{path}.matchExpressions[{i}]"
        if e.get("operator") in ("In", "NotIn"):
            if not e.get("values"):
                out.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif e.get("operator") in ("Exists", "DoesNotExist"):
            if e.get("values"):
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                out.append(forbidden_field(f"{where}.values", text))
        else:
            out.append(invalid_value(f"{where}.operator", e.get("operator", ""), "not a valid selector operator"))
    return out


def _selected_template(spec: Obj, kind: str) -> list[Cause]:
    out: list[Cause] = []
    wanted = spec.get("selector")
    broken: list[Cause] = []
    if wanted is None:
        if kind != "daemonset":
            out.append(required("spec.selector"))
    else:
        broken = selector(wanted, "spec.selector")
        out += broken
        if not _not_empty(wanted):
            out.append(invalid_value("spec.selector", wanted, f"empty selector is invalid for {kind}"))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if broken:
        if kind == "deployment":
            out.append(invalid_value("spec.selector", wanted, "invalid label selector"))
    elif wanted is None or (_not_empty(wanted) and not match_selector(wanted, labels)):
        text = "`selector` does not match template `labels`"
        out.append(invalid_value("spec.template.metadata.labels", _sorted(labels) or None, text))
    return out


def _not_empty(wanted: Obj) -> bool:
    return bool(wanted.get("matchLabels") or wanted.get("matchExpressions"))


def _sorted(value: dict[str, Any]) -> dict[str, Any]:
    return {k: value[k] for k in sorted(value)}


def _int_or_percent(value: Any, path: str) -> list[Cause]:
    if isinstance(value, str) and not _PERCENT.match(value):
        text = (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
            "used for validation is '[0-9]+%')"
        )
        return [invalid_value(path, value, text)]
    if isinstance(value, int) and value < 0:
        return [invalid_value(path, value, NEGATIVE)]
    return []


def deployment(obj: Obj) -> list[Cause]:
    """Errors of a Deployment."""
    spec = obj["spec"]
    out = _count(spec, "replicas", "spec") + _selected_template(spec, "deployment")
    out += template(spec.get("template") or {}, "spec.template")
    strategy = spec.get("strategy") or {}
    kind = strategy.get("type")
    if kind == "Recreate" and strategy.get("rollingUpdate") is not None:
        text = "may not be specified when strategy `type` is 'Recreate'"
        out.append(forbidden_field("spec.strategy.rollingUpdate", text))
    elif kind == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        for key in ("maxUnavailable", "maxSurge"):
            out += _int_or_percent(rolling.get(key), f"spec.strategy.rollingUpdate.{key}")
        if rolling.get("maxUnavailable") in (0, "0%") and rolling.get("maxSurge") in (0, "0%"):
            text = "may not be 0 when `maxSurge` is 0"
            out.append(invalid_value("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], text))
    elif kind != "Recreate":
        shown = {"Type": kind, "RollingUpdate": strategy.get("rollingUpdate")}
        out.append(not_supported("spec.strategy", shown, ["Recreate", "RollingUpdate"]))
    for key in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        out += _count(spec, key, "spec")
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds", 0)
    if deadline is not None and deadline <= ready:
        text = "must be greater than minReadySeconds"
        out.append(invalid_value("spec.progressDeadlineSeconds", deadline, text))
    return out


def replica_set(obj: Obj) -> list[Cause]:
    """Errors of a ReplicaSet."""
    spec = obj["spec"]
    out = _count(spec, "replicas", "spec") + _selected_template(spec, "replicaset")
    return out + template(spec.get("template") or {}, "spec.template")


def stateful_set(obj: Obj) -> list[Cause]:
    """Errors of a StatefulSet."""
    spec = obj["spec"]
    out = []
    if spec.get("podManagementPolicy") not in ("OrderedReady", "Parallel"):
        text = "must be 'OrderedReady' or 'Parallel'"
        out.append(invalid_value("spec.podManagementPolicy", spec.get("podManagementPolicy"), text))
    out += _count(spec, "replicas", "spec") + _selected_template(spec, "statefulset")
    return out + template(spec.get("template") or {}, "spec.template")


def daemon_set(obj: Obj) -> list[Cause]:
    """Errors of a DaemonSet."""
    spec = obj["spec"]
    out = _selected_template(spec, "daemonset")
    return out + template(spec.get("template") or {}, "spec.template")


def job(obj: Obj) -> list[Cause]:
    """Errors of a Job."""
    return _job_spec(obj["spec"], "spec")


def _job_spec(spec: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    for key in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        out += _count(spec, key, path)
    pod = (spec.get("template") or {}).get("spec") or {}
    policy = pod.get("restartPolicy")
    if policy not in ("OnFailure", "Never"):
        where = f"{path}.template.spec.restartPolicy"
        return [*out, required(where, 'valid values: "OnFailure", "Never"')]
    return out + template(spec.get("template") or {}, f"{path}.template", ("OnFailure", "Never"))


def cron_job(obj: Obj) -> list[Cause]:
    """Errors of a CronJob."""
    spec = obj["spec"]
    out: list[Cause] = []
    schedule = spec.get("schedule", "")
    if not schedule:
        out.append(required("spec.schedule"))
    elif len(schedule.split()) != 5 and not schedule.startswith("@"):
        count = len(schedule.split())
        text = f"expected exactly 5 fields, found {count}: [{schedule}]"
        out.append(invalid_value("spec.schedule", schedule, text))
    if spec.get("concurrencyPolicy") not in ("Allow", "Forbid", "Replace"):
        out.append(
            not_supported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ["Allow", "Forbid", "Replace"])
        )
    return out + _job_spec((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")


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
        out += _int_or_percent(spec.get(key), f"spec.{key}")
    return out + selector(spec.get("selector"), "spec.selector")


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
    return out


def selector_update(obj: Obj, old: Obj) -> list[Cause]:
    """A workload's selector never changes."""
    new, before = obj["spec"].get("selector"), old["spec"].get("selector")
    if new == before:
        return []
    return [invalid_value("spec.selector", new, "field is immutable")]


def stateful_set_update(obj: Obj, old: Obj) -> list[Cause]:
    """Most of a StatefulSet's spec never changes."""
    mutable = ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
               "persistentVolumeClaimRetentionPolicy", "minReadySeconds")  # fmt: skip

    def fixed(spec: Obj) -> Obj:
        return {k: v for k, v in spec.items() if k not in mutable}

    if json.dumps(fixed(obj["spec"]), sort_keys=True) == json.dumps(fixed(old["spec"]), sort_keys=True):
        return []
    names = "', '".join(
        (
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
        )
    )
    text = f"updates to statefulset spec for fields other than '{names}' and 'minReadySeconds' are forbidden"
    return [forbidden_field("spec", text)]


def job_update(obj: Obj, old: Obj) -> list[Cause]:
    """A Job's selector, template and completion mode never change."""
    out = []
    suspended = old["spec"].get("suspend")
    for key in ("completions", "selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"):
        if key == "template" and suspended:
            continue
        if obj["spec"].get(key) != old["spec"].get(key):
            out.append(invalid_value(f"spec.{key}", obj["spec"].get(key), "field is immutable"))
    return out
