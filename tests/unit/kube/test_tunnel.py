"""Proxies on the way to the API server, with a small SOCKS 5 and CONNECT proxy of our own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pyflux.errors import Unreachable
from pyflux.kube.client import Client
from pyflux.kube.config import Target

_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

Talk = Callable[[socket.socket], None]


@contextmanager
def proxy(talk: Talk) -> Iterator[str]:
    """HOST:PORT of a server that gives its first visitor to `talk` and then answers as an API server would."""

    def serve() -> None:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        with peer:
            talk(peer)
            if peer.recv(65536):
                peer.sendall(_PAGE)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def expect(peer: socket.socket, *parts: bytes) -> None:
    wanted = b"".join(parts)
    data = b""
    while len(data) < len(wanted):
        data += peer.recv(len(wanted) - len(data)) or pytest.fail(f"hung up after {data!r}")
    assert data == wanted


def ask(url: str, server: str = "http://api.internal:6443") -> bytes:
    target = Target(server)
    target.proxy = url
    return Client(target, timeout=5, sleep=lambda _: None).raw("GET", "/version").body


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("http://api.internal:6443", b"\x03\x0capi.internal"),
        ("http://10.1.2.3:6443", b"\x01\x0a\x01\x02\x03"),
        ("http://[fd00::1]:6443", b"\x04\xfd" + b"\0" * 14 + b"\x01"),
    ],
)
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks(scheme: str, server: str, address: bytes) -> None:
    def talk(peer: socket.socket) -> None:
        expect(peer, b"\x05\x01\x00")
        peer.sendall(b"\x05\x00")
        expect(peer, b"\x05\x01\x00", address, (6443).to_bytes(2, "big"))
        peer.sendall(b"\x05\x00\x00\x03\x04abcd\x00\x01")

    with proxy(talk) as place:
        assert ask(f"{scheme}://{place}", server) == b"{}"


def test_socks_with_a_login() -> None:
    def talk(peer: socket.socket) -> None:
        expect(peer, b"\x05\x02\x00\x02")
        peer.sendall(b"\x05\x02")
        expect(peer, b"\x01\x02me\x03p@s")
        peer.sendall(b"\x01\x00")
        expect(peer, b"\x05\x01\x00\x03\x0capi.internal\x19\x2b")
        peer.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    with proxy(talk) as place:
        assert ask(f"socks5://me:p%40s@{place}") == b"{}"


@pytest.mark.parametrize(
    ("answers", "login", "message"),
    [
        ((b"\x05\xff",), "", "it wants a login"),
        ((b"\x05\xff",), "me:secret@", "it takes no user name and password"),
        ((b"\x05\x02", b"\x01\x01"), "me:secret@", "it refused the user name and password"),
        ((b"\x05\x00", b"\x05\x05\x00\x01"), "", "refused: connection refused"),
        ((b"\x05\x00", b"\x05\x63\x00\x01"), "", "refused: code 99"),
        ((b"HT",), "", "it does not speak SOCKS 5"),
        ((), "", "it hung up"),
    ],
)
def test_socks_that_refuses(answers: tuple[bytes, ...], login: str, message: str) -> None:
    def talk(peer: socket.socket) -> None:
        for answer in answers:
            peer.recv(1024)
            peer.sendall(answer)
        peer.recv(1024) if not answers else None
        peer.shutdown(socket.SHUT_WR)

    with proxy(talk) as place, pytest.raises(Unreachable) as caught:
        ask(f"socks5://{login}{place}")
    assert caught.value.message.endswith(f"the proxy at {place}: {message}")
    assert "secret" not in caught.value.message


def test_connect_with_a_login() -> None:
    seen = []

    def talk(peer: socket.socket) -> None:
        seen.append(peer.recv(65536))
        peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

    with proxy(talk) as place:
        assert ask(f"http://me:secret@{place}", "http://[fd00::1]:6443") == b"{}"
    assert seen[0].startswith(b"CONNECT [fd00::1]:6443 HTTP/1.1\r\nHost: [fd00::1]:6443\r\n")
    assert b"\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n" in seen[0]


def test_connect_that_is_refused() -> None:
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    with proxy(talk) as place, pytest.raises(Unreachable, match=r"refused: HTTP/1\.1 407 Proxy Auth") as caught:
        ask(f"http://me:secret@{place}")
    assert f"the proxy at {place}" in caught.value.message
    assert "secret" not in caught.value.message


def test_a_proxy_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=f"the proxy at 127.0.0.1:{port}: connection refused"):
        ask(f"socks5://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://p:1", "proxy scheme ftp is not supported"),
        ("http://p:x", "no usable address"),
        ("socks5://", "no usable address"),
    ],
)
def test_urls_that_cannot_be_used(url: str, message: str) -> None:
    with pytest.raises(Unreachable, match=message):
        ask(url)
