"""Validation of Ingresses and NetworkPolicies."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from pyflux.sandbox.objectmeta import label_errors, subdomain_errors
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.ports import PORT_RULE, port_name_errors
from pyflux.sandbox.validation.selecting import selector
from pyflux.sandbox.validation.services import CIDR_RULE, is_address, is_network

_WILDCARD = re.compile(r"^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_WILDCARD_RULE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "
    "regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_OLD_CLASS = "kubernetes.io/ingress.class"
_PATH_KINDS = ["Exact", "ImplementationSpecific", "Prefix"]
_BAD_PARTS = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")


def host_errors(host: str) -> list[str]:
    """What is wrong with a host name, which may begin with a wildcard."""
    if "*" in host:
        return [] if _WILDCARD.match(host) else [_WILDCARD_RULE]
    return subdomain_errors(host)


def ingress(obj: Obj, old: Obj | None = None) -> list[Cause]:
    """Errors of an Ingress."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    name = spec.get("ingressClassName")
    notes = obj["metadata"].get("annotations") or {}
    if old is None and name is not None and _OLD_CLASS in notes and notes[_OLD_CLASS] != name:
        text = "must match `ingressClassName` when both are specified"
        out.append(invalid_value(f"annotations.{_OLD_CLASS}", notes[_OLD_CLASS], text))
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        out.append(invalid_value("spec", None, "either `defaultBackend` or `rules` must be specified"))
    if spec.get("defaultBackend") is not None:
        out += _backend(spec["defaultBackend"], "spec.defaultBackend")
    for i, rule in enumerate(spec.get("rules") or []):
        out += _rule(rule, f"spec.rules[{i}]")
    for i, entry in enumerate(spec.get("tls") or []):
        for j, host in enumerate(entry.get("hosts") or []):
            out += [invalid_value(f"spec.tls[{i}].hosts[{j}]", host, e) for e in host_errors(host)]
        secret = entry.get("secretName")
        if secret:
            out += [invalid_value(f"spec.tls[{i}].secretName", secret, e) for e in subdomain_errors(secret)]
    if name is not None:
        out += [invalid_value("spec.ingressClassName", name, e) for e in subdomain_errors(name)]
    return out


def ingress_warnings(obj: Obj) -> list[str]:
    """What the API server warns of."""
    old_way = _OLD_CLASS in (obj["metadata"].get("annotations") or {})
    if old_way and "ingressClassName" not in (obj.get("spec") or {}):
        return [f"annotation \"{_OLD_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]
    return []


def _rule(rule: Obj, where: str) -> list[Cause]:
    host = rule.get("host", "")
    out: list[Cause] = []
    if host:
        if is_address(host):
            out.append(invalid_value(f"{where}.host", host, "must be a DNS name, not an IP address"))
        out += [invalid_value(f"{where}.host", host, e) for e in host_errors(host)]
    paths = (rule.get("http") or {}).get("paths")
    if "http" in rule and not paths:
        out.append(required(f"{where}.http.paths"))
    for j, path in enumerate(paths or []):
        out += _path(path, f"{where}.http.paths[{j}]")
    return out


def _path(path: Obj, where: str) -> list[Cause]:
    out: list[Cause] = []
    kind = path.get("pathType")
    backend = _backend(path.get("backend") or {}, f"{where}.backend")
    if kind is None:
        return [required(f"{where}.pathType", "pathType must be specified"), *backend]
    text = path.get("path", "")
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            out.append(invalid_value(f"{where}.path", text, "must be an absolute path"))
        if text:
            out += [
                invalid_value(f"{where}.path", text, f"must not contain '{part}'")
                for part in _BAD_PARTS
                if part in text
            ]
            out += [
                invalid_value(f"{where}.path", text, f"cannot end with '{end}'")
                for end in _BAD_ENDS
                if text.endswith(end)
            ]
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            out.append(invalid_value(f"{where}.path", text, "must be an absolute path"))
    else:
        out.append(not_supported(f"{where}.pathType", kind, _PATH_KINDS))
    return out + backend


def _backend(backend: Obj, where: str) -> list[Cause]:
    target, resource = backend.get("service"), backend.get("resource")
    if target is not None and resource is not None:
        return [invalid_value(where, "", "cannot set both resource and service backends")]
    if target is None and resource is None:
        return [invalid_value(where, "", "resource or service backend is required")]
    out: list[Cause] = []
    if resource is not None:
        for key in ("kind", "name"):
            if not resource.get(key):
                out.append(required(f"{where}.resource.{key}"))
        return out
    target = target or {}
    name = target.get("name", "")
    if not name:
        out.append(required(f"{where}.service.name"))
    else:
        out += [invalid_value(f"{where}.service.name", name, e) for e in label_errors(name)]
    port = target.get("port") or {}
    if port.get("name") and port.get("number"):
        out.append(invalid_value(where, "", "cannot set both port name & port number"))
    elif port.get("name"):
        text = f"{where}.service.port.name"
        out += [invalid_value(text, port["name"], e) for e in port_name_errors(port["name"])]
    elif port.get("number"):
        if not 0 < port["number"] < 65536:
            out.append(invalid_value(f"{where}.service.port.number", port["number"], PORT_RULE))
    else:
        out.append(required(where, "port name or number is required"))
    return out


def network_policy(obj: Obj) -> list[Cause]:
    """Errors of a NetworkPolicy."""
    spec = obj.get("spec") or {}
    out = selector(spec.get("podSelector"), "spec.podSelector")
    for side, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(side) or []):
            where = f"spec.{side}[{i}]"
            for j, port in enumerate((rule or {}).get("ports") or []):
                out += _policy_port(port, f"{where}.ports[{j}]")
            for j, peer in enumerate((rule or {}).get(peers) or []):
                out += _peer(peer, f"{where}.{peers}[{j}]")
    kinds = spec.get("policyTypes") or []
    if len(kinds) > 2:
        return [*out, invalid_value("spec.policyTypes", kinds, "may not specify more than two policyTypes")]
    for i, kind in enumerate(kinds):
        if kind not in ("Ingress", "Egress"):
            out.append(not_supported(f"spec.policyTypes[{i}]", kind, ["Ingress", "Egress"]))
    return out


def _policy_port(port: Obj, where: str) -> list[Cause]:
    out: list[Cause] = []
    protocols = ["TCP", "UDP", "SCTP"]
    if port.get("protocol") not in protocols:
        out.append(not_supported(f"{where}.protocol", port.get("protocol"), protocols))
    number: Any = port.get("port")
    end = port.get("endPort")
    if number is None:
        if end is not None:
            text = "may not be specified when `port` is not specified"
            out.append(invalid_value(f"{where}.endPort", end, text))
        return out
    if isinstance(number, str):
        out += [invalid_value(f"{where}.port", number, e) for e in port_name_errors(number)]
        if end is not None:
            text = "may not be specified when `port` is non-numeric"
            out.append(forbidden_field(f"{where}.endPort", text))
        return out
    if not 0 < number < 65536:
        out.append(invalid_value(f"{where}.port", number, PORT_RULE))
    if end is not None:
        if end < number:
            out.append(invalid_value(f"{where}.endPort", number, "must be greater than or equal to `port`"))
        if not 0 < end < 65536:
            out.append(invalid_value(f"{where}.endPort", end, PORT_RULE))
    return out


def _peer(peer: Obj | None, where: str) -> list[Cause]:
    given = [k for k in ("podSelector", "namespaceSelector", "ipBlock") if (peer or {}).get(k) is not None]
    if not given or peer is None:
        return [required(where, "must specify a peer")]
    out: list[Cause] = []
    for key in ("podSelector", "namespaceSelector"):
        out += selector(peer.get(key), f"{where}.{key}")
    if "ipBlock" in given:
        if len(given) > 1:
            return [*out, forbidden_field(where, "may not specify both ipBlock and another peer")]
        out += _block(peer["ipBlock"], f"{where}.ipBlock")
    return out


def _block(block: Obj, where: str) -> list[Cause]:
    cidr = block.get("cidr", "")
    if not cidr:
        return [required(f"{where}.cidr")]
    if not is_network(cidr):
        return [invalid_value(f"{where}.cidr", cidr, CIDR_RULE)]
    outer = ipaddress.ip_network(cidr, strict=False)
    out = []
    for i, text in enumerate(block.get("except") or []):
        path = f"{where}.except[{i}]"
        if not is_network(text):
            out.append(invalid_value(path, text, CIDR_RULE))
            continue
        inner = ipaddress.ip_network(text, strict=False)
        within = inner.version == outer.version and inner.network_address in outer
        if not within or inner.prefixlen <= outer.prefixlen:
            out.append(invalid_value(path, text, "must be a strict subset of `cidr`"))
    return out
