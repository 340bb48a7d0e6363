"""Git over HTTP: certificates, logins, proxies, and every failure in one line without secrets."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from pyflux.git import retry, urls
from pyflux.git.auth import Auth
from pyflux.git.errors import CertificateRefused, GitError, GitUnreachable, LoginRefused, RepositoryMissing
from pyflux.git.noproxy import bypassed
from pyflux.git.proxy import proxy_for
from pyflux.git.refs import list_refs
from tests.real.githttp import GitHTTPServer

PASSWORD = "hunter2secret"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.time, "sleep", lambda _seconds: None)


def test_tls_and_logins(https: GitHTTPServer) -> None:
    https.create("fleet").commit({"a": "1"})
    assert https.ca is not None
    ca = https.ca.read_bytes()
    url = https.url_of("fleet")
    assert "refs/heads/main" in list_refs(url, Auth(username="bot", password=PASSWORD, ca=ca)).targets
    with pytest.raises(CertificateRefused) as untrusted:
        list_refs(url, Auth(username="bot", password=PASSWORD))
    assert "--ca-file" in untrusted.value.hint
    with pytest.raises(LoginRefused) as refused:
        list_refs(url, Auth(username="bot", password="wrong-secret", ca=ca))
    assert "wrong-secret" not in refused.value.message + refused.value.hint
    with pytest.raises(RepositoryMissing):
        list_refs(https.url_of("nothing"), Auth(username="bot", password=PASSWORD, ca=ca))
    with pytest.raises(GitError, match="holds no PEM certificate"):
        list_refs(url, Auth(ca=b"nonsense"))
    # credentials in the URL work and are never shown
    inside = url.replace("https://", f"https://bot:{PASSWORD}@")
    assert list_refs(inside, Auth(ca=ca)).targets
    with pytest.raises(RepositoryMissing) as missing:
        list_refs(inside.replace("fleet", "nothing"), Auth(ca=ca))
    assert PASSWORD not in missing.value.message


class _Scripted(BaseHTTPRequestHandler):
    answers: ClassVar[list[int]] = [200]
    seen: ClassVar[list[tuple[str, str]]] = []
    body = b"<html>not git</html>"

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.target)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[tuple[ThreadingHTTPServer, type[_Scripted], str]]:
    """A server that answers with the statuses it is told."""

    class Handler(_Scripted):
        answers: ClassVar[list[int]] = [200]
        seen: ClassVar[list[tuple[str, str]]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server, Handler, f"http://127.0.0.1:{server.server_port}/x.git"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (401, LoginRefused, 1),
        (403, LoginRefused, 1),
        (404, RepositoryMissing, 1),
        (418, GitError, 1),
        (429, GitUnreachable, 3),
        (500, GitUnreachable, 3),
        (503, GitUnreachable, 3),
        (200, GitError, 1),
    ],
)
def test_statuses(
    scripted: tuple[ThreadingHTTPServer, type[_Scripted], str], status: int, kind: type[GitError], tries: int
) -> None:
    _, handler, url = scripted
    handler.answers = [status]
    with pytest.raises(kind) as caught:
        list_refs(url, Auth(bearer_token="bearer-secret"))
    assert type(caught.value) is kind
    assert len(handler.seen) == tries
    assert handler.seen[0][1] == "Bearer bearer-secret"
    assert "bearer-secret" not in caught.value.message


def test_an_answer_that_is_cut_off(scripted: tuple[ThreadingHTTPServer, type[_Scripted], str]) -> None:
    _, handler, url = scripted

    def cut(self: _Scripted) -> None:
        self.seen.append((self.path, ""))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"001e# service=git-upload-pack\n0000")
        self.close_connection = True

    handler.do_GET = cut  # type: ignore[method-assign]
    with pytest.raises(GitUnreachable) as caught:
        list_refs(url, Auth())
    assert caught.value.message == f"the connection to {url} broke"
    assert len(handler.seen) == 3


def test_a_redirect_elsewhere_gets_no_credentials(scripted: tuple[ThreadingHTTPServer, type[_Scripted], str]) -> None:
    server, handler, url = scripted
    seen: list[str] = []

    class Other(_Scripted):
        answers: ClassVar[list[int]] = [404]

        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            super().do_GET()

    other = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
    server.target = f"http://localhost:{other.server_port}/y.git/info/refs?service=git-upload-pack"  # type: ignore[attr-defined]
    handler.answers = [302]
    with pytest.raises(RepositoryMissing):
        list_refs(url, Auth(username="bot", password=PASSWORD))
    assert handler.seen[0][1].startswith("Basic ")
    assert seen == [""]
    other.shutdown()
    other.server_close()


def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(GitUnreachable, match="connection refused or no route"):
        list_refs(f"http://127.0.0.1:{port}/x.git", Auth())
    with pytest.raises(GitUnreachable, match="does not resolve"):
        list_refs("http://nothing.invalid/x.git", Auth())


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    login = "Basic " + base64.b64encode(b"me:p@ss").decode()
    monkeypatch.setenv("HTTPS_PROXY", "http://me:p%40ss@proxy.example.com:3128")
    found = proxy_for("https", "git.example.com")
    assert found is not None
    assert (found.url, found.headers) == ("http://proxy.example.com:3128", {"Proxy-Authorization": login})
    assert "p@ss" not in repr(found)
    assert proxy_for("http", "git.example.com") is None
    assert proxy_for("https", "127.0.0.1") is None
    monkeypatch.setenv("NO_PROXY", "other.com, .example.com")
    assert proxy_for("https", "git.example.com") is None
    given = proxy_for("https", "git.example.com", "given:8080")
    assert given is not None
    assert given.url == "http://given:8080"


def test_requests_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(RepositoryMissing):
        list_refs("http://git.invalid/x.git", Auth())
    assert asked == ["http://git.invalid/x.git/info/refs?service=git-upload-pack"]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("host", "rules", "expected"),
    [
        ("a.example.com", "example.com", True),
        ("a.example.com", ".example.com", True),
        ("example.com", ".example.com", False),
        ("example.com", "example.com", True),
        ("badexample.com", "example.com", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("anything", "*", True),
        ("localhost", "", True),
        ("::1", "", True),
        ("a.com", "", False),
    ],
)
def test_no_proxy(host: str, rules: str, expected: bool) -> None:
    assert bypassed(host, rules) is expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("ssh://git@example.com:2222/a.git", "ssh://git@example.com:2222/a.git"),
        ("ssh://git:pass@[::1]/a", "ssh://git@[::1]/a"),
        ("file:///srv/a%20b.git", "file:///srv/a b.git"),
    ],
)
def test_addresses_are_shown_without_passwords(url: str, shown: str) -> None:
    assert urls.parse(url).shown == shown


@pytest.mark.parametrize(
    "url", ["", "example.com/x", "git@example.com:me/x.git", "ftp://x/y", "https://", "http://x:y/z"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(GitError):
        urls.parse(url)


def test_the_short_ssh_form_is_explained() -> None:
    with pytest.raises(GitError) as caught:
        urls.parse("git@example.com:me/x.git")
    assert caught.value.hint == "write it as ssh://git@example.com/me/x.git"
