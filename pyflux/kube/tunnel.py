"""Connections through a proxy: HTTP's CONNECT, and SOCKS 5 (RFC 1928 and 1929) as `ssh -D` offers it.

The proxy looks names up, not this machine: what a bastion's SOCKS proxy is there for is names that only it knows.
"""

from __future__ import annotations

import socket

from pyflux.kube.config import Target

_MAX_HEAD = 65536
_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_REFUSALS = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "the way there is too long",
    7: "it does not connect for others",
    8: "it does not take this kind of address",
}


def dial(proxy: str, host: str, port: int, timeout: float) -> socket.socket:
    """A connection to host:port through the proxy at the URL `proxy`. Raises OSError, ValueError."""
    scheme, _, rest = proxy.partition("://")
    if scheme not in _DEFAULT_PORTS:
        raise ValueError(f"proxy scheme {scheme} is not supported (http, https and socks5 are)")
    login, _, place = rest.partition("/")[0].rpartition("@")
    name, number = _split(place, _DEFAULT_PORTS[scheme])
    try:
        sock = socket.create_connection((name, number), timeout)
    except OSError as error:
        from pyflux.kube.transport import describe

        raise OSError(f"the proxy at {name}:{number}: {describe(error, timeout)}") from None
    try:
        if scheme == "https":
            from pyflux.kube.transport import wrap

            sock = wrap(sock, Target(proxy), name)
        if scheme.startswith("socks"):
            _socks(sock, login, host, port)
        else:
            _http(sock, login, host, port)
    except OSError as error:
        sock.close()
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise OSError(f"the proxy at {name}:{number}: {why}") from None
    return sock


def _split(place: str, default: int) -> tuple[str, int]:
    """Host and port of HOST, HOST:PORT or [IPv6]:PORT."""
    if place.startswith("["):
        name, _, after = place[1:].partition("]")
        port = after.removeprefix(":")
    else:
        name, _, port = place.partition(":")
    if not name or (port and not port.isdigit()):
        raise ValueError("the proxy's URL has no usable address")
    return name, int(port or default)


def _credentials(login: str) -> tuple[bytes, bytes]:
    from urllib.parse import unquote

    user, _, password = login.partition(":")
    return unquote(user).encode(), unquote(password).encode()


def _http(sock: socket.socket, login: str, host: str, port: int) -> None:
    extra = b""
    if login:
        from base64 import b64encode

        extra = b"Proxy-Authorization: Basic " + b64encode(b":".join(_credentials(login))) + b"\r\n"
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    sock.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n".encode() + extra + b"\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        if not piece or len(answer) > _MAX_HEAD:
            raise OSError("it hung up")
        answer += piece
    if answer.split(b" ", 2)[1:2] != [b"200"]:
        raise OSError(f"refused: {answer.splitlines()[0].decode('latin-1')}")


def _socks(sock: socket.socket, login: str, host: str, port: int) -> None:
    methods = b"\x00\x02" if login else b"\x00"
    sock.sendall(bytes((5, len(methods))) + methods)
    version, method = _read(sock, 2)
    if version != 5:
        raise OSError("it does not speak SOCKS 5")
    if method == 2 and login:
        user, password = (part[:255] for part in _credentials(login))
        sock.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
        if _read(sock, 2)[1]:
            raise OSError("it refused the user name and password")
    elif method:
        raise OSError("it wants a login" if not login else "it takes no user name and password")
    sock.sendall(b"\x05\x01\x00" + _address(host) + port.to_bytes(2, "big"))
    _, code, _, kind = _read(sock, 4)
    if code:
        raise OSError(f"refused: {_REFUSALS.get(code, f'code {code}')}")
    # the address it connected from: of no use here, but in the way of what follows
    _read(sock, {1: 4, 4: 16}.get(kind) or _read(sock, 1)[0])
    _read(sock, 2)


def _address(host: str) -> bytes:
    for family, kind in ((socket.AF_INET, b"\x01"), (socket.AF_INET6, b"\x04")):
        try:
            return kind + socket.inet_pton(family, host)
        except OSError:
            pass
    name = host.encode("ascii") if host.isascii() else host.encode("idna")
    if len(name) > 255:
        raise OSError("the host name is too long for SOCKS")
    return b"\x03" + bytes((len(name),)) + name


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise OSError("it hung up")
        data += piece
    return data
