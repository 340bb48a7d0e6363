"""WWW-Authenticate headers, and which token servers we send a login to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from pyflux.oci.errors import OciError

_PARAMETER = re.compile(r"""\s*([^\s=,"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))\s*(,|$)""")
_SCHEME = re.compile(r"\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*,|\s+|$)")


def parse(header: str) -> list[tuple[str, dict[str, str]]]:
    """The challenges of a header: scheme in small letters, and parameters."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while at < len(header):
        parameter = _PARAMETER.match(header, at)
        if parameter and found:
            key, quoted, plain, _ = parameter.groups()
            found[-1][1][key.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            at = parameter.end()
            continue
        scheme = _SCHEME.match(header, at)
        if not scheme:
            break
        found.append((scheme.group(1).lower(), {}))
        at = scheme.end()
    return found


def pick(headers: list[str]) -> tuple[str, dict[str, str]]:
    """The first challenge we know, else the first; ("", {}) for none."""
    found = [challenge for header in headers for challenge in parse(header)]
    return next((one for one in found if one[0] in ("basic", "bearer")), found[0] if found else ("", {}))


def check_realm(realm: str, registry: str, plain: bool) -> None:
    """Raises OciError for a token server that must not get a login of `registry`."""
    parts = urlsplit(realm)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise OciError(f'registry {registry} names a token server that is no https URL: "{realm}"')
    if parts.scheme == "http" and not plain:
        raise OciError(f'registry {registry} names a token server without TLS: "{realm}"')
    if parts.netloc == registry:
        return
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if not address.is_global:
        raise OciError(f"registry {registry} names a token server on a private address: {parts.hostname}")
