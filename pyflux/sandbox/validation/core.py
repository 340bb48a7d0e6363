"""Validation of configuration, networking, storage and RBAC kinds."""

from __future__ import annotations

import base64
import json
import re

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
_HIGHEST_PRIORITY = 1000000000
_SYSTEM_PRIORITIES = ("system-cluster-critical", "system-node-critical")
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
        if key in (".", ".."):
            out.append(invalid_value(f"{path}[{key}]", key, f"must not be '{key}'"))
        elif key.startswith(".."):
            out.append(invalid_value(f"{path}[{key}]", key, "must not start with '..'"))
    return out


def config_map(obj: Obj) -> list[Cause]:
    """Errors of a ConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    out = _keys(data, "data") + _keys(binary, "binaryData")
    both = sorted(set(data) & set(binary))
    out += [invalid_value(f"data[{k}]", k, "duplicate of key present in binaryData") for k in both]
    size = sum(len(v.encode()) for v in data.values()) + sum(len(base64.b64decode(v or "")) for v in binary.values())
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
    if sum(len(base64.b64decode(v or "")) for v in data.values()) > LIMIT:
        out.append(too_long("data", f"may not be more than {LIMIT} bytes"))
    kind = obj.get("type", "")
    for key in _TYPED.get(kind, []):
        if key not in data:
            out.append(required(f"data[{key}]"))
        elif key in (".dockerconfigjson", ".dockercfg"):
            try:
                json.loads(base64.b64decode(data[key] or ""))
            except ValueError as error:
                text = go_json_error(base64.b64decode(data[key] or "").decode(errors="replace"), error)
                out.append(invalid_value(f"data[{key}]", "<secret contents redacted>", text))
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


def secret_warnings(obj: Obj) -> list[str]:
    """A certificate without any PEM is stored, with a warning."""
    data = obj.get("data") or {}
    if obj.get("type") != "kubernetes.io/tls":
        return []
    for key, name in (("tls.crt", "certificate"), ("tls.key", "key")):
        if key not in data:
            return []
        if b"-----BEGIN " not in base64.b64decode(data[key] or ""):
            return [f"tls: failed to find any PEM data in {name} input"]
    return []


def go_json_error(text: str, error: ValueError) -> str:
    """What Go says of a text that is no JSON, for the mistakes that people make."""
    start = text.lstrip()
    for word in ("null", "true", "false"):
        if start[:1] == word[0]:
            at = next((i for i, c in enumerate(word) if start[i : i + 1] != c), len(word))
            if at < len(word) and at < len(start):
                return f"invalid character '{start[at]}' in literal {word} (expecting '{word[at]}')"
    position = getattr(error, "pos", 0)
    if position >= len(text):
        return "unexpected end of JSON input"
    return f"invalid character '{text[position]}' looking for beginning of value"


def priority_class(obj: Obj) -> list[Cause]:
    """Errors of a PriorityClass."""
    out: list[Cause] = []
    name, value = obj["metadata"].get("name", ""), obj.get("value", 0)
    if name.startswith("system-"):
        if name not in _SYSTEM_PRIORITIES:
            text = (
                "priority class names with 'system-' prefix are reserved for system use only. error: "
                f"{name} is not a known system priority class"
            )
            out.append(forbidden_field("metadata.name", text))
    elif value > _HIGHEST_PRIORITY:
        text = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        out.append(forbidden_field("value", text))
    policy = obj.get("preemptionPolicy")
    if policy not in ("PreemptLowerPriority", "Never"):
        out.append(not_supported("preemptionPolicy", policy, ["PreemptLowerPriority", "Never"]))
    return out


def priority_class_update(obj: Obj, old: Obj) -> list[Cause]:
    """A PriorityClass keeps its value and policy."""
    out: list[Cause] = []
    if obj.get("value", 0) != old.get("value", 0):
        out.append(forbidden_field("value", "may not be changed in an update."))
    if obj.get("preemptionPolicy") != old.get("preemptionPolicy"):
        out.append(invalid_value("preemptionPolicy", obj.get("preemptionPolicy"), "field is immutable"))
    return out
