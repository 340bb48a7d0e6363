from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fake_cluster import make_env

from pyflux.errors import PyfluxError
from pyflux.verbs.install import download
from pyflux.verbs.install.download import fetch, latest_version


class Page(BaseHTTPRequestHandler):
    failures = 0

    def do_GET(self) -> None:
        if self.path == "/latest":
            self.send_response(302)
            self.send_header("Location", "/tag/v2.9.7")
        elif self.path == "/flaky" and Page.failures > 0:
            Page.failures -= 1
            self.send_response(503)
        else:
            self.send_response(404 if self.path == "/missing" else 403 if self.path == "/closed" else 200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_body(server: str):
    assert fetch(make_env(), f"{server}/a") == b"body"


def test_server_errors_are_tried_again(server: str):
    Page.failures = 2
    assert fetch(make_env(), f"{server}/flaky") == b"body"
    Page.failures = 3
    with pytest.raises(PyfluxError, match=r"failed to download .*/flaky: 503"):
        fetch(make_env(), f"{server}/flaky")


@pytest.mark.parametrize(("path", "message"), [("missing", "does not exist"), ("closed", "failed to download .*: 403")])
def test_refusals_are_final(server: str, path: str, message: str):
    env = make_env()
    with pytest.raises(PyfluxError, match=message):
        fetch(env, f"{server}/{path}")
    assert env.monotonic() == 0


def test_no_network_is_one_clear_line():
    with pytest.raises(PyfluxError, match=r"^failed to download http://127.0.0.1:9/a: Connection refused$") as caught:
        fetch(make_env(), "http://127.0.0.1:9/a")
    assert "the embedded release needs no network" in caught.value.hint


def test_size_is_limited(server: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "MAX_ARCHIVE", 3)
    with pytest.raises(PyfluxError, match=r"is larger than"):
        fetch(make_env(), f"{server}/a")


def test_only_the_web(server: str):
    with pytest.raises(PyfluxError, match=r"only http and https"):
        fetch(make_env(), "file:///etc/passwd")


def test_latest(server: str):
    env = make_env()
    env.environ = {"PYFLUX_RELEASES_URL": server}
    assert latest_version(env) == "v2.9.7"
    env.environ = {"PYFLUX_RELEASES_URL": f"{server}/x"}
    with pytest.raises(PyfluxError, match=r"the latest release is not known"):
        latest_version(env)
