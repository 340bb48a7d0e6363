"""`trigger receiver`: path, signature, tokens, retries; against a small web server."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest


class Hook:
    """Remembers requests; answers with `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.text = b""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hook.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
                self.end_headers()
                self.wfile.write(hook.text)

            do_GET = do_POST = _answer

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()


def path(token: str, name: str = "r", namespace: str = "flux-system") -> str:
    return "/hook/" + hashlib.sha256(f"{token}{name}{namespace}".encode()).hexdigest()


def test_a_generic_receiver(hook: Hook, run: Any) -> None:
    found = run("trigger", "receiver", "r", "--url", hook.url + "/base/", "--token", "t", "-n", "apps")
    assert found == (0, "", "► triggering Receiver apps/r\n✔ Receiver apps/r triggered\n")
    method, asked, headers, body = hook.requests[0]
    assert (method, asked, body) == ("POST", "/base" + path("t", namespace="apps"), b"{}")
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("flux/v")
    assert "X-Signature" not in headers
    assert "Authorization" not in headers


def test_a_signed_receiver(hook: Hook, run: Any) -> None:
    argv = ["trigger", "receiver", "r", "--url", hook.url, "--token", "key", "--type", "generic-hmac"]
    assert run(*argv, "--payload", '{"image":"x"}').code == 0
    _, _, headers, body = hook.requests[0]
    assert headers["X-Signature"] == "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()


def test_an_oidc_receiver_with_a_token_from_flag_environment_or_ci(hook: Hook, run: Any) -> None:
    argv = ["trigger", "receiver", "r", "--url", hook.url, "--type", "generic-oidc"]
    assert run(*argv, "--oidc-token", "one").code == 0
    assert run(*argv, environ={"FLUX_TRIGGER_RECEIVER_OIDC_TOKEN": "two"}).code == 0
    assert [headers["Authorization"] for _, _, headers, _ in hook.requests] == ["Bearer one", "Bearer two"]
    assert hook.requests[0][1] == path("")
    hook.text = json.dumps({"value": "three"}).encode()
    ci = {"ACTIONS_ID_TOKEN_REQUEST_URL": hook.url + "/token?v=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "ask"}
    assert run(*argv, "--oidc-provider", "github", "--oidc-audience", "me", environ=ci).code == 0
    asked, called = hook.requests[-2:]
    assert (asked[0], asked[1], asked[2]["Authorization"]) == ("GET", "/token?v=2&audience=me", "bearer ask")
    assert called[2]["Authorization"] == "Bearer three"


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (b"{}", 200, "the OIDC token response did not contain a token"),
        (b"no", 200, "failed to decode OIDC token response"),
        (b"denied", 403, "OIDC token request failed with status 403 Forbidden: denied"),
    ],
)
def test_a_ci_system_that_gives_no_token(answer: bytes, status: int, text: str, hook: Hook, run: Any) -> None:
    hook.text, hook.statuses = answer, [status]
    ci = {"ACTIONS_ID_TOKEN_REQUEST_URL": hook.url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "ask"}
    argv = ["trigger", "receiver", "r", "--url", hook.url, "--type", "generic-oidc", "--oidc-provider", "forgejo"]
    found = run(*argv, environ=ci)
    assert found.code == 1
    assert text in found.err
    assert len(hook.requests) == 1


def test_it_tries_again_where_that_may_help(hook: Hook, run: Any) -> None:
    hook.statuses = [503, 404]
    found = run("trigger", "receiver", "r", "--url", hook.url, "--token", "t")
    assert found.code == 0
    assert len(hook.requests) == 3
    waits = [line for line in found.err.splitlines() if line.startswith("◎")]
    assert waits[0].endswith("failed with status 503 Service Unavailable; retrying in 10s (1/10)")
    assert waits[1].endswith("(2/10)")


def test_it_gives_up(hook: Hook, run: Any) -> None:
    hook.statuses, hook.text = [403], b"bad token\n"
    found = run("trigger", "receiver", "r", "--url", hook.url, "--token", "t")
    assert found.err.endswith("failed with status 403 Forbidden: bad token\n")
    assert len(hook.requests) == 1
    hook.statuses = [500] * 9
    assert run("trigger", "receiver", "r", "--url", hook.url, "--token", "t", "--retries", "2").code == 1
    assert len(hook.requests) == 4
    late = run("trigger", "receiver", "r", "--url", hook.url, "--token", "t", "--timeout=15s")
    assert late.err.endswith("✗ context deadline exceeded\n")
    down = run("trigger", "receiver", "r", "--url", "http://127.0.0.1:9", "--token", "t", "--retries=0")
    assert down.err.endswith("dial tcp 127.0.0.1:9: connect: connection refused\n")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--token", "t"], "--url is required"),
        (["--url", "http://x"], "--token is required for --type=generic"),
        (["--url", "http://x", "--type", "github", "--token", "t"], 'invalid --type "github", must be one of:'),
        (["--url", "http://x", "--token", "t", "--oidc-token", "o"], "can only be set for --type=generic-oidc"),
        (["--url", "http://x", "--type", "generic-oidc", "--token", "t"], "--token must not be set"),
        (
            ["--url", "http://x", "--type", "generic-oidc", "--oidc-token", "t", "--oidc-provider", "github"],
            "--oidc-provider and --oidc-token are mutually exclusive",
        ),
        (["--url", "http://x", "--type", "generic-oidc", "--oidc-provider", "x"], 'invalid --oidc-provider "x"'),
        (
            ["--url", "http://x", "--type", "generic-oidc", "--oidc-token", "t", "--oidc-audience", "a"],
            "--oidc-audience can only be set together with --oidc-provider",
        ),
        (["--url", "http://x", "--type", "generic-oidc"], "no OIDC token provided"),
        (
            ["--url", "http://x", "--type", "generic-oidc", "--oidc-provider", "github"],
            "ensure the Actions job has the 'id-token: write' permission",
        ),
        (["--url", "file:///etc/passwd", "--token", "t"], "expected http:// or https://"),
    ],
)
def test_flags_that_do_not_go_together(argv: list[str], text: str, run: Any) -> None:
    found = run("trigger", "receiver", "r", *argv)
    assert found.code == 1
    assert text in found.err
