"""Validation of configuration, networking, storage and RBAC kinds."""

from __future__ import annotations

import base64
import json
import re

from pyflux.sandbox.schema.scalars import quantity_value
from pyflux.sandbox.status import (
    Cause,
    Obj,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)

_KEY = re.compile(r"^[-._a-zA-Z0-9]+\Z")
_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
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
    elif quantity_value(spec["resources"]["requests"]["storage"]) <= 0:
        value = spec["resources"]["requests"]["storage"]
        out.append(invalid_value("spec.resources[storage]", value, "must be greater than zero"))
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
