"""Downloads from Helm repositories: one file by HTTP, with credentials, redirects, a size limit and retries."""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from pyflux.catalog.clientcert import load_client_certificate
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable

_ATTEMPTS = 3
_REDIRECTS = 10
_BLOCK = 1 << 18


class HttpError(PyfluxError):
    """A file cannot be had."""


class _Passing(HttpError):
    """It may be had when asked again."""


@dataclass(frozen=True)
class Login:
    """How to talk to a server. PEM texts are bytes."""

    username: str = ""
    password: str = ""
    everywhere: bool = False
    """Whether hosts that the server sends us to get the credentials, too."""
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    proxy: str = ""
    """URL of a proxy for registries; empty means what the environment says."""
    timeout: float = 60.0

    def context(self) -> ssl.SSLContext:
        """TLS with the server's certificate checked. Raises HttpError for PEM texts that are none."""
        try:
            context = ssl.create_default_context(cadata=self.ca.decode() if self.ca else None)
            if self.certificate:
                load_client_certificate(context, self.certificate, self.key)
        except (ssl.SSLError, ValueError) as why:
            raise HttpError(f"cannot use the TLS data: {why}") from None
        return context


def download(
    url: str, path: str, login: Login, *, most: int, home: str = "", sleep: Callable[[float], None] = time.sleep
) -> None:
    """Writes what `url` gives to `path`, at most `most` bytes. Raises HttpError.

    Credentials go to the host of `home` (the URL itself where not given) only.
    """
    home_host = urlsplit(home or url).netloc
    why: HttpError | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            sleep(0.5 * 2**attempt)
        try:
            _follow(url, path, login, most, home_host)
            return
        except _Passing as error:
            why = error
    assert why is not None
    raise why


def _follow(url: str, path: str, login: Login, most: int, home_host: str) -> None:
    where = url
    for _ in range(_REDIRECTS):
        found = _get(where, path, login, most, home_host)
        if not found:
            return
        if urlsplit(where).scheme == "https" and urlsplit(found).scheme != "https":
            raise HttpError(f"{where} redirects to a place without TLS")
        where = found
    raise HttpError(f"{url} redirects too often")


def _get(url: str, path: str, login: Login, most: int, home_host: str) -> str:
    """Empty when the file is there, else the place that the server sends us to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HttpError(f"{url} is not an http or https URL")
    headers = {"User-Agent": "pyflux", "Accept-Encoding": "identity"}
    if login.username and (parts.netloc == home_host or login.everywhere):
        both = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        headers["Authorization"] = f"Basic {both}"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=login.timeout, context=login.context())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=login.timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        if response.status in (301, 302, 303, 307, 308):
            return urljoin(url, response.headers.get("Location", ""))
        if response.status != 200:
            text = f"failed to fetch {url} : {response.status} {response.reason}"
            raise (_Passing if response.status >= 500 or response.status == 429 else HttpError)(text)
        _save(response, path, most, url)
    except ssl.SSLCertVerificationError as why:
        raise HttpError(f'Get "{url}": tls: failed to verify certificate: {why.verify_message}') from None
    except (OSError, http.client.HTTPException) as why:
        raise _Passing(f'Get "{url}": {why or type(why).__name__}') from None
    finally:
        connection.close()
    return ""


def _save(response: http.client.HTTPResponse, path: str, most: int, url: str) -> None:
    total = 0
    with open(path, "wb") as file:
        while block := response.read(_BLOCK):
            total += len(block)
            if total > most:
                raise HttpError(f"{url} is larger than {most} bytes")
            file.write(block)
