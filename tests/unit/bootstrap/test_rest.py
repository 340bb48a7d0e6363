"""The REST client: pages, pauses, and refusals in one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pyflux.bootstrap.providers import rest as module
from pyflux.bootstrap.providers.githubapp import jwt
from pyflux.bootstrap.providers.rest import ApiError, Rest
from pyflux.errors import PyfluxError

SECRET = "the-secret-token"
Reply = tuple[int, Any, dict[str, str]]


class Api:
    """Answers by a function of method and path; `pauses` are what the client waited."""

    def __init__(self) -> None:
        self.answer: Callable[[str, str], Reply] = lambda _m, _p: (200, {}, {})
        self.calls: list[tuple[str, str]] = []
        self.pauses: list[float] = []
        self.url = ""


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.calls.append((self.command, self.path))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data, headers = made.answer(self.command, self.path)
            body = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


def client(api: Api) -> Rest:
    return Rest("Hub", f"{api.url}/api", {"Authorization": SECRET}, secrets=(SECRET,), sleep=api.pauses.append)


def test_pages_are_followed_on_the_same_service_only(api: Api) -> None:
    def answer(_method: str, path: str) -> Reply:
        if "page=2" in path:
            return 200, [3], {"Link": '<https://evil.example.com/api/x?page=3>; rel="next"'}
        link = f'<{api.url}/api/things?page=2>; rel="next", <{api.url}/api/things?page=9>; rel="last"'
        return 200, [1, 2], {"Link": link}

    api.answer = answer
    assert list(client(api).pages("/things", what="listing")) == [1, 2, 3]
    assert len(api.calls) == 2


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (401, {"message": "Bad credentials"}, ["Hub refused the token (401): Bad credentials", "new token"]),
        (403, {"message": "No"}, ["Hub does not allow it (403): No", "the token needs the scope x"]),
        (404, {}, ["Hub does not find it (404)", "the scope x"]),
        (422, {"message": "Bad", "errors": [{"field": "name", "code": "invalid"}]}, ["(422): Bad; name invalid"]),
        (400, {"message": {"name": ["is taken", "is odd"]}}, ["(400): name is taken, is odd"]),
        (409, {"errors": [{"message": "in use"}]}, ["(409): in use"]),
        (418, b"<html>teapot</html>", ["answered with status 418"]),
        (400, {"message": f"you sent {SECRET}\nand more"}, ["you sent ***** and more"]),
    ],
)
def test_refusals(api: Api, status: int, data: Any, words: list[str]) -> None:
    api.answer = lambda _m, _p: (status, data, {})
    with pytest.raises(ApiError) as caught:
        client(api).call("GET", "/x", what="looking", needs="the scope x")
    said = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message.startswith("looking: ")
    assert "\n" not in said
    assert SECRET not in said
    for word in words:
        assert word in said
    assert caught.value.status == status
    assert len(api.calls) == 1


def test_a_page_for_people_is_no_answer(api: Api) -> None:
    """A login page of a single sign-on, or another site at the host name."""
    api.answer = lambda _m, _p: (200, b"<html>log in</html>", {})
    with pytest.raises(ApiError) as caught:
        client(api).call("GET", "/x", what="looking")
    assert caught.value.message == f"looking: Hub at {api.url}/api answers with a page instead of data"
    assert "host name" in caught.value.hint
    api.answer = lambda _m, _p: (404, b"404 page not found", {})
    assert client(api).call("GET", "/x", what="looking", absent=True).status == 404
    api.answer = lambda _m, _p: (204, b"", {})
    assert client(api).call("DELETE", "/x", what="removing").data is None


def test_absent_is_an_answer(api: Api) -> None:
    api.answer = lambda _m, _p: (404, {}, {})
    assert client(api).call("GET", "/x", what="looking", absent=True).status == 404


def test_reads_are_repeated_and_creations_are_not(api: Api) -> None:
    api.answer = lambda _m, _p: (502, {}, {})
    for method, tries in (("GET", 4), ("DELETE", 4), ("POST", 1)):
        api.calls.clear()
        with pytest.raises(ApiError) as caught:
            client(api).call(method, "/x", {} if method == "POST" else None, what="doing")
        assert len(api.calls) == tries
        assert caught.value.transient


def test_pauses_are_those_that_the_service_asks_for(api: Api) -> None:
    replies = iter([(429, {}, {"Retry-After": "7"}), (503, {}, {}), (200, {"a": 1}, {})])
    api.answer = lambda _m, _p: next(replies)
    assert client(api).call("POST", "/x", {}, what="doing").data == {"a": 1}
    assert api.pauses == [7.0, 1.0]


def test_a_long_rate_limit_is_told(api: Api) -> None:
    api.answer = lambda _m, _p: (429, {}, {"Retry-After": "3600"})
    with pytest.raises(ApiError, match="rate limit of Hub is used up for 61 minutes"):
        client(api).call("GET", "/x", what="doing")
    assert api.pauses == []


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.5)
    pauses: list[float] = []
    with pytest.raises(ApiError) as caught:
        Rest("Hub", "http://127.0.0.1:1", {}, sleep=pauses.append).call("GET", "/x", what="looking")
    assert caught.value.status == 0
    assert caught.value.transient
    assert len(pauses) == 3


def test_app_statements() -> None:
    import base64

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text = jwt("5", key.private_bytes(*plain), 1_000_000.0)
    head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in text.split("."))
    assert json.loads(head) == {"alg": "RS256", "typ": "JWT"}
    assert json.loads(claims) == {"iat": 999_940, "exp": 1_000_540, "iss": "5"}
    key.public_key().verify(signature, text.rpartition(".")[0].encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(PyfluxError, match="is not an RSA key"):
        jwt("5", ec.generate_private_key(ec.SECP256R1()).private_bytes(*plain), 0.0)
    with pytest.raises(PyfluxError, match="cannot be read"):
        jwt("5", b"nonsense", 0.0)
