"""Each request to GitHub, sent to a server that validates it against GitHub's published API description."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.processes import Server, binary, free_port, temporary_folder
from tests.unit.bootstrap.conftest import World
from tests.unit.bootstrap.services import GitHubService, Request

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def prism() -> Iterator[int]:
    """The port of a Prism that answers from GitHub's description and refuses what does not fit it."""
    folder = binary("githubapi")
    description, program = folder / "openapi.json", folder / "node_modules" / ".bin" / "prism"
    if not description.exists() or not program.exists():
        pytest.skip("GitHub's API description is not there: make -C tests/real githubapi (needs Node)")
    port = free_port()
    log = temporary_folder("pyflux-prism-") / "prism.log"
    command = ["node", str(program), "mock", "-h", "127.0.0.1", "-p", str(port), "--errors", str(description)]
    server = Server("prism", command, log)
    try:
        server.wait_until(lambda: "Prism is listening" in log.read_text(errors="replace"), 240, 0.3)
        yield port
    finally:
        server.stop()


def ask(port: int, request: Request) -> tuple[int, str, str]:
    """Sends a recorded request to Prism: the status, what it violates, and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    path = request.path + (f"?{request.query}" if request.query else "")
    kept = ("authorization", "accept", "content-type", "x-github-api-version", "user-agent")
    headers = {name: value for name, value in request.headers.items() if name in kept}
    # GitHub's own media types are in its documentation, not in the description
    headers["accept"] = "application/vnd.github.v3.repository+json, application/json"
    try:
        connection.request(request.method, path, None if request.body is None else json.dumps(request.body), headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("sl-violations") or "", answer.read().decode()
    finally:
        connection.close()


def recorded(make_world: Callable[[str], World], tmp_path: Path) -> list[Request]:
    """Every kind of request that the flows of a bootstrap make."""
    world = make_world("github")
    service = world.service
    assert isinstance(service, GitHubService)
    world.good("--team=sre:admin", "--team=dev", "--reconcile", "--private=false")
    world.good("--reconcile")
    del world.cluster.objects["Secret", "flux-system", "flux-system"]
    world.good("--read-write-key")
    world.good("--check", "--team=sre")
    world.run("--check", "--repository=other")
    world.good("--owner=me", "--personal", "--repository=mine", "--token-auth")
    service.store("acme/proposed", "private")
    service.bare("acme/proposed").commit({"README.md": "x"})
    world.good("--repository=proposed", "--pull-request")
    for personal in ([], ["--personal"]):
        key = _app_key(tmp_path)
        service.allowed = lambda _headers: True  # type: ignore[method-assign]
        plain = service.handle

        def handle(method: str, path: str, query: dict[str, str], body: dict[str, object]) -> tuple[int, object]:
            if path.endswith("/installation"):
                return 200, {"id": 77}
            if path.endswith("/access_tokens"):
                return 201, {"token": "installation-token"}
            return plain(method, path, query, body)  # noqa: B023 - called in this round only

        service.handle = handle  # type: ignore[method-assign]
        world.run("--check", "--app-id=5", f"--app-private-key={key}", *personal)
        service.handle = plain  # type: ignore[method-assign]
    return service.requests


def _app_key(folder: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / "app.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def kind_of(request: Request) -> tuple[str, str, tuple[str, ...]]:
    """What makes two requests alike: method, path without names, the fields of the body."""
    path = re.sub(
        r"/(repos|orgs|users|teams|keys|branches|installations)/[^/]+(/[^/]+(?=/|$))?", r"/\1/*", request.path
    )
    return request.method, path, tuple(sorted(request.body or {}))


def test_every_request_fits_the_description(prism: int, make_world: Callable[[str], World], tmp_path: Path) -> None:
    kinds = {kind_of(request): request for request in recorded(make_world, tmp_path)}
    assert len(kinds) >= 15
    wrong = []
    for request in kinds.values():
        status, violations, text = ask(prism, request)
        found = [entry for entry in json.loads(violations or "[]") if entry["location"][0] == "request"]
        # 500 with violations of the response: an example in the description that does not fit it itself
        if found or 400 <= status < 500 or (status >= 500 and not violations):
            wrong.append(f"{request.method} {request.path} {request.body}: {status} {violations or text}")
    assert not wrong, "\n".join(wrong)


def test_the_server_does_refuse_what_does_not_fit(prism: int) -> None:
    good = {"authorization": "Bearer x", "content-type": "application/json", "accept": "application/json"}
    bad_body = Request("POST", "/repos/acme/fleet/keys", "", {"title": "x"}, good)
    bad_path = Request("GET", "/repos/acme/fleet/nothing", "", None, good)
    assert ask(prism, bad_body)[0] >= 400
    assert ask(prism, bad_path)[0] == 404
