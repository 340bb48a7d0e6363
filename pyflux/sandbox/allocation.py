"""Addresses and ports of Services."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pyflux.sandbox.status import Obj, Qualified, invalid, invalid_value
from pyflux.sandbox.validation import services

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine
    from pyflux.sandbox.registry import Kind

PREFIX = "10.96."
RANGES = (PREFIX, "10.0.0.")
"""Where cluster addresses may lie: those that are given out, and what other clusters give out by default."""
LOWEST, HIGHEST = 30000, 32767
_KIND = Qualified("", "Service")


class Used:
    """The addresses and ports that Services have; `changed` keeps it up to date."""

    def __init__(self, engine: Engine) -> None:
        self.addresses: set[str] = set()
        self.ports: set[int] = set()
        for record in engine.store.table("/services").records.values():
            self._take(record.load())
        engine.hooks.append(self.changed)

    def changed(self, kind: Kind, old: Obj | None, new: Obj | None) -> None:
        """A hook of the engine."""
        if kind.resource != "/services":
            return
        # A deletion shows the last object as the old one.
        if old is not None:
            addresses, ports = _held(old)
            self.addresses -= addresses
            self.ports -= ports
        if new is not None:
            self._take(new)

    def _take(self, obj: Obj) -> None:
        addresses, ports = _held(obj)
        self.addresses |= addresses
        self.ports |= ports


def _held(obj: Obj) -> tuple[set[str], set[int]]:
    spec = obj.get("spec") or {}
    ports = {p["nodePort"] for p in spec.get("ports") or [] if p.get("nodePort")}
    if spec.get("healthCheckNodePort"):
        ports.add(spec["healthCheckNodePort"])
    return {a for a in spec.get("clusterIPs") or [] if a != "None"}, ports


def _address(used: set[str]) -> str:
    while True:
        found = f"{PREFIX}{random.randint(0, 255)}.{random.randint(2, 254)}"  # noqa: S311 - not a secret
        if found not in used:
            return found


def _port(used: set[int]) -> int:
    while True:
        found = random.randint(LOWEST, HIGHEST)  # noqa: S311 - not a secret
        if found not in used:
            used.add(found)
            return found


def allocate_service(engine: Engine, obj: Obj, old: Obj | None) -> None:
    """Gives a Service its cluster address, its families and its node ports."""
    spec = obj["spec"]
    addresses, ports = set(engine.used.addresses), set(engine.used.ports)
    if old is not None:
        own_addresses, own_ports = _held(old)
        addresses -= own_addresses
        ports -= own_ports
    kind = spec["type"]
    if kind == "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(key, None)
        return
    wanted = spec.get("clusterIP") or ""
    if not wanted:
        wanted = spec["clusterIP"] = _address(addresses)
    elif wanted != "None" and old is None:
        _check_address(obj, wanted, addresses)
    spec.setdefault("clusterIPs", [wanted])
    family = "IPv6" if ":" in wanted else "IPv4"
    spec.setdefault("ipFamilies", [family])
    headless_without_selector = wanted == "None" and not spec.get("selector")
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if headless_without_selector else "SingleStack")
    if headless_without_selector and spec["ipFamilyPolicy"] != "SingleStack" and len(spec["ipFamilies"]) == 1:
        spec["ipFamilies"] = ["IPv4", "IPv6"] if spec["ipFamilies"] == ["IPv4"] else ["IPv6", "IPv4"]
    if kind in ("NodePort", "LoadBalancer"):
        _node_ports(obj, old, ports)
    if kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
        if not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = _port(ports)


def _check_address(obj: Obj, wanted: str, used: set[str]) -> None:
    why = ""
    if not any(wanted.startswith(network) for network in RANGES):
        why = "the provided network does not match the current range"
    elif wanted in used:
        why = "provided IP is already allocated"
    if why:
        text = f"failed to allocate IP {wanted}: {why}"
        raise invalid(_KIND, obj["metadata"]["name"], [invalid_value("spec.clusterIPs", [wanted], text)])


def _node_ports(obj: Obj, old: Obj | None, used: set[int]) -> None:
    spec = obj["spec"]
    automatic = spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts", True)
    for i, port in enumerate(spec.get("ports") or []):
        wanted = port.get("nodePort")
        if not wanted:
            if automatic:
                port["nodePort"] = _port(used)
            continue
        why = ""
        if not LOWEST <= wanted <= HIGHEST:
            why = f"provided port is not in the valid range. The range of valid ports is {LOWEST}-{HIGHEST}"
        elif wanted in used:
            why = "provided port is already allocated"
        if why:
            cause = invalid_value(f"spec.ports[{i}].nodePort", wanted, why)
            raise invalid(_KIND, obj["metadata"]["name"], [cause])
        used.add(wanted)


def keep_service(engine: Engine, obj: Obj, old: Obj) -> None:
    """On update: unset addresses and ports stay as they were, a new type gets or drops them."""
    spec, before = obj["spec"], old["spec"]
    if spec["type"] == "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            if spec.get(key) == before.get(key):
                spec.pop(key, None)
        return
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if not spec.get(key) and before.get(key):
            spec[key] = before[key]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        known = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in before.get("ports") or []}
        for port in spec.get("ports") or []:
            have = known.get((port.get("protocol"), port.get("port")))
            if not port.get("nodePort") and have:
                port["nodePort"] = have
    elif before["type"] in ("NodePort", "LoadBalancer"):
        if not spec.get("externalIPs"):
            _drop(spec, before, "externalTrafficPolicy")
        known_ports = {p.get("nodePort") for p in before.get("ports") or []}
        for port in spec.get("ports") or []:
            if port.get("nodePort") in known_ports:
                port.pop("nodePort", None)
    if spec["type"] != "LoadBalancer":
        for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            _drop(spec, before, key)
    if spec["type"] != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
        _drop(spec, before, "healthCheckNodePort")
    elif not spec.get("healthCheckNodePort") and before.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = before["healthCheckNodePort"]
    if not services.service(obj):
        allocate_service(engine, obj, old)


def _drop(spec: Obj, before: Obj, key: str) -> None:
    """A field that the new type does not have goes, unless it was set anew."""
    if spec.get(key) == before.get(key):
        spec.pop(key, None)
