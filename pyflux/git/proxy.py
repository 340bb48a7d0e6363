"""Which HTTP proxy a request goes through."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit


@dataclass(frozen=True)
class Proxy:
    """A proxy's address without credentials, and the headers that carry them."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)


def proxy_for(scheme: str, host: str, given: str = "") -> Proxy | None:
    """The proxy for `scheme://host`: the one given, or what the environment says; None for a direct way.

    The environment is read as curl and Go do: HTTPS_PROXY or https_proxy by scheme, ALL_PROXY last, and
    NO_PROXY with names, .suffixes, addresses, networks and *.
    """
    from pyflux.git.noproxy import bypassed

    url = given
    if not url:
        if bypassed(host, os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""):
            return None
        names = (f"{scheme.upper()}_PROXY", f"{scheme}_proxy", "ALL_PROXY", "all_proxy")
        url = next((os.environ[name] for name in names if os.environ.get(name)), "")
    if not url:
        return None
    if "://" not in url:
        url = f"http://{url}"
    parts = urlsplit(url)
    headers = {}
    if parts.username:
        import base64

        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    netloc = parts.netloc.rpartition("@")[2]
    return Proxy(urlunsplit((parts.scheme, netloc, parts.path, "", "")), headers)
