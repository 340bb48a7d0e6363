"""Validation of configuration, networking, storage and RBAC kinds."""

from __future__ import annotations

import base64
import ipaddress
import json
import re

from pyflux.sandbox.objectmeta import subdomain_errors, validate_labels
from pyflux.sandbox.status import (
    Cause,
    Obj,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from pyflux.sandbox.validation.pods import PORT_RULE
from pyflux.sandbox.validation.workloads import selector

_KEY = re.compile(r"^[-._a-zA-Z0-9]+\Z")
_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_PROTOCOLS = ["SCTP", "TCP", "UDP"]
LIMIT = 1024 * 1024
_CLAIM_FIXED = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_TYPED = {
    "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
    "kubernetes.io/dockercfg": [".dockercfg"],
    "kubernetes.io/ssh-auth": ["ssh-privatekey"],
    "kubernetes.io/tls": ["tls.crt", "tls.key"],
}


def _keys(data: Obj, path: str) -> list[Cause]:
    out = []
    for key in sorted(data):
        if len(key) > 253:
            out.append(invalid_value(f"{path}[{key}]", key, "must be no more than 253 characters"))
        if not _KEY.match(key):
            out.append(invalid_value(f"{path}[{key}]", key, _KEY_RULE))
    return out


def config_map(obj: Obj) -> list[Cause]:
    """Errors of a ConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    out = _keys(data, "data") + _keys(binary, "binaryData")
    both = sorted(set(data) & set(binary))
    out += [invalid_value(f"data[{k}]", k, "duplicate of key present in binaryData") for k in both]
    size = sum(len(v.encode()) for v in data.values()) + sum(len(base64.b64decode(v)) for v in binary.values())
    if size > LIMIT:
        out.append(too_long("", f"may not be more than {LIMIT} bytes"))
    return out


def config_map_update(obj: Obj, old: Obj) -> list[Cause]:
    """An immutable ConfigMap stays as it is."""
    return _immutable(obj, old, ("data", "binaryData"))


def _immutable(obj: Obj, old: Obj, keys: tuple[str, ...]) -> list[Cause]:
    if not old.get("immutable"):
        return []
    out = []
    if not obj.get("immutable"):
        out.append(forbidden_field("immutable", "field is immutable when `immutable` is set"))
    for key in keys:
        if (obj.get(key) or {}) != (old.get(key) or {}):
            out.append(forbidden_field(key, "field is immutable when `immutable` is set"))
    return out


def secret(obj: Obj) -> list[Cause]:
    """Errors of a Secret."""
    data = obj.get("data") or {}
    out = _keys(data, "data")
    if sum(len(base64.b64decode(v)) for v in data.values()) > LIMIT:
        out.append(too_long("data", f"may not be more than {LIMIT} bytes"))
    kind = obj.get("type", "")
    for key in _TYPED.get(kind, []):
        if key not in data:
            out.append(required(f"data[{key}]"))
        elif key in (".dockerconfigjson", ".dockercfg"):
            try:
                json.loads(base64.b64decode(data[key]))
            except ValueError:
                out.append(
                    Cause(
                        f"data[{key}]",
                        'Invalid value: "<secret contents redacted>": invalid character',
                        "FieldValueInvalid",
                    )
                )
    if kind == "kubernetes.io/basic-auth" and "username" not in data and "password" not in data:
        out += [required("data[username]"), required("data[password]")]
    if kind == "kubernetes.io/service-account-token":
        notes = obj["metadata"].get("annotations") or {}
        if not notes.get("kubernetes.io/service-account.name"):
            out.append(required("metadata.annotations[kubernetes.io/service-account.name]"))
    return out


def secret_update(obj: Obj, old: Obj) -> list[Cause]:
    """A Secret's type never changes; an immutable one stays as it is."""
    out = []
    if obj.get("type") != old.get("type"):
        out.append(invalid_value("type", obj.get("type"), "field is immutable"))
    return out + _immutable(obj, old, ("data",))


def service(obj: Obj) -> list[Cause]:
    """Errors of a Service."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    kind = spec.get("type")
    ports = spec.get("ports") or []
    headless = spec.get("clusterIP") == "None"
    if not ports and kind != "ExternalName" and not headless:
        out.append(required("spec.ports"))
    kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
    seen_names: set[str] = set()
    seen: set[tuple[str, int]] = set()
    for i, port in enumerate(ports):
        out += _service_port(port, f"spec.ports[{i}]", len(ports) > 1, seen_names)
        mark = (port.get("protocol", ""), port.get("port", 0))
        if mark in seen:
            shown = {
                "Name": "",
                "Protocol": mark[0],
                "AppProtocol": None,
                "Port": mark[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            out.append(duplicate(f"spec.ports[{i}]", shown))
        seen.add(mark)
    address = spec.get("clusterIP")
    if address and address != "None" and kind != "ExternalName" and not is_address(address):
        text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        out.append(invalid_value("spec.clusterIPs[0]", address, text))
    if kind not in kinds:
        out.append(not_supported("spec.type", kind, kinds))
    out += validate_labels(spec.get("selector") or {}, "spec.selector")
    if kind == "ExternalName":
        name = spec.get("externalName", "")
        if not name:
            out.append(required("spec.externalName"))
        else:
            out += [invalid_value("spec.externalName", name, e) for e in subdomain_errors(name.rstrip("."))]
    if spec.get("sessionAffinity") not in ("ClientIP", "None"):
        out.append(not_supported("spec.sessionAffinity", spec.get("sessionAffinity"), ["ClientIP", "None"]))
    return out


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _service_port(port: Obj, path: str, named: bool, seen: set[str]) -> list[Cause]:
    out: list[Cause] = []
    name = port.get("name", "")
    if named and not name:
        out.append(required(f"{path}.name"))
    elif name:
        from pyflux.sandbox.objectmeta import label_errors

        out += [invalid_value(f"{path}.name", name, e) for e in label_errors(name)]
        if name in seen:
            out.append(duplicate(f"{path}.name", name))
        seen.add(name)
    number = port.get("port", 0)
    if not 0 < number < 65536:
        out.append(invalid_value(f"{path}.port", number, PORT_RULE))
    if port.get("protocol") not in _PROTOCOLS:
        out.append(not_supported(f"{path}.protocol", port.get("protocol"), _PROTOCOLS))
    target = port.get("targetPort")
    if isinstance(target, int) and not 0 < target < 65536:
        out.append(invalid_value(f"{path}.targetPort", target, PORT_RULE))
    return out


def service_update(obj: Obj, old: Obj) -> list[Cause]:
    """A Service's cluster address never changes."""
    new, before = obj["spec"], old["spec"]
    out: list[Cause] = []
    if new["type"] == "ExternalName" or before["type"] == "ExternalName":
        return out
    a, b = new.get("clusterIPs") or [], before.get("clusterIPs") or []
    if b and new.get("clusterIP") != before.get("clusterIP"):
        wanted = [new.get("clusterIP")]
        out.append(invalid_value("spec.clusterIPs[0]", wanted if a == b else a, "may not change once set"))
    elif b and a[:1] != b[:1]:
        out.append(invalid_value("spec.clusterIPs[0]", a, "may not change once set"))
    return out


def claim(obj: Obj) -> list[Cause]:
    """Errors of a PersistentVolumeClaim."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    modes = spec.get("accessModes") or []
    if not modes:
        out.append(required("spec.accessModes", "at least 1 access mode is required"))
    known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
    out += [not_supported("spec.accessModes", m, known) for m in modes if m not in known]
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        out.append(required("spec.resources[storage]"))
    return out


def claim_update(obj: Obj, old: Obj) -> list[Cause]:
    """A claim's spec never changes but for its size."""

    def fixed(spec: Obj) -> Obj:
        return {k: v for k, v in spec.items() if k not in ("resources", "volumeAttributesClassName")}

    bound = (old.get("status") or {}).get("phase") == "Bound"
    before = dict(old["spec"])
    if not bound and obj["spec"].get("resources") != before.get("resources"):
        return [forbidden_field("spec", _CLAIM_FIXED)]
    if not before.get("volumeName"):
        before["volumeName"] = obj["spec"].get("volumeName")
    new = {"volumeName": None, **obj["spec"]}
    if {"volumeName": None, **fixed(before)} == fixed(new):
        return []
    return [forbidden_field("spec", _CLAIM_FIXED)]


def storage_class_update(obj: Obj, old: Obj) -> list[Cause]:
    """A StorageClass never changes but for its metadata."""
    out = []
    if obj.get("parameters") != old.get("parameters"):
        out.append(forbidden_field("parameters", "updates to parameters are forbidden."))
    if obj.get("provisioner") != old.get("provisioner"):
        out.append(invalid_value("provisioner", obj.get("provisioner"), "field is immutable"))
    for key in ("reclaimPolicy", "volumeBindingMode"):
        if obj.get(key) != old.get(key):
            out.append(invalid_value(key, obj.get(key), "field is immutable"))
    return out


def ingress(obj: Obj) -> list[Cause]:
    """Errors of an Ingress."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    if not spec.get("rules") and not spec.get("defaultBackend"):
        out.append(invalid_value("spec", None, "either `defaultBackend` or `rules` must be specified"))
    for i, rule in enumerate(spec.get("rules") or []):
        paths = (rule.get("http") or {}).get("paths")
        if "http" in rule and not paths:
            out.append(required(f"spec.rules[{i}].http.paths"))
        for j, path in enumerate(paths or []):
            out += _ingress_path(path, f"spec.rules[{i}].http.paths[{j}]")
    if spec.get("defaultBackend"):
        out += _backend(spec["defaultBackend"], "spec.defaultBackend")
    return out


def _ingress_path(path: Obj, where: str) -> list[Cause]:
    out: list[Cause] = []
    kinds = ["Exact", "ImplementationSpecific", "Prefix"]
    kind = path.get("pathType")
    if kind is None:
        return [
            required(f"{where}.pathType", "pathType must be specified"),
            *_backend(path.get("backend") or {}, f"{where}.backend"),
        ]
    text = path.get("path", "")
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            out.append(invalid_value(f"{where}.path", text, "must be an absolute path"))
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            out.append(invalid_value(f"{where}.path", text, "must be an absolute path"))
    else:
        out.append(not_supported(f"{where}.pathType", kind, kinds))
    return out + _backend(path.get("backend") or {}, f"{where}.backend")


def _backend(backend: Obj, where: str) -> list[Cause]:
    target = backend.get("service")
    if target is None and backend.get("resource") is None:
        return [invalid_value(where, "", "resource or service backend is required")]
    out: list[Cause] = []
    if target is not None:
        if not target.get("name"):
            out.append(required(f"{where}.service.name"))
        port = target.get("port") or {}
        if not port.get("name") and not port.get("number"):
            out.append(required(f"{where}.service.port", "port name or number is required"))
    return out


def network_policy(obj: Obj) -> list[Cause]:
    """Errors of a NetworkPolicy."""
    spec = obj.get("spec") or {}
    out = selector(spec.get("podSelector"), "spec.podSelector")
    for i, kind in enumerate(spec.get("policyTypes") or []):
        if kind not in ("Ingress", "Egress"):
            out.append(not_supported(f"spec.policyTypes[{i}]", kind, ["Ingress", "Egress"]))
    return out
