"""The client against a small server of our own: pipelining, retries, errors, watches."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflux.catalog.resources import Resource, built_in
from pyflux.errors import Conflict, Forbidden, Gone, Invalid, KubeError, NoMatch, NotFound, Unauthorized, Unreachable
from pyflux.kube import request
from pyflux.kube.client import Client
from pyflux.kube.config import Target
from pyflux.kube.transport import Connection

PODS = built_in("v1", "Pod")
assert PODS is not None
KUSTOMIZATIONS = Resource("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization")


class Server:
    """Answers each request with the next of `answers`: bytes as they are, None to hang up."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.seen: list[str] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        file = peer.makefile("rb")
        while line := file.readline():
            length = 0
            while (header := file.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            file.read(length)
            self.seen.append(line.decode().rsplit(" ", 1)[0])
            answer = self.answers.pop(0)
            if answer is None:
                file.close()
                peer.close()
                return
            peer.sendall(answer)
            if b"Connection: close" in answer:
                peer.shutdown(socket.SHUT_RDWR)
                return

    def close(self) -> None:
        self._socket.close()


def answer(body: Any, status: int = 200, headers: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{headers}\r\n".encode() + data


def failure(code: int, reason: str, message: str, **details: Any) -> bytes:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return answer(body, code)


def page(*names: str, version: str = "7", token: str = "") -> bytes:
    meta = {"resourceVersion": version, **({"continue": token} if token else {})}
    return answer({"metadata": meta, "items": [{"metadata": {"name": name}} for name in names]})


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(Target(server.url), timeout=5, sleep=lambda _: None)


def test_a_list_in_chunks(server: Server, client: Client) -> None:
    server.answers = [page("a", token="t/1"), page("b")]
    listing = client.list(PODS, "apps", labels="app in (web,db)", chunk=1)
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert listing.items[0]["kind"] == "Pod"
    assert server.seen == [
        "GET /api/v1/namespaces/apps/pods?labelSelector=app%20in%20%28web%2Cdb%29&limit=1",
        "GET /api/v1/namespaces/apps/pods?labelSelector=app%20in%20%28web%2Cdb%29&limit=1&continue=t/1",
    ]


def test_many_lists_use_one_connection_and_keep_errors_in_place(server: Server, client: Client) -> None:
    server.answers = [page("a"), answer(b"404 page not found\n", 404), page("b")]
    one, two, three = client.list_many([(PODS, ""), (KUSTOMIZATIONS, ""), (PODS, "x")])
    assert not isinstance(one, KubeError)
    assert isinstance(two, NoMatch)
    assert 'no matches for kind "Kustomization" in version "kustomize.toolkit.fluxcd.io/v1"' in two.message
    assert not isinstance(three, KubeError)
    assert three.items[0]["metadata"]["name"] == "b"
    assert server.connections == 1


def test_many_lists_survive_a_server_that_takes_one_request_a_connection(server: Server, client: Client) -> None:
    closing = page("a").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    server.answers = [closing, page("b"), page("c")]
    found = client.list_many([(PODS, ""), (PODS, "x"), (PODS, "y")])
    assert len(found) == 3
    assert not any(isinstance(listing, KubeError) for listing in found)


def test_a_closed_idle_connection_is_opened_again_even_for_a_write(server: Server, client: Client) -> None:
    server.answers = [page("a"), None, answer({"metadata": {"name": "a"}}, 201)]
    client.list(PODS)
    assert client.create(PODS, {"metadata": {"name": "a", "namespace": "x"}})["metadata"]["name"] == "a"


def test_a_write_on_a_fresh_connection_is_never_sent_twice(server: Server, client: Client) -> None:
    server.answers = [None]
    with pytest.raises(Unreachable):
        client.create(PODS, {"metadata": {"name": "a", "namespace": "x"}})
    assert len(server.seen) == 1


def test_reads_are_repeated_when_the_server_is_busy(server: Server, client: Client) -> None:
    server.answers = [failure(503, "", "busy"), failure(429, "", "slow down"), page("a")]
    assert len(client.list(PODS).items) == 1


def cut(*names: str) -> bytes:
    """A page that ends with its connection, before its last byte."""
    return page(*names).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)[:-3]


def test_a_read_that_was_cut_off_is_repeated(server: Server, client: Client) -> None:
    server.answers = [cut("a"), page("a")]
    assert len(client.list(PODS).items) == 1


def test_many_lists_survive_one_that_was_cut_off(server: Server, client: Client) -> None:
    server.answers = [page("a"), cut("b"), page("b"), page("c")]
    found = client.list_many([(PODS, ""), (PODS, "x"), (PODS, "y")])
    assert [listing.items[0]["metadata"]["name"] for listing in found if not isinstance(listing, KubeError)] == [
        "a",
        "b",
        "c",
    ]


def test_a_write_that_was_cut_off_is_never_sent_twice(server: Server, client: Client) -> None:
    server.answers = [cut("a"), answer({"metadata": {"name": "a"}}, 201)]
    with pytest.raises(Unreachable, match="in the middle of an answer"):
        client.create(PODS, {"metadata": {"name": "a", "namespace": "x"}})
    assert len(server.seen) == 1


def test_a_server_that_has_too_much_to_do_is_asked_for_one_list_in_vain(server: Server) -> None:
    busy = failure(429, "TooManyRequests", "slow down")
    server.answers = [busy.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), *([busy] * 6)]
    slept: list[float] = []
    client = Client(Target(server.url), timeout=5, sleep=slept.append)
    found = client.list_many([(PODS, "a"), (PODS, "b"), (PODS, "c")])
    assert [answer.status for answer in found if isinstance(answer, KubeError)] == [429, 429, 429]
    assert len(slept) == 3


def test_a_followed_list_outlives_a_server_that_is_busy_or_away(server: Server, client: Client) -> None:
    event = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "b", "resourceVersion": "9"}}}).encode()
    stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(event):x}\r\n".encode() + event
    server.answers = [
        page("a"),
        failure(429, "TooManyRequests", "slow down"),
        failure(500, "InternalError", "no leader"),
        None,
        stream + b"\r\n0\r\n\r\n",
    ]
    events = client.follow(PODS, timeout=20)
    assert [(kind, obj["metadata"]["name"]) for kind, obj in (next(events), next(events))] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
    ]


def test_an_event_that_was_cut_off(server: Server, client: Client) -> None:
    server.answers = [b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"type": "ADD']
    with pytest.raises(Unreachable, match="in the middle of an event"):
        next(client.watch(PODS, resource_version="7"))


REFUSED = failure(401, "Unauthorized", "Unauthorized")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("old")
    return path


@pytest.mark.parametrize("how", ["one", "many", "watch"])
def test_a_token_that_was_written_anew_is_read_anew(server: Server, token_file: Path, how: str) -> None:
    target = Target(server.url)
    target.token_file = str(token_file)
    client = Client(target, timeout=5, sleep=lambda _: None)
    server.answers = [page("a")]
    client.list(PODS)
    token_file.write_text("new")
    server.answers = [REFUSED, page("b"), page("c")]
    if how == "one":
        assert client.list(PODS).items[0]["metadata"]["name"] == "b"
    elif how == "many":
        # once in the row of requests, once more alone
        server.answers.insert(0, REFUSED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        assert not any(isinstance(found, KubeError) for found in client.list_many([(PODS, ""), (PODS, "x")]))
    else:
        line = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "b"}}}).encode()
        server.answers[1] = answer(line)
        assert next(client.watch(PODS, resource_version="7"))[0] == "ADDED"
    assert dict(client.login())["Authorization"] == "Bearer new"


def test_a_login_that_was_never_taken_is_not_tried_again(server: Server, token_file: Path) -> None:
    target = Target(server.url)
    target.token_file = str(token_file)
    server.answers = [REFUSED, page("a")]
    with pytest.raises(Unauthorized):
        Client(target, timeout=5, sleep=lambda _: None).list(PODS)


def test_a_login_that_stays_the_same_is_refused_once(server: Server, token_file: Path) -> None:
    target = Target(server.url)
    target.token_file = str(token_file)
    client = Client(target, timeout=5, sleep=lambda _: None)
    server.answers = [page("a"), REFUSED, page("a")]
    client.list(PODS)
    with pytest.raises(Unauthorized):
        client.list(PODS)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (failure(404, "NotFound", 'pods "a" not found', name="a"), NotFound),
        (failure(409, "Conflict", "changed", name="a"), Conflict),
        (failure(403, "Forbidden", "pods is forbidden", name="a"), Forbidden),
        (failure(401, "Unauthorized", "Unauthorized"), Unauthorized),
    ],
)
def test_errors_by_status(server: Server, client: Client, reply: bytes, error: type[KubeError]) -> None:
    server.answers = [reply]
    with pytest.raises(error):
        client.get(PODS, "a", "x")


@pytest.mark.parametrize(
    ("group", "extra"),
    [
        ("kustomize.toolkit.fluxcd.io", ""),
        ("image.toolkit.fluxcd.io", " --components-extra=image-reflector-controller,image-automation-controller"),
        ("source.extensions.fluxcd.io", " --components-extra=source-watcher"),
        ("example.com", None),
    ],
)
def test_a_kind_that_is_not_there_says_what_brings_it(
    server: Server, client: Client, group: str, extra: str | None
) -> None:
    server.answers = [answer(b"404 page not found\n", 404)]
    with pytest.raises(NoMatch) as caught:
        client.list(Resource(group, "v1", "things", "Thing"))
    assert caught.value.hint.partition("with: ")[2] == ("" if extra is None else f"pyflux install{extra}")


def test_a_watch_ends_with_gone_when_its_version_is_too_old(server: Server, client: Client) -> None:
    lines = [
        {"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "8"}}},
        {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}},
    ]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    server.answers = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk]
    events = client.watch(PODS, resource_version="7")
    assert next(events)[0] == "ADDED"
    with pytest.raises(Gone):
        next(events)


def test_nobody_listening_is_one_line_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable) as caught:
        Client(Target(f"http://127.0.0.1:{port}"), timeout=2, sleep=lambda _: None).list(PODS)
    assert f"http://127.0.0.1:{port}: connection refused" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://", "https://:6443", "https://[::1", "https://a:99999", "https://a:0", "https://a:b", "http://::1"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        Client(Target(url), timeout=2).list(PODS)
    assert caught.value.message == f"bad address of the API server: {url}"


@pytest.mark.parametrize(
    ("verify", "hint"),
    [
        ("certificate has expired", "the clock of this machine"),
        ("certificate is not yet valid", "the clock of this machine"),
        ("self-signed certificate", "--certificate-authority"),
    ],
)
def test_a_certificate_that_is_refused_has_its_way_out(verify: str, hint: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = verify
    failed = Connection(Target("https://a"), 1).unreachable(error)
    assert failed.message.endswith(f"its certificate is not trusted: {verify}")
    assert hint in failed.hint


def test_an_alert_is_said_once() -> None:
    text = "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)"
    failed = Connection(Target("https://a"), 1).unreachable(ssl.SSLError(1, text))
    assert failed.message.endswith("https://a: tlsv13 alert certificate required")


def test_something_that_is_not_http(server: Server, client: Client) -> None:
    server.answers = [b"SSH-2.0-OpenSSH\r\n"]
    with pytest.raises(Unreachable, match="not HTTP"):
        client.list(PODS)


@pytest.mark.parametrize(
    ("name", "namespace", "message"),
    [
        ("", "apps", "resource name may not be empty"),
        ("..", "apps", "invalid resource name \"..\": [may not be '..']"),
        ("a/b", "apps", "invalid resource name \"a/b\": [may not contain '/']"),
        ("a%/b", "apps", "invalid resource name \"a%/b\": [may not contain '/' may not contain '%']"),
        ("a", "x/secrets", "invalid namespace \"x/secrets\": [may not contain '/']"),
    ],
)
def test_names_that_would_make_another_path(name: str, namespace: str, message: str) -> None:
    """Above all the empty one: the path would be the collection's, and a DELETE would empty that."""
    resource = KUSTOMIZATIONS
    obj = {"metadata": {"name": name, "namespace": namespace}}
    for make in (
        lambda: request.deleting(resource, name, namespace),
        lambda: request.reading(resource, name, namespace),
        lambda: request.patching(resource, name, namespace, {}),
        lambda: request.replacing(resource, obj),
    ):
        with pytest.raises(Invalid) as caught:
            make()
        assert caught.value.message == message


def test_what_is_no_utf8_is_sent_as_it_was_given() -> None:
    resource = Resource("", "v1", "secrets", "Secret")
    assert request.reading(resource, "a\udcff", "b").target == "/api/v1/namespaces/b/secrets/a%FF"
    made = request.creating(resource, {"metadata": {"name": "a", "namespace": "b"}, "data": "x\udcff"})
    assert made.body is not None
    assert json.loads(made.body)["data"] == "x\ufffd"
