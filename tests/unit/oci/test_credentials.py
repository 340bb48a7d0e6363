"""Logins: from the command line, docker's config, its helpers, token servers, cloud providers."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from pyflux.oci import challenge, credentials, reference
from pyflux.oci.errors import OciError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakeregistry import Registry

    Run = Callable[..., tuple[int, str, str]]


def docker_config(folder: Path, config: object) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return {"DOCKER_CONFIG": str(folder)}


def helper(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    program = folder / "docker-credential-fake"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize("bearer", [False, True])
def test_creds(run: Run, registry: Registry, bearer: bool) -> None:
    registry.login, registry.bearer = ("ann", "s3cret"), bearer
    url = f"oci://{registry.address}/org/app"
    code, _, err = run("list", "artifacts", url)
    assert code == 1
    code, _, err = run("list", "artifacts", url, "--creds=ann:s3cret")
    assert err.splitlines()[0] == "► logging in to registry with credentials"
    assert "NAME_UNKNOWN" in err
    code, _, err = run("list", "artifacts", url, "--creds=ann:wrong")
    assert code == 1
    assert "wrong" not in err


def test_bearer_scope(run: Run, registry: Registry, manifests: Path) -> None:
    registry.login, registry.bearer = ("ann", "s3cret"), True
    code, _, err = run(
        "push", "artifact", f"oci://{registry.address}/org/app:v1", f"--path={manifests}",
        "--source=a", "--revision=b", "--creds=ann:s3cret",
    )  # fmt: skip
    assert code == 0, err
    asked = [path for _, path, _ in registry.requests if path.startswith("/token")]
    assert asked == ["/token?scope=repository%3Aorg%2Fapp%3Apush%2Cpull&service=fake"]


def test_docker_config(run: Run, registry: Registry, tmp_path: Path) -> None:
    registry.login = ("ann", "s3cret")
    auth = base64.b64encode(b"ann:s3cret").decode()
    for key in (registry.address, f"https://{registry.address}/v1/", f"{registry.address}/org/app"):
        environ = docker_config(tmp_path / "docker", {"auths": {key: {"auth": auth}}})
        _, _, err = run("list", "artifacts", f"oci://{registry.address}/org/app", **environ)
        assert "NAME_UNKNOWN" in err, key


def test_helper(run: Run, registry: Registry, tmp_path: Path) -> None:
    registry.login = ("ann", "s3cret")
    path = helper(tmp_path / "bin", 'read key; echo "{\\"Username\\":\\"ann\\",\\"Secret\\":\\"s3cret\\"}"')
    environ = docker_config(tmp_path / "docker", {"credHelpers": {registry.address: "fake"}})
    _, _, err = run("list", "artifacts", f"oci://{registry.address}/org/app", **environ, PATH=path)
    assert "NAME_UNKNOWN" in err


def test_helper_that_knows_nothing_is_anonymous(tmp_path: Path) -> None:
    path = helper(tmp_path / "bin", "echo 'credentials not found in native keychain'; exit 1")
    environ = docker_config(tmp_path / "docker", {"credsStore": "fake"})
    assert not credentials.find({**environ, "PATH": path}, "r.example.com")


def test_helper_that_fails_or_is_missing(tmp_path: Path) -> None:
    environ = docker_config(tmp_path / "docker", {"credsStore": "fake"})
    with pytest.raises(OciError, match="docker-credential-fake not found on PATH"):
        credentials.find({**environ, "PATH": str(tmp_path)}, "r.example.com")
    path = helper(tmp_path / "bin", 'echo \'{"Secret":"hidden"\'')
    with pytest.raises(OciError, match="did not answer") as caught:
        credentials.find({**environ, "PATH": path}, "r.example.com")
    assert "hidden" not in str(caught.value)


def test_identity_token(tmp_path: Path) -> None:
    path = helper(tmp_path / "bin", 'echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"refresh\\"}"')
    environ = docker_config(tmp_path / "docker", {"credsStore": "fake"})
    found = credentials.find({**environ, "PATH": path}, "r.example.com")
    assert (found.identity, found.password) == ("refresh", "")


def test_broken_docker_config(tmp_path: Path) -> None:
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    with pytest.raises(OciError, match="cannot read the registry logins"):
        credentials.find({"DOCKER_CONFIG": str(folder)}, "r.example.com")


def test_docker_hub_has_a_key_of_its_own(tmp_path: Path) -> None:
    auth = base64.b64encode(b"ann:s3cret").decode()
    environ = docker_config(tmp_path / "docker", {"auths": {"https://index.docker.io/v1/": {"auth": auth}}})
    found = reference.parse("docker.io/app")
    assert found.name == "index.docker.io/library/app"
    assert credentials.find(environ, found.registry, found.repository).user == "ann"


@pytest.mark.parametrize(
    ("provider", "registry_name", "word"),
    [("aws", "123.dkr.ecr.eu-west-1.amazonaws.com", "aws"), ("azure", "me.azurecr.io", "az")],
)
def test_provider_needs_its_program(run: Run, tmp_path: Path, provider: str, registry_name: str, word: str) -> None:
    code, _, err = run("list", "artifacts", f"oci://{registry_name}/app", "--provider", provider, PATH=str(tmp_path))
    assert code == 1
    assert f"the program {word} is needed for this login and is not on PATH" in err


def test_provider_asks_its_program(tmp_path: Path) -> None:
    from pyflux.oci.providers import login

    program = tmp_path / "aws"
    program.write_text('#!/bin/sh\n[ "$*" = "ecr get-login-password --region eu-west-1" ] && echo pass\n')
    program.chmod(0o755)
    found = login("aws", "123.dkr.ecr.eu-west-1.amazonaws.com", {"PATH": f"{tmp_path}:/bin"}, 10.0)
    assert (found.user, found.password) == ("AWS", "pass")
    with pytest.raises(OciError, match="invalid Amazon ECR registry"):
        login("aws", "r.example.com", {}, 10.0)


def test_challenges() -> None:
    header = 'Negotiate, Bearer realm="https://t.example.com/a?b=c",service="x, y",scope="repository:a:pull"'
    assert challenge.pick([header]) == (
        "bearer",
        {"realm": "https://t.example.com/a?b=c", "service": "x, y", "scope": "repository:a:pull"},
    )
    assert challenge.pick([]) == ("", {})


@pytest.mark.parametrize(
    "realm", ["http://t.example.com/token", "https://10.0.0.1/token", "https://169.254.169.254/", "file:///etc", ""]
)
def test_token_servers_that_get_no_login(realm: str) -> None:
    with pytest.raises(OciError):
        challenge.check_realm(realm, "r.example.com", False)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("r.example.com/org/app", "r.example.com/org/app:latest"),
        ("r.example.com:5000/app:v1", "r.example.com:5000/app:v1"),
        ("org/app", "index.docker.io/org/app:latest"),
        ("r.example.com/a_b@sha256:" + "a" * 64, "r.example.com/a_b@sha256:" + "a" * 64),
    ],
)
def test_references(text: str, full: str) -> None:
    assert str(reference.parse(text)) == full


@pytest.mark.parametrize(
    "text", ["", "x y", "r.example.com/App", "r.example.com/app:", "r.example.com/app@sha256:a", "a"]
)
def test_references_that_are_none(text: str) -> None:
    with pytest.raises(OciError, match="could not parse reference"):
        reference.parse(text)
