"""Objects as kustomize-controller sends them: what the API server would add or refuse is put right beforehand."""

from __future__ import annotations

import base64
from typing import Any

Obj = dict[str, Any]

_POD_TEMPLATES = {
    ("apps/v1", "Deployment"): ("spec", "template", "spec"),
    ("apps/v1", "StatefulSet"): ("spec", "template", "spec"),
    ("apps/v1", "DaemonSet"): ("spec", "template", "spec"),
    ("apps/v1", "ReplicaSet"): ("spec", "template", "spec"),
    ("batch/v1", "Job"): ("spec", "template", "spec"),
    ("batch/v1", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
    ("v1", "Pod"): ("spec",),
}
# fields that the official controller always sends, since their Go types cannot be left out
_EMPTY: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("apps/v1", "Deployment"): (("spec", "strategy"), ("spec", "template", "metadata")),
    ("apps/v1", "StatefulSet"): (("spec", "updateStrategy"), ("spec", "template", "metadata")),
    ("apps/v1", "DaemonSet"): (("spec", "updateStrategy"), ("spec", "template", "metadata")),
    ("batch/v1", "Job"): (("spec", "template", "metadata"),),
    ("batch/v1", "CronJob"): (
        ("spec", "jobTemplate", "metadata"),
        ("spec", "jobTemplate", "spec", "template", "metadata"),
    ),
    ("v1", "Namespace"): (("spec",),),
    ("v1", "PersistentVolumeClaim"): (("spec", "resources"),),
}
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def normalize(obj: Obj) -> None:
    """Changes the object in place: default protocols, no stringData, no status, no empty creation time."""
    version, kind = obj["apiVersion"], obj["kind"]
    path = _POD_TEMPLATES.get((version, kind))
    if path is not None:
        _pod(_at(obj, path))
    elif version == "v1" and kind == "Service":
        ports = _list(obj.get("spec"), "ports")
        _protocols(ports)
        for port in ports:
            # the API server reads 0 as "the same as port"
            port.setdefault("targetPort", 0)
    elif version == "v1" and kind == "Secret":
        _secret(obj)
    for where in _EMPTY.get((version, kind), ()):
        holder = _at(obj, where[:-1])
        if isinstance(holder, dict):
            holder.setdefault(where[-1], {})
    obj["metadata"].pop("creationTimestamp", None)
    if kind != "CustomResourceDefinition":
        obj.pop("status", None)
    else:
        _without_ca_bundle(obj)


def _pod(spec: Any) -> None:
    for field in _CONTAINERS:
        for container in _list(spec, field):
            container.setdefault("resources", {})
    for container in _list(spec, "containers"):
        _protocols(_list(container, "ports"))


def _at(obj: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _list(obj: Any, field: str) -> list[Obj]:
    items = obj.get(field) if isinstance(obj, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _protocols(ports: list[Obj]) -> None:
    for port in ports:
        if not port.get("protocol"):
            port["protocol"] = "TCP"


def _secret(obj: Obj) -> None:
    plain = obj.get("stringData")
    if not isinstance(plain, dict):
        return
    data = obj.get("data")
    obj["data"] = data if isinstance(data, dict) else {}
    for key, value in plain.items():
        if not isinstance(value, str):
            # left for the API server to refuse
            return
        obj["data"][key] = base64.b64encode(value.encode()).decode()
    del obj["stringData"]


def _without_ca_bundle(obj: Obj) -> None:
    """cert-manager fills the bundle in; an empty or unreadable one would be refused."""
    config = _at(obj, ("spec", "conversion", "webhook", "clientConfig"))
    if not isinstance(config, dict) or "caBundle" not in config:
        return
    try:
        pem = base64.b64decode(str(config["caBundle"]), validate=True)
    except ValueError:
        pem = b""
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        del config["caBundle"]
