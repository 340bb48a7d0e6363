"""HTTP as clients speak it: kept connections, several requests at once, bodies in chunks."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

from tests.sandbox.running import Sandbox


def connect(sandbox: Sandbox) -> ssl.SSLSocket:
    """A TLS connection."""
    target = urlsplit(sandbox.server)
    assert target.hostname is not None
    plain = socket.create_connection((target.hostname, target.port or 443), timeout=10)
    return ssl.create_default_context(cafile=sandbox.ca).wrap_socket(plain, server_hostname=target.hostname)


def head(sandbox: Sandbox, method: str, path: str, *more: str) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {sandbox.token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(stream: ssl.SSLSocket, method: str = "GET") -> tuple[int, bytes]:
    """One answer and its body."""
    found = http.client.HTTPResponse(stream, method=method)
    found.begin()
    return found.status, found.read()


def test_requests_written_at_once_are_answered_in_order(sandbox: Sandbox) -> None:
    with connect(sandbox) as stream:
        names = ["default", "none", "kube-system"]
        stream.sendall(b"".join(head(sandbox, "GET", f"/api/v1/namespaces/{n}") for n in names))
        got = b""
        while got.count(b"HTTP/1.1 ") < 3 or not got.endswith(b"}\n"):
            got += stream.recv(65536)
    codes = [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]
    assert codes == [200, 404, 200]
    assert got.index(b'"name":"default"') < got.index(b'\\"none\\" not found') < got.index(b'"name":"kube-system"')


def test_tokens_of_any_bytes_are_refused(sandbox: Sandbox) -> None:
    for token in (b"\xff\xfe", b"a.b.\xff", "tökén".encode()):
        with connect(sandbox) as stream:
            stream.sendall(b"GET /api/v1/pods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + b"\r\n\r\n")
            assert answer(stream)[0] == 401


def test_a_connection_serves_many_requests(sandbox: Sandbox) -> None:
    with connect(sandbox) as stream:
        for _ in range(5):
            stream.sendall(head(sandbox, "GET", "/version", "Accept-Encoding: gzip, deflate"))
            code, body = answer(stream)
            assert (code, json.loads(body)["major"]) == (200, "1")


def test_bodies_may_come_in_chunks_and_be_asked_for(sandbox: Sandbox, namespace: str) -> None:
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).encode()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with connect(sandbox) as stream:
        stream.sendall(head(sandbox, "POST", path, "Content-Type: application/json", "Transfer-Encoding: chunked"))
        for part in (body[:10], body[10:], b""):
            stream.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        assert answer(stream)[0] == 201
        length = f"Content-Length: {len(body)}"
        stream.sendall(head(sandbox, "POST", path, "Content-Type: application/json", length, "Expect: 100-continue"))
        assert stream.recv(65536).startswith(b"HTTP/1.1 100")
        stream.sendall(body)
        assert answer(stream)[0] == 409


def test_too_large_a_body_is_refused(sandbox: Sandbox, namespace: str) -> None:
    body = json.dumps({"data": {"k": "x" * (4 << 20)}}).encode()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with connect(sandbox) as stream:
        stream.sendall(head(sandbox, "POST", path, "Content-Type: application/json", f"Content-Length: {len(body)}"))
        stream.sendall(body)
        code, said = answer(stream)
    assert code == 413
    assert "too large" in json.loads(said)["message"]


def test_nonsense_is_refused_and_the_server_lives(sandbox: Sandbox) -> None:
    with connect(sandbox) as stream:
        stream.sendall(b"NONSENSE\r\n\r\n")
        assert stream.recv(65536).startswith(b"HTTP/1.1 400")
    with connect(sandbox) as stream:
        stream.sendall(head(sandbox, "GET", "/readyz"))
        assert answer(stream)[0] == 200
