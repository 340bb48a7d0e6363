"""Validation of workloads, budgets and autoscalers."""

from __future__ import annotations

import json
import re
from typing import Any

from pyflux.sandbox.selectors import match_selector
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.pods import template
from pyflux.sandbox.validation.selecting import selector, sorted_map

_PERCENT = re.compile(r"^[0-9]+%\Z")
NEGATIVE = "must be greater than or equal to 0"


def count(spec: Obj, key: str, path: str) -> list[Cause]:
    """A number that may not be negative."""
    value = spec.get(key)
    return [invalid_value(f"{path}.{key}", value, NEGATIVE)] if isinstance(value, int) and value < 0 else []


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
        out.append(invalid_value("spec.template.metadata.labels", sorted_map(labels) or None, text))
    return out


def _not_empty(wanted: Obj) -> bool:
    return bool(wanted.get("matchLabels") or wanted.get("matchExpressions"))


def int_or_percent(value: Any, path: str, bounded: bool = False) -> list[Cause]:
    """Errors of a number or a percentage, which may be `bounded` by 100%."""
    if isinstance(value, str) and not _PERCENT.match(value):
        text = (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
            "used for validation is '[0-9]+%')"
        )
        return [invalid_value(path, value, text)]
    if isinstance(value, int) and value < 0:
        return [invalid_value(path, value, NEGATIVE)]
    if bounded and isinstance(value, str) and int(value[:-1]) > 100:
        return [invalid_value(path, value, "must not be greater than 100%")]
    return []


def deployment(obj: Obj) -> list[Cause]:
    """Errors of a Deployment."""
    spec = obj["spec"]
    out = count(spec, "replicas", "spec") + _selected_template(spec, "deployment")
    out += template(spec.get("template") or {}, "spec.template") + _no_deadline(spec, "ReplicaSet")
    strategy = spec.get("strategy") or {}
    kind = strategy.get("type")
    if kind == "Recreate" and strategy.get("rollingUpdate") is not None:
        text = "may not be specified when strategy `type` is 'Recreate'"
        out.append(forbidden_field("spec.strategy.rollingUpdate", text))
    elif kind == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        for key in ("maxUnavailable", "maxSurge"):
            out += int_or_percent(rolling.get(key), f"spec.strategy.rollingUpdate.{key}")
        if rolling.get("maxUnavailable") in (0, "0%") and rolling.get("maxSurge") in (0, "0%"):
            text = "may not be 0 when `maxSurge` is 0"
            out.append(invalid_value("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], text))
    elif kind != "Recreate":
        shown = {"Type": kind, "RollingUpdate": strategy.get("rollingUpdate")}
        out.append(not_supported("spec.strategy", shown, ["Recreate", "RollingUpdate"]))
    for key in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        out += count(spec, key, "spec")
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds", 0)
    if deadline is not None and deadline <= ready:
        text = "must be greater than minReadySeconds"
        out.append(invalid_value("spec.progressDeadlineSeconds", deadline, text))
    return out


def replica_set(obj: Obj) -> list[Cause]:
    """Errors of a ReplicaSet."""
    spec = obj["spec"]
    out = count(spec, "replicas", "spec") + _selected_template(spec, "replicaset")
    return out + template(spec.get("template") or {}, "spec.template") + _no_deadline(spec, "ReplicaSet")


def stateful_set(obj: Obj) -> list[Cause]:
    """Errors of a StatefulSet."""
    spec = obj["spec"]
    out = []
    if spec.get("podManagementPolicy") not in ("OrderedReady", "Parallel"):
        text = "must be 'OrderedReady' or 'Parallel'"
        out.append(invalid_value("spec.podManagementPolicy", spec.get("podManagementPolicy"), text))
    update = spec.get("updateStrategy") or {}
    if update.get("type") == "OnDelete":
        if update.get("rollingUpdate") is not None:
            where, shown = "spec.updateStrategy.rollingUpdate", _rolling(update["rollingUpdate"])
            out.append(invalid_value(where, shown, "only allowed for updateStrategy 'RollingUpdate'"))
    elif update.get("type") != "RollingUpdate":
        shown = {"Type": update.get("type"), "RollingUpdate": update.get("rollingUpdate")}
        out.append(invalid_value("spec.updateStrategy", shown, "must be 'RollingUpdate' or 'OnDelete'"))
    out += count(spec, "replicas", "spec") + count(spec, "minReadySeconds", "spec")
    out += _selected_template(spec, "statefulset")
    claims = tuple(c.get("metadata", {}).get("name", "") for c in spec.get("volumeClaimTemplates") or [])
    out += template(spec.get("template") or {}, "spec.template", claims=claims)
    return out + _no_deadline(spec, "StatefulSet")


def _no_deadline(spec: Obj, kind: str) -> list[Cause]:
    if ((spec.get("template") or {}).get("spec") or {}).get("activeDeadlineSeconds") is None:
        return []
    path = "spec.template.spec.activeDeadlineSeconds"
    return [forbidden_field(path, f"activeDeadlineSeconds in {kind} is not Supported")]


def _rolling(value: Obj) -> Obj:
    return {"Partition": value.get("partition"), "MaxUnavailable": value.get("maxUnavailable")}


def daemon_set(obj: Obj) -> list[Cause]:
    """Errors of a DaemonSet."""
    spec = obj["spec"]
    out = _selected_template(spec, "daemonset")
    out += template(spec.get("template") or {}, "spec.template") + _no_deadline(spec, "DaemonSet")
    out += count(spec, "minReadySeconds", "spec")
    update = spec.get("updateStrategy") or {}
    if update.get("type") == "RollingUpdate":
        rolling = update.get("rollingUpdate") or {}
        for key in ("maxUnavailable", "maxSurge"):
            out += int_or_percent(rolling.get(key), f"spec.updateStrategy.rollingUpdate.{key}")
        nothing = (0, "0%", None)
        if rolling.get("maxUnavailable") in nothing and rolling.get("maxSurge") in nothing:
            text = "cannot be 0 when maxSurge is 0"
            out.append(required("spec.updateStrategy.rollingUpdate.maxUnavailable", text))
        elif rolling.get("maxUnavailable") not in nothing and rolling.get("maxSurge") not in nothing:
            text = "may not be set when maxUnavailable is non-zero"
            out.append(invalid_value("spec.updateStrategy.rollingUpdate.maxSurge", rolling["maxSurge"], text))
    elif update.get("type") != "OnDelete":
        shown = {"Type": update.get("type"), "RollingUpdate": update.get("rollingUpdate")}
        out.append(not_supported("spec.updateStrategy", shown, ["RollingUpdate", "OnDelete"]))
    return out + count(spec, "revisionHistoryLimit", "spec")


def revision(obj: Obj) -> list[Cause]:
    """Errors of a ControllerRevision."""
    data = obj.get("data")
    if data is None:
        return [required("data", "data is mandatory")]
    return [] if isinstance(data, dict) else [required("data", "data must be a valid JSON object")]


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
