"""HTTP connections: pools with the right trust, proxy and time-outs, and words for their failures."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from pyflux.catalog.clientcert import load_client_certificate
from pyflux.git.errors import CertificateRefused, GitError, GitUnreachable
from pyflux.git.proxy import proxy_for

if TYPE_CHECKING:
    from pyflux.git.auth import Auth
    from pyflux.git.urls import RemoteUrl


def _context(url: RemoteUrl, auth: Auth) -> ssl.SSLContext | None:
    if url.scheme != "https":
        return None
    context = ssl.create_default_context()
    if auth.ca:
        try:
            context.load_verify_locations(cadata=auth.ca.decode())
        except (ssl.SSLError, ValueError):
            raise GitError("the CA file holds no PEM certificate") from None
    if auth.client_certificate:
        _load_client_certificate(context, auth)
    return context


def _load_client_certificate(context: ssl.SSLContext, auth: Auth) -> None:
    try:
        load_client_certificate(context, auth.client_certificate, auth.client_key)
    except ssl.SSLError as why:
        raise GitError(f"the client certificate and its key cannot be used: {why.reason}") from None


def pool(url: RemoteUrl, auth: Auth, timeout: Any) -> Any:
    """A urllib3 pool for one host. Certificates are always checked; nothing is retried here."""
    import urllib3

    settings: dict[str, Any] = {
        "headers": {"User-Agent": "git/pyflux"},
        "timeout": timeout,
        "retries": urllib3.Retry(None, connect=0, read=0, status=0, other=0, redirect=5),
        "maxsize": 2,
    }
    context = _context(url, auth)
    if context is not None:
        settings["ssl_context"] = context
    proxy = proxy_for(url.scheme, url.host, auth.proxy)
    if proxy is None:
        return urllib3.PoolManager(**settings)
    return urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **settings)


def network_error(url: RemoteUrl, why: BaseException) -> GitError:
    """The error for a request without an answer."""
    import urllib3.exceptions as problems

    cause: BaseException | None = why
    while isinstance(cause, problems.MaxRetryError) and cause.reason is not None:
        cause = cause.reason
    if isinstance(cause, problems.ProxyError):
        return GitUnreachable(f"the proxy for {url.shown} cannot be reached")
    inner = cause.args[-1] if cause is not None and cause.args else cause
    if isinstance(cause, problems.SSLError) or isinstance(inner, ssl.SSLError):
        reason = getattr(inner, "verify_message", "") or getattr(inner, "reason", "") or str(inner)
        return CertificateRefused(
            f"the certificate of {url.host}:{url.port} is not trusted: {reason}",
            hint="name the certificate authority with --ca-file",
        )
    if isinstance(cause, problems.NameResolutionError):
        return GitUnreachable(f"{url.shown} cannot be reached: the name {url.host} does not resolve")
    if isinstance(cause, problems.NewConnectionError):
        return GitUnreachable(f"{url.shown} cannot be reached: connection refused or no route")
    if isinstance(cause, problems.ConnectTimeoutError | problems.ReadTimeoutError):
        return GitUnreachable(f"{url.shown} cannot be reached: no answer in time")
    return GitUnreachable(f"the connection to {url.shown} broke")
