"""Warnings that the API server gives for pod templates that will not do what they seem to."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.objectmeta import get, label_errors
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.scalars import quantity_value
from pyflux.sandbox.status import Obj

_SPECS = {
    "/pods": ("spec",),
    "apps/deployments": ("spec", "template", "spec"),
    "apps/replicasets": ("spec", "template", "spec"),
    "apps/statefulsets": ("spec", "template", "spec"),
    "apps/daemonsets": ("spec", "template", "spec"),
    "batch/jobs": ("spec", "template", "spec"),
    "batch/cronjobs": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_NAMED = {
    "/pods": "the Pod's hostname",
    **dict.fromkeys(
        ("apps/deployments", "apps/replicasets", "batch/jobs", "batch/cronjobs"), "Pod names and hostnames"
    ),
}
_NULL = "a null labelSelector results in matching no pod"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def pod_warnings(kind: Kind, obj: Obj) -> list[str]:
    """The warnings for an object that holds a pod's spec."""
    path = _SPECS.get(kind.resource)
    spec: Any = get(obj, *path) if path else None
    if not isinstance(spec, dict) or path is None:
        return []
    where = ".".join(path)
    out = []
    for i, constraint in enumerate(spec.get("topologySpreadConstraints") or []):
        if "labelSelector" not in constraint:
            out.append(f"{where}.topologySpreadConstraints[{i}].labelSelector: {_NULL}")
    for name in ("podAffinity", "podAntiAffinity"):
        affinity = get(spec, "affinity", name) or {}
        for i, term in enumerate(affinity.get(_REQUIRED) or []):
            if "labelSelector" not in term:
                out.append(f"{where}.affinity.{name}.{_REQUIRED}[{i}].labelSelector: {_NULL}")
        for i, weighted in enumerate(affinity.get(_PREFERRED) or []):
            if "labelSelector" not in (weighted.get("podAffinityTerm") or {}):
                text = f"{where}.affinity.{name}.{_PREFERRED}[{i}].podAffinityTerm.labelSelector: {_NULL}"
                out.append(text)
    for i, secret in enumerate(spec.get("imagePullSecrets") or []):
        if not secret.get("name"):
            out.append(f'{where}.imagePullSecrets[{i}].name: invalid empty name ""')
    for group in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(group) or []):
            out += _fractions(container.get("resources") or {}, f"{where}.{group}[{i}].resources")
    return [*_ports(spec, where), *out]


def _fractions(resources: Obj, where: str) -> list[str]:
    """Amounts of bytes that are no whole numbers."""
    out = []
    for name in ("memory", "ephemeral-storage"):
        for key in ("limits", "requests"):
            value = (resources.get(key) or {}).get(name)
            if value is not None and quantity_value(value) % 1:
                text = f'fractional byte value "{value}" is invalid, must be an integer'
                out.append(f"{where}.{key}[{name}]: {text}")
    return out


def name_warnings(kind: Kind, name: str) -> list[str]:
    """A warning of a name that is no host name, though pods will be named after it."""
    what = _NAMED.get(kind.resource)
    errors = label_errors(name) if what else []
    if not errors:
        return []
    head = f"metadata.name: this is used in {what}, which can result in surprising behavior"
    return [f"{head}; a DNS label is recommended: [{' '.join(errors)}]"]


def _ports(spec: Any, where: str) -> list[str]:
    """Ports that two containers of a pod both define, or name alike."""
    definitions, names = [], []
    seen: dict[tuple[Any, ...], list[str]] = {}
    named: dict[str, str] = {}
    for i, container in enumerate(spec.get("containers") or []):
        for j, port in enumerate(container.get("ports") or []):
            here = f"{where}.containers[{i}].ports[{j}]"
            mark = tuple(port.get(k) for k in ("containerPort", "protocol", "hostIP", "hostPort"))
            definitions += [f"{here}: duplicate port definition with {other}" for other in seen.get(mark, [])]
            seen.setdefault(mark, []).append(here)
            name = port.get("name")
            if name in named:
                other = named[name]
                names.append(
                    f'{here}: duplicate port name "{name}" with {other}, services and probes that select ports by '
                    f"name will use {other}"
                )
            elif name:
                named[name] = here
    return definitions + names
