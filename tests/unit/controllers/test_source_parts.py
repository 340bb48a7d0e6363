"""The source reconciler's parts: storage, its server, credentials, shared trees."""

from __future__ import annotations

import base64
import http.client
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pyflux.controllers.source.gitauth import AuthFailed, git_auth
from pyflux.controllers.source.server import ArtifactServer, split_address
from pyflux.controllers.source.storage import Storage
from pyflux.controllers.trees import ArtifactGone, FetchFailed, Trees
from pyflux.errors import ConfigError, NotFound
from pyflux.render.ignore import Ignore

Obj = dict[str, Any]
SOURCE: Obj = {"kind": "GitRepository", "metadata": {"name": "fleet", "namespace": "flux-system"}}
NOTHING = Ignore([])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(str(tmp_path / "storage"), 60.0)
    made.address = "example.com:80"
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> str:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "x.yaml").write_text("x")
    return str(tmp_path / "checkout")


def test_an_artifact_is_described(storage: Storage, checkout: str) -> None:
    artifact = storage.archive(SOURCE, "main@sha1:a", "a.tar.gz", checkout, NOTHING)
    assert artifact["path"] == "gitrepository/flux-system/fleet/a.tar.gz"
    assert artifact["url"] == "http://example.com:80/gitrepository/flux-system/fleet/a.tar.gz"
    assert artifact["revision"] == "main@sha1:a"
    assert artifact["size"] == os.path.getsize(storage.local(artifact))
    assert storage.intact(artifact)


def test_a_damaged_artifact_is_removed(storage: Storage, checkout: str) -> None:
    artifact = storage.archive(SOURCE, "r", "a.tar.gz", checkout, NOTHING)
    with open(storage.local(artifact), "ab") as file:
        file.write(b"x")
    assert not storage.intact(artifact)
    assert not os.path.exists(storage.local(artifact))


def test_old_artifacts_go_after_a_while(storage: Storage, checkout: str) -> None:
    artifacts = [storage.archive(SOURCE, str(n), f"{n}.tar.gz", checkout, NOTHING) for n in range(4)]
    assert storage.collect(SOURCE, artifacts[3]) == 0
    for age, artifact in enumerate(artifacts):
        os.utime(storage.local(artifact), (time.time() - 1000 + age,) * 2)
    assert storage.collect(SOURCE, artifacts[3]) == 2
    assert [os.path.exists(storage.local(a)) for a in artifacts] == [False, False, True, True]
    assert storage.remove_all(SOURCE)
    assert not storage.intact(artifacts[3])


def test_no_path_leaves_the_storage(storage: Storage) -> None:
    assert storage.local({"path": "../../etc/passwd"}) == ""
    assert storage.local({"path": "/etc/passwd"}) == ""


def test_the_server_gives_artifacts_and_nothing_else(storage: Storage, checkout: str) -> None:
    artifact = storage.archive(SOURCE, "r", "a.tar.gz", checkout, NOTHING)
    with open(os.path.join(storage.root, "secret"), "w") as file:
        file.write("s")
    server = ArtifactServer(storage, "127.0.0.1:0")
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

        def get(path: str, method: str = "GET") -> tuple[int, bytes]:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()

        with open(storage.local(artifact), "rb") as file:
            assert get("/" + artifact["path"]) == (200, file.read())
        assert get("/" + artifact["path"], "HEAD") == (200, b"")
        bad = ["/", "/secret", "/gitrepository/", "/gitrepository/flux-system/fleet/absent.tar.gz"]
        bad += ["/gitrepository/../../etc/x.tar.gz", "/gitrepository/%2e%2e/%2e%2e/secret.tar.gz", "//etc/passwd"]
        assert {get(path)[0] for path in bad} == {404}
    finally:
        server.stop()


def test_addresses() -> None:
    assert split_address(":8080") == ("", 8080)
    assert split_address("[::1]:80") == ("::1", 80)
    with pytest.raises(ConfigError, match="'nonsense' is not an address"):
        split_address("nonsense")


# -- credentials


class Secrets:
    """Stands in for the client: Secrets by name."""

    def __init__(self, **secrets: dict[str, str]) -> None:
        self._secrets = secrets

    def get(self, _resource: object, name: str, _namespace: str) -> Obj:
        if name not in self._secrets:
            raise NotFound(f'secrets "{name}" not found', status=404, reason="NotFound")
        return {"data": {k: base64.b64encode(v.encode()).decode() for k, v in self._secrets[name].items()}}


def source(url: str, **spec: Any) -> Obj:
    return {**SOURCE, "spec": {"url": url, **spec}}


REF = {"secretRef": {"name": "login"}}


def test_http_logins() -> None:
    client: Any = Secrets(login={"username": "me", "password": "pw", "ca.crt": "PEM"})
    auth = git_auth(client, source("https://example.com/x", **REF))
    assert (auth.username, auth.password, auth.ca, auth.ssh_user_files) == ("me", "pw", b"PEM", False)
    token: Any = Secrets(login={"bearerToken": "t"})
    assert git_auth(token, source("https://example.com/x", **REF)).bearer_token == "t"


def test_ssh_logins() -> None:
    client: Any = Secrets(login={"identity": "KEY", "known_hosts": "HOSTS", "password": "phrase"})
    auth = git_auth(client, source("ssh://deploy@example.com/x", **REF))
    assert (auth.username, auth.private_key, auth.known_hosts, auth.passphrase) == (
        "deploy",
        b"KEY",
        b"HOSTS",
        "phrase",
    )


def test_a_proxy() -> None:
    client: Any = Secrets(proxy={"address": "http://proxy:3128", "username": "u", "password": "p@ss"})
    auth = git_auth(client, source("https://example.com/x", proxySecretRef={"name": "proxy"}))
    assert auth.proxy == "http://u:p%40ss@proxy:3128"


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("ssh://git@x/y", {"known_hosts": "h"}, "'identity' is required"),
        ("ssh://git@x/y", {"identity": "k"}, "'known_hosts' is required"),
        ("https://x/y", {"password": "p"}, "'password' requires 'username' to be set"),
        ("https://x/y", {"bearerToken": "t", "username": "u"}, "'bearerToken' cannot be used with basic auth"),
        ("https://x/y", {"githubAppID": "1"}, "has github app data but provider is not set to github"),
    ],
)
def test_credentials_that_cannot_be_used(url: str, secret: dict[str, str], why: str) -> None:
    client: Any = Secrets(login=secret)
    with pytest.raises(AuthFailed) as caught:
        git_auth(client, source(url, **REF))
    assert why in caught.value.message


def test_a_missing_secret_is_named() -> None:
    client: Any = Secrets()
    with pytest.raises(AuthFailed, match="failed to get secret 'flux-system/login': "):
        git_auth(client, source("https://x/y", **REF))


# -- shared trees


def test_a_tree_is_unpacked_once_and_checked(storage: Storage, checkout: str, tmp_path: Path) -> None:
    artifact = storage.archive(SOURCE, "r", "a.tar.gz", checkout, NOTHING)
    trees = Trees(str(tmp_path / "trees"), storage.local)
    with trees.use(artifact) as one, trees.use(artifact) as other:
        assert one == other
        assert Path(one, "x.yaml").read_text() == "x"
    with (
        pytest.raises(FetchFailed, match="doesn't match its advertised"),
        trees.use({**artifact, "digest": "sha256:0"}),
    ):
        pass


def test_an_artifact_of_another_process_is_downloaded(storage: Storage, checkout: str, tmp_path: Path) -> None:
    server = ArtifactServer(storage, "127.0.0.1:0")
    storage.address = f"127.0.0.1:{server.port}"
    server.start()
    artifact = storage.archive(SOURCE, "r", "a.tar.gz", checkout, NOTHING)
    trees = Trees(str(tmp_path / "trees"), lambda _artifact: "", sleep=lambda _seconds: None)
    try:
        with trees.use(artifact) as folder:
            assert Path(folder, "x.yaml").read_text() == "x"
        gone = {**artifact, "url": artifact["url"].replace("a.tar.gz", "b.tar.gz"), "digest": "sha256:1"}
        with pytest.raises(ArtifactGone), trees.use(gone):
            pass
    finally:
        server.stop()
    with (
        pytest.raises(FetchFailed, match="failed to download archive from "),
        trees.use({**artifact, "digest": "sha256:2"}),
    ):
        pass
