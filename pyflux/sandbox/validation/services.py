"""Validation of Services."""

from __future__ import annotations

import ipaddress
from typing import Any

from pyflux.sandbox.objectmeta import label_errors, qualified_name_errors, subdomain_errors, validate_labels
from pyflux.sandbox.status import (
    Cause,
    Obj,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from pyflux.sandbox.validation.ports import PORT_RULE, port_name_errors

PROTOCOLS = ["SCTP", "TCP", "UDP"]
KINDS = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
OUTSIDE = ("NodePort", "LoadBalancer")
ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_LOAD_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"
_TRAFFIC = ["Cluster", "Local"]
_POLICIES = ["PreferDualStack", "RequireDualStack", "SingleStack"]
_FIXED = "may not change once set"


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Whether a text is an IP network with its length."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def family(address: str) -> str:
    """IPv4 or IPv6."""
    return "IPv6" if ":" in address else "IPv4"


def service(obj: Obj) -> list[Cause]:
    """Errors of a Service."""
    spec = obj.get("spec") or {}
    # Addresses are allocated first: what stands in the way of that is all that is reported.
    early = _families(spec)
    if early:
        return early
    out: list[Cause] = []
    kind = spec.get("type")
    ports = spec.get("ports") or []
    headless = spec.get("clusterIP") == "None"
    if not ports and kind != "ExternalName" and not headless:
        out.append(required("spec.ports"))
    if headless and kind in OUTSIDE:
        text = f"may not be set to 'None' for {kind} services"
        out.append(invalid_value("spec.clusterIPs[0]", "None", text))
    if kind == "ExternalName":
        out += _external_name(spec)
    out += _ports(ports, kind)
    out += validate_labels(spec.get("selector") or {}, "spec.selector")
    out += _affinity(spec)
    for i, address in enumerate(spec.get("externalIPs") or []):
        if not is_address(address):
            out.append(invalid_value(f"spec.externalIPs[{i}]", address, ADDRESS_RULE))
    if kind not in KINDS:
        out.append(not_supported("spec.type", kind, KINDS))
    return out + _balancer(spec) + _traffic(spec)


def _external_name(spec: Obj) -> list[Cause]:
    name = spec.get("externalName", "")
    if not name:
        return [required("spec.externalName")]
    return [invalid_value("spec.externalName", name, e) for e in subdomain_errors(name.rstrip("."))]


def _families(spec: Obj) -> list[Cause]:
    """What addresses and families cannot be; this cluster has IPv4 only."""
    if spec.get("type") == "ExternalName":
        out = []
        if spec.get("clusterIPs"):
            out.append(forbidden_field("spec.clusterIPs", "may not be set for ExternalName services"))
        if spec.get("ipFamilies"):
            out.append(forbidden_field("spec.ipFamilies", "may not be set for ExternalName services"))
        return out
    families = spec.get("ipFamilies") or []
    out = []
    for i, name in enumerate(families):
        if name not in ("IPv4", "IPv6"):
            out.append(not_supported(f"spec.ipFamilies[{i}]", name, ["IPv4", "IPv6"]))
        elif name in families[:i]:
            out.append(duplicate(f"spec.ipFamilies[{i}]", name))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        out.append(not_supported("spec.ipFamilyPolicy", policy, _POLICIES))
    address = spec.get("clusterIP") or ""
    if address and address != "None" and not is_address(address):
        out.append(invalid_value("spec.clusterIPs[0]", address, ADDRESS_RULE))
    if out:
        return out
    if address and address != "None" and families and families[0] != family(address):
        text = f"expected an {families[0]} value as indicated by `ipFamilies[0]`"
        return [invalid_value("spec.clusterIPs[0]", address, text)]
    if address == "None" and not spec.get("selector"):
        return []
    out = [
        invalid_value(f"spec.ipFamilies[{i}]", name, "not configured on this cluster")
        for i, name in enumerate(families)
        if name != "IPv4"
    ]
    if policy == "RequireDualStack" and not out:
        text = "this cluster is not configured for dual-stack services"
        out.append(invalid_value("spec.ipFamilyPolicy", policy, text))
    return out


def _ports(ports: list[Obj], kind: Any) -> list[Cause]:
    out: list[Cause] = []
    names: set[str] = set()
    for i, port in enumerate(ports):
        out += _port(port, f"spec.ports[{i}]", len(ports) > 1, names)
    seen: set[tuple[str, int]] = set()
    for i, port in enumerate(ports):
        mark = (port.get("protocol", ""), port.get("port", 0))
        if mark in seen:
            shown = {"Name": "", "Protocol": mark[0], "AppProtocol": None, "Port": mark[1], "TargetPort": 0,
                     "NodePort": 0}  # fmt: skip
            out.append(duplicate(f"spec.ports[{i}]", shown))
        seen.add(mark)
        if kind == "ClusterIP" and port.get("nodePort"):
            out.append(forbidden_field(f"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'"))
    return out


def _port(port: Obj, path: str, named: bool, seen: set[str]) -> list[Cause]:
    out: list[Cause] = []
    name = port.get("name", "")
    if named and not name:
        out.append(required(f"{path}.name"))
    elif name:
        out += [invalid_value(f"{path}.name", name, e) for e in label_errors(name)]
        if name in seen:
            out.append(duplicate(f"{path}.name", name))
        seen.add(name)
    number = port.get("port", 0)
    if not 0 < number < 65536:
        out.append(invalid_value(f"{path}.port", number, PORT_RULE))
    if port.get("protocol") not in PROTOCOLS:
        out.append(not_supported(f"{path}.protocol", port.get("protocol"), PROTOCOLS))
    target = port.get("targetPort")
    if isinstance(target, int) and not 0 < target < 65536:
        out.append(invalid_value(f"{path}.targetPort", target, PORT_RULE))
    elif isinstance(target, str):
        out += [invalid_value(f"{path}.targetPort", target, e) for e in port_name_errors(target)]
    protocol = port.get("appProtocol")
    if protocol is not None:
        out += [invalid_value(f"{path}.appProtocol", protocol, e) for e in qualified_name_errors(protocol)]
    return out


def _affinity(spec: Obj) -> list[Cause]:
    kind = spec.get("sessionAffinity")
    if kind not in ("ClientIP", "None"):
        return [not_supported("spec.sessionAffinity", kind, ["ClientIP", "None"])]
    seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
    if kind == "ClientIP" and seconds is not None and not 0 < seconds <= 86400:
        text = "must be greater than 0 and less than 86400"
        return [invalid_value("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, text)]
    return []


def _balancer(spec: Obj) -> list[Cause]:
    """Fields that belong to load balancers."""
    out: list[Cause] = []
    balancer = spec.get("type") == "LoadBalancer"
    ranges = spec.get("loadBalancerSourceRanges") or []
    if ranges and not balancer:
        out.append(forbidden_field("spec.LoadBalancerSourceRanges", _LOAD_BALANCER_ONLY))
    elif balancer:
        for i, text in enumerate(ranges):
            if not is_network(text.strip()):
                out.append(invalid_value(f"spec.LoadBalancerSourceRanges[{i}]", text, CIDR_RULE))
    for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if spec.get(key) is not None and not balancer:
            out.append(forbidden_field(f"spec.{key}", _LOAD_BALANCER_ONLY))
    return out


def reachable(spec: Obj) -> bool:
    """Whether traffic comes from outside of the cluster."""
    return spec.get("type") in OUTSIDE or (spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs")))


def _traffic(spec: Obj) -> list[Cause]:
    out: list[Cause] = []
    policy = spec.get("externalTrafficPolicy")
    if not reachable(spec):
        if policy:
            text = "may only be set for externally-accessible services"
            out.append(invalid_value("spec.externalTrafficPolicy", policy, text))
    elif not policy:
        out.append(required("spec.externalTrafficPolicy"))
    elif policy not in _TRAFFIC:
        out.append(not_supported("spec.externalTrafficPolicy", policy, _TRAFFIC))
    check = spec.get("healthCheckNodePort")
    if check and not (spec.get("type") == "LoadBalancer" and policy == "Local"):
        text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        out.append(invalid_value("spec.healthCheckNodePort", check, text))
    inside = spec.get("internalTrafficPolicy")
    if inside is not None and inside not in _TRAFFIC:
        out.append(not_supported("spec.internalTrafficPolicy", inside, _TRAFFIC))
    return out


def service_update(obj: Obj, old: Obj) -> list[Cause]:
    """A Service's cluster address never changes, nor does the class of its load balancer."""
    new, before = obj["spec"], old["spec"]
    out: list[Cause] = []
    if new["type"] == "LoadBalancer" == before["type"]:
        if new.get("loadBalancerClass") != before.get("loadBalancerClass"):
            out.append(invalid_value("spec.loadBalancerClass", new.get("loadBalancerClass"), _FIXED))
    if new["type"] == "ExternalName" or before["type"] == "ExternalName":
        return out
    a, b = new.get("clusterIPs") or [], before.get("clusterIPs") or []
    if b and new.get("clusterIP") != before.get("clusterIP"):
        out.append(invalid_value("spec.clusterIPs[0]", [new.get("clusterIP")] if a == b else a, _FIXED))
    elif b and a[:1] != b[:1]:
        out.append(invalid_value("spec.clusterIPs[0]", a, _FIXED))
    return out


def service_status(obj: Obj) -> list[Cause]:
    """Errors of a Service's status."""
    given = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if given and (obj.get("spec") or {}).get("type") != "LoadBalancer":
        text = "may only be used when `spec.type` is 'LoadBalancer'"
        return [forbidden_field("status.loadBalancer.ingress", text)]
    return []


def service_warnings(obj: Obj) -> list[str]:
    """What the API server warns of."""
    if (obj.get("spec") or {}).get("externalIPs"):
        return ["spec.externalIPs is deprecated and may no longer be implemented in some clusters"]
    return []
