"""Validation of ResourceQuotas, LimitRanges, and of the resources that containers and claims name."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.objectmeta import qualified_name_errors
from pyflux.sandbox.schema.scalars import quantity_value
from pyflux.sandbox.status import Cause, Obj, duplicate, forbidden_field, invalid_value, required

_COMPUTE = frozenset(("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"))
_COUNTED = frozenset((
    "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "persistentvolumeclaims", "configmaps",
    "services.nodeports", "services.loadbalancers",
))  # fmt: skip
_QUOTA = _COMPUTE | _COUNTED | frozenset((
    "ephemeral-storage", "requests.storage", "requests.ephemeral-storage", "limits.ephemeral-storage",
))  # fmt: skip
_SCOPES = {
    "BestEffort": frozenset(("pods",)),
    **dict.fromkeys(
        ("Terminating", "NotTerminating", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity"),
        _COMPUTE | {"pods"},
    ),
}
_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_CONTAINER = frozenset(("cpu", "memory", "ephemeral-storage"))
_NEGATIVE = "must be greater than or equal to 0"
_NOT_FULL = "must be a standard resource type or fully qualified"


def quota(obj: Obj) -> list[Cause]:
    """Errors of a ResourceQuota."""
    spec = obj.get("spec") or {}
    hard = spec.get("hard") or {}
    out: list[Cause] = []
    for name in sorted(hard):
        path = f"spec.hard[{name}]"
        out += [invalid_value(path, name, e) for e in qualified_name_errors(name)]
        if "/" not in name and name not in _QUOTA:
            out += [invalid_value(path, name, _NOT_FULL)] if not name.startswith(("requests.", "limits.")) else []
            out.append(invalid_value(path, name, "must be a standard resource for quota"))
        out += _quantity(hard[name], path, whole=name in _COUNTED)
    return out + _scopes(spec.get("scopes") or [], hard)


def _quantity(value: Any, path: str, whole: bool) -> list[Cause]:
    number = quantity_value(value)
    if number < 0:
        return [invalid_value(path, value, _NEGATIVE)]
    if whole and number != number.to_integral_value():
        return [invalid_value(path, value, "must be an integer")]
    return []


def _scopes(scopes: list[str], hard: Obj) -> list[Cause]:
    out: list[Cause] = []
    for scope in scopes:
        allowed = _SCOPES.get(scope)
        if allowed is None:
            out.append(invalid_value("spec.scopes", scopes, "unsupported scope"))
            continue
        if not allowed.issuperset(name for name in hard if name in _QUOTA):
            out.append(invalid_value("spec.scopes", scopes, "unsupported scope applied to resource"))
    out += [invalid_value("spec.scopes", scopes, "conflicting scopes") for pair in _CONFLICTS if pair <= set(scopes)]
    return out


def limit_range(obj: Obj) -> list[Cause]:
    """Errors of a LimitRange."""
    out: list[Cause] = []
    kinds: set[str] = set()
    for i, item in enumerate((obj.get("spec") or {}).get("limits") or []):
        path = f"spec.limits[{i}]"
        kind = item.get("type", "")
        out += [invalid_value(f"{path}.type", kind, e) for e in qualified_name_errors(kind)]
        if kind in kinds:
            out.append(duplicate(f"{path}.type", kind))
        kinds.add(kind)
        if item.get("type") == "Pod":
            for key in ("default", "defaultRequest"):
                if item.get(key):
                    out.append(forbidden_field(f"{path}.{key}", "may not be specified when `type` is 'Pod'"))
        if item.get("type") == "PersistentVolumeClaim":
            if "storage" not in (item.get("min") or {}) and "storage" not in (item.get("max") or {}):
                text = "either minimum or maximum storage value is required, but neither was provided"
                out.append(required(f"{path}.limits", text))
        names = sorted({n for k in ("min", "max", "default", "defaultRequest") for n in item.get(k) or {}})
        for name in names:
            out += _order(item, name, path)
    return out


def _order(item: Obj, name: str, path: str) -> list[Cause]:
    """The values of one resource must stand in order: min, default request, default, max."""
    low, high, default, request = (
        (item.get(k) or {}).get(name) for k in ("min", "max", "default", "defaultRequest")
    )  # fmt: skip
    out: list[Cause] = []

    def check(small: Any, large: Any, field: str, shown: Any, words: tuple[str, str]) -> None:
        if small is None or large is None or quantity_value(small) <= quantity_value(large):
            return
        text = f"{words[0]} value {small} is greater than {words[1]} value {large}"
        out.append(invalid_value(f"{path}.{field}[{name}]", shown, text))

    check(low, high, "min", low, ("min", "max"))
    check(low, request, "defaultRequest", request, ("min", "default request"))
    check(request, high, "defaultRequest", request, ("default request", "max"))
    check(request, default, "defaultRequest", request, ("default request", "default limit"))
    check(low, default, "default", low, ("min", "default"))
    check(default, high, "default", high, ("default", "max"))
    return out


def _native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def container_resources(resources: Obj, path: str) -> list[Cause]:
    """Errors of a container's limits and requests."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    out: list[Cause] = []
    for key, value in limits.items():
        out += _named(key, value, f"{path}.limits[{key}]")
    for key, value in requests.items():
        out += _named(key, value, f"{path}.requests[{key}]")
        shared = _native(key) and not key.startswith("hugepages-")
        if key not in limits:
            if not shared:
                out.append(required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
        elif shared and quantity_value(value) > quantity_value(limits[key]):
            text = f"must be less than or equal to {key} limit of {limits[key]}"
            out.append(invalid_value(f"{path}.requests", value, text))
        elif not shared and quantity_value(value) != quantity_value(limits[key]):
            text = f"must be equal to {key} limit of {limits[key]}"
            out.append(invalid_value(f"{path}.requests", value, text))
    names = {*limits, *requests}
    if any(n.startswith("hugepages-") for n in names) and not names & {"cpu", "memory"}:
        out.append(forbidden_field(path, "HugePages require cpu or memory"))
    return out


def _named(name: str, value: Any, path: str) -> list[Cause]:
    out = [invalid_value(path, name, e) for e in qualified_name_errors(name)]
    if "/" not in name and name not in _CONTAINER and not name.startswith("hugepages-"):
        if name not in _QUOTA:
            out.append(invalid_value(path, name, _NOT_FULL))
        out.append(invalid_value(path, name, "must be a standard resource for containers"))
    return out + _quantity(value, path, whole=not _native(name))
