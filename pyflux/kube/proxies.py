"""Which proxy the environment names for an API server."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def from_environment(server: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL; empty where none is to be used. HTTPS_PROXY, HTTP_PROXY and NO_PROXY, also in small letters."""
    scheme, _, rest = server.partition("://")
    name = "HTTPS_PROXY" if scheme == "https" else "HTTP_PROXY"
    proxy = environ.get(name) or environ.get(name.lower()) or ""
    if not proxy:
        return ""
    host, port = _host_and_port(rest.partition("/")[0].lower())
    port = port or ("443" if scheme == "https" else "80")
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    for pattern in (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(","):
        if _excepts(pattern.strip().lower(), host, port):
            return ""
    return proxy if "://" in proxy else "http://" + proxy


def _excepts(entry: str, host: str, port: str) -> bool:
    """Whether an entry of NO_PROXY means host:port: `*`, a network, a host or domain, these two with a port or not."""
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(host, entry)
    name, only = _host_and_port(entry)
    name = name.lstrip(".")
    if not name or (only and only != port):
        return False
    return host == name or host.endswith("." + name)


def _host_and_port(place: str) -> tuple[str, str]:
    """HOST[:PORT], [IPv6][:PORT] or a bare IPv6 address; an empty port where none is named."""
    if place.startswith("["):
        host, _, after = place[1:].partition("]")
        return host, after.removeprefix(":")
    if place.count(":") > 1:
        return place, ""
    host, _, port = place.partition(":")
    return host, port


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
