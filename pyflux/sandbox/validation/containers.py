"""Validation of the containers of pods and pod templates."""

from __future__ import annotations

import re
from typing import Any

from pyflux.sandbox.objectmeta import label_errors
from pyflux.sandbox.status import Cause, Obj, duplicate, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.ports import PORT_RULE, port_name_errors
from pyflux.sandbox.validation.quotas import container_resources

_PROTOCOLS = ["SCTP", "TCP", "UDP"]
_POLICIES = ["Always", "IfNotPresent", "Never"]
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_SCHEMES = ["HTTP", "HTTPS"]
_PRINTABLE = re.compile(r"^[ -<>-~]+\Z")
_ENV_RULE = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_NEGATIVE = "must be greater than or equal to 0"
_ONE = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
_USER_RULE = "must be between 0 and 2147483647, inclusive"
# A security context as Go prints it: the field's name in Go, its name in JSON.
_SECURITY = ("capabilities", "privileged", "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup",
             "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "procMount", "seccompProfile",
             "appArmorProfile")  # fmt: skip


def container(item: Obj, path: str, names: set[str], volumes: set[str], host: bool) -> list[Cause]:
    """Errors of one container.

    `volumes` are the names that it may mount, `host` says that it uses the host's network.
    """
    out: list[Cause] = []
    name = item.get("name", "")
    if not name:
        out.append(required(f"{path}.name"))
    else:
        out += [invalid_value(f"{path}.name", name, e) for e in label_errors(name)]
        if name in names:
            out.append(duplicate(f"{path}.name", name))
        names.add(name)
    image = item.get("image", "")
    if not image:
        out.append(required(f"{path}.image"))
    elif image != image.strip():
        out.append(invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace"))
    out += _ports(item.get("ports") or [], f"{path}.ports", host)
    for i, variable in enumerate(item.get("env") or []):
        out += _variable(variable, f"{path}.env[{i}]")
    for source in item.get("envFrom") or []:
        out += _from(source, f"{path}.envFrom")
    out += _mounts(item.get("volumeMounts") or [], path, volumes)
    if item.get("imagePullPolicy") not in _POLICIES:
        out.append(not_supported(f"{path}.imagePullPolicy", item.get("imagePullPolicy"), _POLICIES))
    out += container_resources(item.get("resources") or {}, f"{path}.resources")
    out += security(item.get("securityContext") or {}, f"{path}.securityContext")
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if item.get(key) is not None:
            out += _probe(item[key], f"{path}.{key}", key)
    for hook in ("postStart", "preStop"):
        held = (item.get("lifecycle") or {}).get(hook)
        if held is not None:
            out += _handler(held, f"{path}.lifecycle.{hook}", ("exec", "httpGet", "tcpSocket", "sleep"))
    return out


def _ports(ports: list[Obj], path: str, host: bool) -> list[Cause]:
    out: list[Cause] = []
    seen: set[str] = set()
    for i, port in enumerate(ports):
        number = port.get("containerPort")
        if number is None or number == 0:
            out.append(required(f"{path}[{i}].containerPort"))
        elif not 0 < number < 65536:
            out.append(invalid_value(f"{path}[{i}].containerPort", number, PORT_RULE))
        outside = port.get("hostPort")
        if outside and not 0 < outside < 65536:
            out.append(invalid_value(f"{path}[{i}].hostPort", outside, PORT_RULE))
        if port.get("protocol") not in _PROTOCOLS:
            out.append(not_supported(f"{path}[{i}].protocol", port.get("protocol"), _PROTOCOLS))
        name = port.get("name")
        if name:
            out += [invalid_value(f"{path}[{i}].name", name, e) for e in port_name_errors(name)]
            if name in seen:
                out.append(duplicate(f"{path}[{i}].name", name))
            seen.add(name)
        if host and outside and number and outside != number:
            text = "must match `containerPort` when `hostNetwork` is true"
            out.append(invalid_value(f"{path}[{i}].hostPort", outside, text))
    return out


def _variable(variable: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    name = variable.get("name", "")
    if not name:
        out.append(required(f"{path}.name"))
    elif not _PRINTABLE.match(name):
        out.append(invalid_value(f"{path}.name", name, _ENV_RULE))
    source = variable.get("valueFrom")
    if source is None:
        return out
    where = f"{path}.valueFrom"
    given = [k for k in _SOURCES if source.get(k) is not None]
    if not given:
        out.append(invalid_value(where, "", _ONE))
    elif variable.get("value"):
        out.append(invalid_value(where, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        out.append(invalid_value(where, "", "may not have more than one field specified at a time"))
    for key in given:
        held = source[key]
        needed = {"fieldRef": "fieldPath", "resourceFieldRef": "resource", "fileKeyRef": "key"}.get(key, "key")
        if not held.get(needed):
            out.append(required(f"{where}.{key}.{needed}"))
    return out


def _from(source: Obj, path: str) -> list[Cause]:
    given = [k for k in ("configMapRef", "secretRef") if source.get(k) is not None]
    if not given:
        return [invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`")]
    if len(given) > 1:
        return [invalid_value(path, "", "may not have more than one field specified at a time")]
    return [] if source[given[0]].get("name") else [required(f"{path}.{given[0]}.name")]


def _mounts(mounts: list[Obj], path: str, volumes: set[str]) -> list[Cause]:
    out: list[Cause] = []
    paths: set[str] = set()
    for i, mount in enumerate(mounts):
        where = f"{path}.volumeMounts[{i}]"
        if not mount.get("name"):
            out.append(required(f"{where}.name"))
        elif mount["name"] not in volumes:
            out.append(Cause(f"{where}.name", f'Not found: "{mount["name"]}"', "FieldValueNotFound"))
        target = mount.get("mountPath")
        if not target:
            out.append(required(f"{where}.mountPath"))
        if target in paths:
            out.append(invalid_value(f"{where}.mountPath", target, "must be unique"))
        paths.add(target or "")
    return out


def _probe(probe: Obj, path: str, kind: str) -> list[Cause]:
    out = _handler(probe, path, _HANDLERS)
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        value = probe.get(key)
        if isinstance(value, int) and value < 0:
            out.append(invalid_value(f"{path}.{key}", value, _NEGATIVE))
    if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        out.append(invalid_value(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return out


def _handler(handler: Obj, path: str, kinds: tuple[str, ...]) -> list[Cause]:
    out: list[Cause] = []
    given = [k for k in kinds if handler.get(k) is not None]
    for i, kind in enumerate(given):
        where, held = f"{path}.{kind}", handler[kind]
        if i:
            out.append(forbidden_field(where, "may not specify more than 1 handler type"))
        elif kind == "exec":
            out += [] if held.get("command") else [required(f"{where}.command")]
        elif kind == "httpGet":
            out += [] if held.get("path") else [required(f"{where}.path")]
            out += _port(held.get("port"), f"{where}.port")
            if held.get("scheme") not in _SCHEMES:
                out.append(not_supported(f"{where}.scheme", held.get("scheme"), _SCHEMES))
        elif kind in ("tcpSocket", "grpc"):
            out += _port(held.get("port"), f"{where}.port")
    return out if given else [required(path, "must specify a handler type")]


def _port(value: Any, path: str) -> list[Cause]:
    if isinstance(value, str):
        return [invalid_value(path, value, e) for e in port_name_errors(value)]
    number = value or 0
    return [] if 0 < number < 65536 else [invalid_value(path, number, PORT_RULE)]


def user_errors(context: Obj, path: str, keys: tuple[str, ...]) -> list[Cause]:
    """Errors of user and group numbers."""
    return [
        invalid_value(f"{path}.{key}", context[key], _USER_RULE)
        for key in keys
        if context.get(key) is not None and not 0 <= context[key] < 2**31
    ]


def security(context: Obj, path: str) -> list[Cause]:
    """Errors of a container's security context."""
    out = user_errors(context, path, ("runAsUser", "runAsGroup"))
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        shown = {key[:1].upper() + key[1:]: _go(context.get(key)) for key in _SECURITY}
        text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        out.append(invalid_value(path, {k.replace("SeLinux", "SELinux"): v for k, v in shown.items()}, text))
    return out


def _go(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key[:1].upper() + key[1:]: _go(item) for key, item in value.items()}
