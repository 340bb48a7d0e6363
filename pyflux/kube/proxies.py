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
    host = rest.split("/")[0].rsplit(":", 1)[0].strip("[]").lower()
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    for pattern in (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(","):
        entry = pattern.strip().lower()
        if entry == "*" or (entry and (host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".")))):
            return ""
        if "/" in entry and _in_network(host, entry):
            return ""
    return proxy if "://" in proxy else "http://" + proxy


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
