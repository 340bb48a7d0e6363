"""Connections to a storage, and words for their failures."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pyflux.s3.access import Access


def connections(access: Access, most: int) -> Any:
    """A urllib3 pool manager with the right trust and proxy, which keeps `most` connections and retries nothing."""
    import urllib3

    settings: dict[str, Any] = {"maxsize": most, "block": False, "num_pools": 4}
    if access.endpoint.scheme == "https":
        settings["ssl_context"] = access.context or ssl.create_default_context()
    if not access.proxy:
        return urllib3.PoolManager(**settings)
    parts = urlsplit(access.proxy)
    headers = {}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=login)
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="", fragment="").geturl()
    return urllib3.ProxyManager(plain, proxy_headers=headers, **settings)


def _root(error: BaseException) -> BaseException:
    """What a failure of urllib3 is about."""
    while True:
        inner = error.__cause__ or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None or isinstance(error, OSError):
            return error
        error = inner


def is_lasting(error: BaseException) -> bool:
    """Whether the same failure is to be expected of another attempt."""
    from urllib3.exceptions import LocationParseError, NameResolutionError, SSLError

    if isinstance(error, (SSLError, NameResolutionError, LocationParseError)):
        return True
    return isinstance(_root(error), (ssl.SSLError, ConnectionRefusedError))


def cause(error: BaseException, host: str, port: int) -> str:
    """What went wrong, in the words of Go's network errors. `port` is 0 where it is the scheme's own."""
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProxyError
    from urllib3.exceptions import TimeoutError as TooSlow

    root = _root(error)
    place = f"{host}:{port}" if port else host
    if isinstance(error, ProxyError):
        return "proxyconnect tcp: the proxy cannot be reached or refuses the way"
    if isinstance(error, NameResolutionError):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {root.verify_message}"
    if isinstance(root, ssl.SSLError):
        return f"tls: {root.reason or root}"
    if isinstance(root, OSError) and root.strerror and not isinstance(root, TimeoutError):
        return f"dial tcp {place}: connect: {root.strerror.lower()}"
    if isinstance(error, ConnectTimeoutError):
        return f"dial tcp {place}: i/o timeout"
    if isinstance(error, TooSlow) or isinstance(root, TimeoutError):
        return f"read tcp {place}: i/o timeout"
    return "the connection broke"
