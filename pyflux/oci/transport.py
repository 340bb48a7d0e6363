"""HTTP to registries: kept-alive connections, proxies, TLS, retries, a deadline over all of it."""

from __future__ import annotations

import errno
import http.client
import json
import random
import socket
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pyflux.errors import TimedOut
from pyflux.oci.errors import RegistryError, RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

USER_AGENT = "flux/v2 pyflux"
_SHOWN = frozenset(("scope", "service", "mount", "from", "digest", "n", "last"))
_RETRIED = frozenset((408, 429, 500, 502, 503, 504))
_TRIES = 4
_BODY_LIMIT = 16 << 20
_STATUS = http.client.responses


def shown(url: str) -> str:
    """A URL for messages: values that may be secrets hidden."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    query = [(k, v if k in _SHOWN else "REDACTED") for k, v in parse_qsl(parts.query, keep_blank_values=True)]
    return urlunsplit(parts._replace(query=urlencode(query)))


class Answer:
    """A response; `body` is empty where it was streamed to a file."""

    __slots__ = ("body", "headers", "method", "status", "url")

    def __init__(self, method: str, url: str, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.method = method
        self.url = url
        self.status = status
        self.headers = headers
        self.body = body

    def error(self) -> RegistryError:
        """The answer as an error, in the registry's words where it has any."""
        prefix = f"{self.method} {shown(self.url)}: "
        try:
            listed = json.loads(self.body)["errors"]
            found = [(str(one.get("code") or ""), str(one.get("message") or ""), one.get("detail")) for one in listed]
        except (ValueError, KeyError, TypeError, AttributeError):
            found = []
        if found:
            texts = [f"{code}: {text}" + (f"; {_detail(more)}" if more else "") for code, text, more in found]
            said = texts[0] if len(texts) == 1 else "multiple errors returned: " + "; ".join(texts)
        else:
            said = f"unexpected status code {self.status} {_STATUS.get(self.status, '')}"
            text = self.body.decode("utf-8", "replace").strip()
            if text:
                said += f": {text}"
            elif self.method == "HEAD":
                said += " (HEAD responses have no body, use GET for details)"
        return RegistryError(prefix + said, status=self.status, codes=tuple(code for code, _, _ in found))


def _detail(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cause(error: Exception, host: str, port: int) -> str:
    """What went wrong, in the words of Go's network errors."""
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return f"dial tcp {host}:{port}: i/o timeout"
    if isinstance(error, OSError) and error.errno is not None:
        what = error.strerror or errno.errorcode.get(error.errno, "")
        return f"dial tcp {host}:{port}: connect: {what.lower()}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "EOF"
    return str(error) or type(error).__name__


class Transport:
    """Connections of one command. `insecure` turns the check of certificates off."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        insecure: bool,
        deadline: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        debug: Callable[[str], None] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._environ = environ
        self._insecure = insecure
        self._deadline = deadline
        self._monotonic = monotonic
        self._sleep = sleep
        self._debug = debug
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}
        self._context = context

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def left(self, most: float = 60.0) -> float:
        """Seconds until the deadline, at most `most`. Raises TimedOut when there are none."""
        seconds = self._deadline - self._monotonic()
        if seconds <= 0:
            raise TimedOut("context deadline exceeded", hint="A longer --timeout gives the registry more time.")
        return min(seconds, most)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        size: int = 0,
        sink: Callable[[bytes], object] | None = None,
        tries: int = _TRIES,
    ) -> Answer:
        """One request, tried again on passing failures; redirects are the caller's.

        A `body` that is a file is sent from its current place, `size` bytes of it. `sink` gets the body of a 200.
        Raises RegistryUnreachable, TimedOut.
        """
        start = body.tell() if body is not None and not isinstance(body, bytes) else 0
        for attempt in range(1, tries + 1):
            if body is not None and not isinstance(body, bytes):
                body.seek(start)
            sent = dict(headers or {})
            if body is not None:
                sent["Content-Length"] = str(len(body) if isinstance(body, bytes) else size)
            elif method in ("POST", "PUT", "PATCH"):
                sent["Content-Length"] = "0"
            streaming = _Sink(sink) if sink is not None else None
            try:
                answer = self._once(method, url, sent, body, streaming)
            except (OSError, http.client.HTTPException) as why:
                parts = urlsplit(url)
                port = parts.port or (443 if parts.scheme == "https" else 80)
                said = f'{method.capitalize()} "{shown(url)}": {_cause(why, parts.hostname or "", port)}'
                lasting = isinstance(why, (socket.gaierror, ssl.SSLError, ConnectionRefusedError))
                if lasting or attempt == tries or (streaming and streaming.started):
                    raise RegistryUnreachable(said) from why
                self._wait(attempt, said)
                continue
            if answer.status in _RETRIED and attempt < tries:
                self._wait(attempt, answer.error().message)
                continue
            return answer
        raise AssertionError("unreachable")

    def _wait(self, attempt: int, why: str) -> None:
        if self._debug:
            self._debug(f"retrying {why}")
        delay = 3.0 ** (attempt - 1) * (1 + 0.1 * random.random())  # noqa: S311 - not a secret
        self._sleep(self.left(delay))

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | IO[bytes] | None, sink: _Sink | None
    ) -> Answer:
        parts = urlsplit(url)
        connection, target = self._connection(parts.scheme, parts.netloc, url)
        headers.setdefault("User-Agent", USER_AGENT)
        connection.timeout = self.left()
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            if sink is not None and response.status == 200:
                while chunk := response.read(1 << 18):
                    sink.write(chunk)
                    if connection.sock is not None:
                        connection.sock.settimeout(self.left())
                content = b""
            else:
                content = response.read(_BODY_LIMIT + 1)
        except BaseException:
            connection.close()
            raise
        if len(content) > _BODY_LIMIT:
            connection.close()
            raise http.client.HTTPException(f"the answer is larger than {_BODY_LIMIT >> 20} MiB")
        if self._debug:
            self._debug(f"{method} {shown(url)} {response.status}")
        return Answer(method, url, response.status, response.headers, content)

    def _connection(self, scheme: str, netloc: str, url: str) -> tuple[http.client.HTTPConnection, str]:
        """A connection for the URL and the request target to use on it."""
        parts = urlsplit(url)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        proxy = self._proxy(scheme, parts.hostname or "")
        target = url if proxy and scheme == "http" else path
        key = (scheme, netloc)
        known = self._connections.get(key)
        if known is not None:
            return known, target
        host, port = parts.hostname or "", parts.port
        made: http.client.HTTPConnection
        via = urlsplit(proxy) if proxy else None
        if scheme == "https":
            made = http.client.HTTPSConnection(
                (via.hostname or "") if via else host,
                (via.port or 80) if via else port,
                context=self._tls(),
            )
            if via:
                made.set_tunnel(host, port or 443, headers=_proxy_login(via.username, via.password))
        else:
            made = http.client.HTTPConnection((via.hostname or "") if via else host, via.port if via else port)
        self._connections[key] = made
        return made, target

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            if self._insecure:
                self._context.check_hostname = False
                self._context.verify_mode = ssl.CERT_NONE
        return self._context

    def _proxy(self, scheme: str, host: str) -> str:
        get = self._environ.get
        proxy = get(f"{scheme}_proxy") or get(f"{scheme.upper()}_PROXY") or ""
        if not proxy or host == "localhost" or host.startswith("127.") or host == "::1":
            return ""
        for entry in (get("no_proxy") or get("NO_PROXY") or "").split(","):
            name = entry.strip().partition(":")[0].removeprefix("*").lstrip(".")
            if entry.strip() == "*" or (name and (host == name or host.endswith(f".{name}"))):
                return ""
        return proxy if "://" in proxy else f"http://{proxy}"


def _proxy_login(user: str | None, password: str | None) -> dict[str, str]:
    if not user:
        return {}
    login = f"{unquote(user)}:{unquote(password or '')}"
    return {"Proxy-Authorization": "Basic " + b64encode(login.encode()).decode()}


class _Sink:
    """Remembers whether anything was written, since what was cannot be taken back."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.started = False

    def write(self, data: bytes) -> None:
        self.started = True
        self._write(data)
