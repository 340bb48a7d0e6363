"""One kept-alive HTTP/1.1 connection to an API server, with TLS, proxies, pipelining and streams.

Why not `http.client`: it costs every command a third of its start-up time (it imports `email`) and cannot pipeline,
which is what makes many lists over a slow link cost one round trip.
"""

from __future__ import annotations

import socket

from pyflux.errors import ConfigError, Unreachable
from pyflux.kube.config import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from typing import IO, Any

    Reader = Callable[[Iterator[bytes]], Any]

_MAX_HEAD = 65536
_MAX_HEADERS = 200


class Dropped(Exception):
    """The connection ended before an answer began."""


class Cut(Unreachable):
    """The connection ended in the middle of an answer."""


class Head:
    """Status and headers (names in lower case) of an answer."""

    __slots__ = ("headers", "status")

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers


class Response(Head):
    """A whole answer; `value` is what a reader made of the body in its place."""

    __slots__ = ("body", "value")

    def __init__(self, status: int, headers: dict[str, str], body: bytes, value: Any = None) -> None:
        super().__init__(status, headers)
        self.body = body
        self.value = value


def split_url(url: str) -> tuple[str, str, int, str]:
    """(scheme, host, port, path without a trailing /) of an http or https URL."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    place = place.rpartition("@")[2]
    if place.startswith("["):
        host, _, after = place[1:].partition("]")
        port = after[1:]
    else:
        host, _, port = place.partition(":")
    number = int(port) if port.isdecimal() else 0 if port else 443 if scheme == "https" else 80
    if not host or not 0 < number < 65536 or ("[" in place) != ("]" in place):
        raise Unreachable(f"bad address of the API server: {url}")
    return scheme, host, number, (slash + path).rstrip("/")


def _ascii(host: str) -> str | bytes:
    """A host name as sockets and TLS take it without importing the IDNA codec, which only other alphabets need."""
    return host.encode() if host.isascii() else host


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


class Connection:
    """Opens on first use; not for use by two threads. Socket errors come out as Unreachable or Dropped."""

    def __init__(self, target: Target, timeout: float) -> None:
        self._target = target
        self._timeout = timeout
        self.scheme, self.host, self._port, self.base = split_url(target.server)
        if self.scheme not in ("http", "https"):
            raise ConfigError(f"bad address of the API server: {target.server} (https://HOST:PORT is expected)")
        self._sock: socket.socket | None = None
        self._file: IO[bytes] | None = None

    @property
    def is_open(self) -> bool:
        return self._sock is not None

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self._port}"

    def close(self) -> None:
        file, sock, self._file, self._sock = self._file, self._sock, None, None
        for part in (file, sock):
            if part is not None:
                try:
                    part.close()
                except OSError:
                    pass

    def unreachable(self, error: Exception) -> Unreachable:
        """The error for a connection that failed, with what was tried and why it failed."""
        return Unreachable(
            f"cannot reach the Kubernetes API server at {self._target.server}: {describe(error, self._timeout)}",
            hint=_hint(error, self._target),
        )

    def open(self) -> None:
        if self._sock is not None:
            return
        try:
            sock = self._dial()
            if self.scheme == "https":
                sock = wrap(sock, self._target, self._target.server_name or self.host)
        except (OSError, ValueError) as error:
            raise self.unreachable(error) from None
        sock.settimeout(self._timeout)
        self._sock = sock
        file: Any = sock.makefile("rb", buffering=65536)
        self._file = file

    def _dial(self) -> socket.socket:
        wait = min(self._timeout, 30.0)
        if not self._target.proxy:
            address: Any = (_ascii(self.host), self._port)
            sock = socket.create_connection(address, wait)
        else:
            from pyflux.kube.tunnel import dial

            sock = dial(self._target.proxy, self.host, self._port, wait)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    def send(self, data: bytes) -> None:
        self.open()
        assert self._sock is not None
        try:
            self._sock.sendall(data)
        except OSError as error:
            self.close()
            raise Dropped(describe(error, self._timeout)) from None

    def head(self) -> Head:
        """Reads the status line and headers of the next answer."""
        assert self._file is not None
        try:
            line = self._file.readline(_MAX_HEAD)
            if not line:
                self.close()
                raise Dropped("the server closed the connection")
            status = int(line.split(b" ", 2)[1])
            headers: dict[str, str] = {}
            for _ in range(_MAX_HEADERS):
                line = self._file.readline(_MAX_HEAD)
                if line in (b"\r\n", b"\n", b""):
                    break
                name, _, value = line.partition(b":")
                headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
        except TimeoutError as error:
            self.close()
            raise self.unreachable(error) from None
        except OSError as error:
            self.close()
            raise Dropped(describe(error, self._timeout)) from None
        except (ValueError, IndexError):
            self.close()
            raise self.unreachable(
                ValueError("the answer is not HTTP; is this the address of an API server?")
            ) from None
        if 100 <= status < 200:
            return self.head()
        return Head(status, headers)

    def response(self, reader: Reader | None = None) -> Response:
        """Reads a whole answer; the connection stays open where the server lets it.

        With a `reader`, the body of an answer below 400 goes through it piece by piece.
        """
        head = self.head()
        pieces = self.pieces(head)
        if head.headers.get("content-encoding") == "gzip":
            pieces = _unzipped(pieces)
        try:
            if reader is None or head.status >= 400:
                return Response(head.status, head.headers, b"".join(pieces))
            return Response(head.status, head.headers, b"", reader(pieces))
        except ValueError:
            self.close()
            why = "the answer is not JSON; is this the address of an API server?"
            raise self.unreachable(ValueError(why)) from None

    def pieces(self, head: Head) -> Iterator[bytes]:
        """The body's pieces as they come; closes the connection at the end where it cannot be used again."""
        file = self._file
        assert file is not None
        keep = head.headers.get("connection", "").lower() != "close"
        try:
            if head.status in (204, 304):
                pass
            elif "chunked" in head.headers.get("transfer-encoding", "").lower():
                yield from _chunks(file)
            elif "content-length" in head.headers:
                left = int(head.headers["content-length"])
                while left:
                    piece = file.read(min(left, 1 << 20))
                    if not piece:
                        raise OSError("the server closed the connection in the middle of an answer")
                    left -= len(piece)
                    yield piece
            else:
                keep = False
                while piece := file.read(65536):
                    yield piece
        except TimeoutError as error:
            self.close()
            raise self.unreachable(error) from None
        except (OSError, ValueError) as error:
            self.close()
            failed = self.unreachable(error)
            raise Cut(failed.message, hint=failed.hint) from None
        if not keep:
            self.close()

    def set_timeout(self, seconds: float) -> None:
        """Longest silence, in seconds, while a body is read."""
        if self._sock is not None:
            self._sock.settimeout(seconds)


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    import zlib

    stream = zlib.decompressobj(31)
    try:
        for piece in pieces:
            yield stream.decompress(piece)
        yield stream.flush()
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        size_line = file.readline(_MAX_HEAD)
        if not size_line:
            raise OSError("the server closed the connection in the middle of an answer")
        size = int(size_line.split(b";")[0], 16)
        if size == 0:
            while file.readline(_MAX_HEAD) not in (b"\r\n", b"\n", b""):
                pass
            return
        yield file.read(size)
        file.readline(8)


def wrap(sock: socket.socket, target: Target, name: str) -> ssl.SSLSocket:
    """TLS over `sock`, as the kubeconfig wants it, with a server that must have a certificate for `name`."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif target.ca:
        try:
            context.load_verify_locations(cadata=target.ca.decode("ascii", "replace"))
        except (ssl.SSLError, ValueError):
            raise ConfigError(f"the certificate authority for {target.server} holds no PEM certificate") from None
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if target.cert:
        from pyflux.catalog.clientcert import load_client_certificate

        try:
            load_client_certificate(context, target.cert, target.key)
        except (ssl.SSLError, ValueError):
            raise ConfigError(
                f"the client certificate for {target.server} cannot be used: it and its key must be PEM and a pair"
            ) from None
    return context.wrap_socket(sock, server_hostname=_ascii(name))


def describe(error: Exception, timeout: float) -> str:
    """A connection failure in plain words."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return f"no answer in {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    verify = getattr(error, "verify_message", "")
    if verify:
        return f"its certificate is not trusted: {verify}"
    if isinstance(error, OSError):
        text = (error.strerror or str(error)).split("(_ssl.c")[0].strip()
        # "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required" says it twice
        return text.partition("] ")[2] if text.startswith("[SSL: ") else text
    return str(error)


def _hint(error: Exception, target: Target) -> str:
    refused = getattr(error, "verify_message", "")
    if "expired" in refused or "not yet valid" in refused:
        import time

        now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        return f"the cluster has to renew it, unless the clock of this machine is wrong: it shows {now} UTC"
    if refused:
        return "give its certificate authority with --certificate-authority, or use --insecure-skip-tls-verify"
    where = f" (context {target.context})" if target.context else ""
    return f"check that the cluster is up and that the kubeconfig's server address is right{where}"
