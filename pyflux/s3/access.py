"""How to enter a storage: what a Bucket's spec and the Secrets that it names say, in source-controller's words."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pyflux.catalog.clientcert import load_client_certificate
from pyflux.s3.errors import AccessError
from pyflux.s3.sign import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyflux.s3.endpoint import Endpoint

_LONGEST_PROXY = 2048
_PROXY_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Access:
    """An endpoint and what it takes to use it."""

    endpoint: Endpoint
    region: str = ""
    """Empty where the storage has to be asked."""
    keys: Keys | None = None
    """None for requests without a signature."""
    context: ssl.SSLContext | None = None
    """TLS that trusts more than the system does, or shows a certificate."""
    proxy: str = field(default="", repr=False)
    """URL of an HTTP proxy, with its login; empty for a direct way."""


def keys_of(name: str, data: Mapping[str, bytes]) -> Keys | None:
    """The login in a Secret; None where it is empty. Raises AccessError."""
    if "accesskey" not in data or "secretkey" not in data:
        raise AccessError(f"invalid '{name}' secret data: required fields 'accesskey' and 'secretkey'")
    try:
        access, secret = data["accesskey"].decode(), data["secretkey"].decode()
    except UnicodeDecodeError:
        raise AccessError(f"invalid '{name}' secret data: 'accesskey' and 'secretkey' are not text") from None
    if any(not char.isprintable() for char in access):
        # it goes into a header
        raise AccessError(f"invalid '{name}' secret data: 'accesskey' holds a line break or another control character")
    return Keys(access, secret) if access and secret else None


def context_of(title: str, data: Mapping[str, bytes]) -> ssl.SSLContext:
    """TLS by the Secret `title` (namespace/name); certificates are always checked. Raises AccessError."""
    certificate, key = (
        data.get(new) or data.get(old) for new, old in (("tls.crt", "certFile"), ("tls.key", "keyFile"))
    )
    ca = data.get("ca.crt") or data.get("caFile")
    if certificate and not key:
        raise AccessError(f"secret '{title}' contains 'tls.crt' but missing 'tls.key'")
    if key and not certificate:
        raise AccessError(f"secret '{title}' contains 'tls.key' but missing 'tls.crt'")
    if not ca and not certificate:
        raise AccessError(f"secret '{title}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'")
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(cadata=ca.decode())
        except (ssl.SSLError, ValueError):
            raise AccessError("failed to parse CA certificate") from None
    if certificate and key:
        _show(context, certificate, key)
    return context


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    try:
        load_client_certificate(context, certificate, key)
    except (ssl.SSLError, ValueError) as why:
        reason = getattr(why, "reason", None) or "they do not fit together"
        raise AccessError(f"failed to parse TLS certificate and key: {reason}") from None


def proxy_of(title: str, data: Mapping[str, bytes]) -> str:
    """The proxy's URL in the Secret `title` (namespace/name), with its login. Raises AccessError."""
    if "address" not in data:
        raise AccessError(f"secret '{title}': key 'address' not found")
    address, username, password = (
        data.get(key, b"").decode("utf-8", "replace") for key in ("address", "username", "password")
    )
    if not address:
        raise AccessError(f"secret '{title}': proxy address is empty")
    if len(address) > _LONGEST_PROXY:
        raise AccessError(f"secret '{title}': proxy URL exceeds maximum length of {_LONGEST_PROXY} characters")
    try:
        parts = urlsplit(address)
        known = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise AccessError(f"secret '{title}': failed to parse proxy address") from None
    if not known:
        text = f"must use one of the supported schemes ({', '.join(_PROXY_SCHEMES)}), got '{parts.scheme}'"
        raise AccessError(f"secret '{title}': proxy URL {text}")
    if not username:
        return address
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}").geturl()


def proxy_for(endpoint: Endpoint, environ: Mapping[str, str]) -> str:
    """The proxy that the environment names for an endpoint, empty for a direct way. Loopback is reached directly."""
    host = endpoint.host
    if host in ("localhost", "::1") or host.startswith("127."):
        return ""
    names = (f"{endpoint.scheme}_proxy", f"{endpoint.scheme.upper()}_PROXY")
    found = next((environ[name] for name in names if environ.get(name)), "")
    if not found or _is_direct(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return ""
    return found if "://" in found else f"http://{found}"


def _is_direct(host: str, rules: str) -> bool:
    """Whether NO_PROXY names a host: itself, a domain that it is in, a network, or * for all."""
    for rule in (part.strip().lower() for part in rules.split(",")):
        name = rule.lstrip("*").lstrip(".").partition(":")[0]
        if rule == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False):
                return True
        except ValueError:
            continue
    return False
