"""`bootstrap gitea` with a real Gitea, a real API server and the official controllers."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real import bootstrap_world as world
from tests.real.cluster import RealCluster
from tests.real.gitea import Gitea
from tests.real.gitrepos import BareRepository
from tests.real.pki import write_serving_pair

pytestmark = pytest.mark.real

KEY_NAME = "flux-system-main-flux-system-./clusters/prod"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    reason = RealCluster.missing(*world.CONTROLLERS)
    if reason:
        pytest.skip(reason)
    with RealCluster() as made:
        made.start_controllers(*world.CONTROLLERS, wait_for_crds=True)
        yield made


@pytest.fixture(scope="module")
def organization(gitea: Gitea) -> str:
    """An organization with the teams sre (admin) and dev (write)."""
    assert gitea.api("POST", "/orgs", {"username": "acme"})[0] == 201
    for name, permission in (("sre", "admin"), ("dev", "write")):
        body = {"name": name, "permission": permission, "units_map": {"repo.code": permission}}
        assert gitea.api("POST", "/orgs/acme/teams", body)[0] == 201
    return "acme"


@pytest.fixture
def env(cluster: RealCluster, gitea: Gitea, tmp_path: Path) -> Iterator[dict[str, str]]:
    yield world.environment(cluster, tmp_path, {"GITEA_TOKEN": gitea.token})
    world.forget(cluster)


def words(gitea: Gitea, *more: str) -> list[str]:
    return ["gitea", f"--hostname={gitea.url}", "--path=clusters/prod", "--timeout=120s", *more]


class TlsFront:
    """TLS in front of Gitea: `address` is host:port, `ca` the file of its authority."""

    def __init__(self, folder: Path, port: int) -> None:
        write_serving_pair(folder)
        self.ca = folder / "ca.crt"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self._target = port
        self._socket = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.address = f"localhost:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def front(gitea: Gitea, tmp_path: Path) -> Iterator[TlsFront]:
    folder = tmp_path / "tls"
    folder.mkdir()
    made = TlsFront(folder, gitea.port)
    yield made
    made.close()


def deploy_keys(gitea: Gitea, repository: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gitea.api("GET", f"/repos/{repository}/keys")[1]
    return found


def test_an_organization_with_teams_over_ssh(
    cluster: RealCluster, gitea: Gitea, organization: str, env: dict[str, str]
) -> None:
    args = words(gitea, "--owner=acme", "--repository=fleet", f"--ssh-hostname=127.0.0.1:{gitea.ssh_port}")
    checked = world.must(env, *args, "--check")
    assert "the repository acme/fleet is not there" in checked
    assert gitea.api("GET", "/repos/acme/fleet")[0] == 404
    said = world.must(env, *args, "--team=sre:admin", "--team=dev", "--team=nobody")
    assert gitea.token not in said
    assert 'granted "admin" permissions to "sre"' in said
    assert 'failed to grant "maintain" permissions to "nobody"' in said
    assert f'configured deploy key "{KEY_NAME}"' in said
    assert gitea.api("GET", "/repos/acme/fleet")[1]["private"] is True
    assert gitea.api("GET", "/repos/acme/fleet/teams/dev")[0] == 200
    (key,) = deploy_keys(gitea, "acme/fleet")
    assert (key["title"], key["read_only"]) == (KEY_NAME, True)
    source, _ = world.sync_objects(cluster)
    assert source["spec"]["url"] == f"ssh://git@127.0.0.1:{gitea.ssh_port}/acme/fleet"

    again = world.must(env, *args, "--team=sre:admin")
    assert "source secret up to date" in again
    assert "granted" not in again
    assert deploy_keys(gitea, "acme/fleet")[0]["id"] == key["id"]

    # the key is gone at the host: it is put back
    assert gitea.api("DELETE", f"/repos/acme/fleet/keys/{key['id']}")[0] == 204
    assert "configured deploy key" in world.must(env, *args)
    assert deploy_keys(gitea, "acme/fleet")[0]["key"] == key["key"]

    # the secret is gone in the cluster: a new key takes the place of the old one
    cluster.must("DELETE", "/api/v1/namespaces/flux-system/secrets/flux-system")
    world.must(env, *args, "--read-write-key", "--ssh-key-algorithm=ed25519")
    (rotated,) = deploy_keys(gitea, "acme/fleet")
    assert rotated["key"].startswith("ssh-ed25519 ")
    assert rotated["read_only"] is False


def test_a_personal_repository_with_the_token(cluster: RealCluster, gitea: Gitea, env: dict[str, str]) -> None:
    args = words(gitea, "--owner=owner", "--personal", "--repository=home", "--token-auth")
    world.must(env, *args, "--private=false")
    assert gitea.api("GET", "/repos/owner/home")[1]["private"] is False
    assert deploy_keys(gitea, "owner/home") == []
    assert world.secret(cluster) == {"username": "git", "password": gitea.token}
    # settings of a repository that is there change with --reconcile only
    assert "reconciled" not in world.must(env, *args).partition("cloning")[0]
    assert gitea.api("GET", "/repos/owner/home")[1]["private"] is False
    assert 'home" reconciled' in world.must(env, *args, "--reconcile")
    assert gitea.api("GET", "/repos/owner/home")[1]["private"] is True
    foreign = world.run(env, *words(gitea, "--owner=someone", "--personal", "--repository=x", "--token-auth"))
    assert foreign.returncode == 1
    assert "doesn't match the identity associated with the given token" in foreign.stderr


def test_a_protected_branch(cluster: RealCluster, gitea: Gitea, env: dict[str, str]) -> None:
    args = words(gitea, "--owner=owner", "--personal", "--repository=protected", "--token-auth")
    body = {"name": "protected", "auto_init": True, "default_branch": "main", "private": True}
    assert gitea.api("POST", "/user/repos", body)[0] == 201
    rule = {"rule_name": "main", "enable_push": False}
    assert gitea.api("POST", "/repos/owner/protected/branch_protections", rule)[0] == 201

    checked = world.run(env, *args, "--check")
    assert checked.returncode == 1
    assert "the branch main is protected" in checked.stderr
    refused = world.run(env, *args)
    assert refused.returncode == 1
    assert "pass --pull-request" in refused.stderr

    assert "opened pull request" in world.must(env, *args, "--pull-request")
    assert "pull request is open" in world.must(env, *args, "--pull-request")
    (pull,) = gitea.api("GET", "/repos/owner/protected/pulls")[1]
    assert pull["base"]["ref"] == "main"
    assert cluster.request("GET", f"{world.SOURCE}/namespaces/flux-system/gitrepositories/flux-system")[0] == 404
    merged = gitea.api("POST", f"/repos/owner/protected/pulls/{pull['number']}/merge", {"Do": "merge"})
    assert merged[0] == 200
    assert "all components are healthy" in world.must(env, *args, "--pull-request")

    gitea.api("PATCH", "/repos/owner/protected", {"archived": True})
    archived = world.run(env, *args)
    assert archived.returncode == 1
    assert "is archived" in archived.stderr


def test_a_token_that_is_refused(gitea: Gitea, env: dict[str, str]) -> None:
    done = world.run({**env, "GITEA_TOKEN": "f" * 40}, *words(gitea, "--owner=acme", "--repository=fleet"))
    assert done.returncode == 1
    assert "refused the token (401)" in done.stderr
    assert "f" * 40 not in done.stderr


def test_an_authority_of_ones_own(cluster: RealCluster, gitea: Gitea, front: TlsFront, env: dict[str, str]) -> None:
    args = [
        "gitea", f"--hostname={front.address}", "--owner=owner", "--personal", "--repository=secure", "--token-auth",
        "--path=clusters/prod", "--timeout=120s",
    ]  # fmt: skip
    untrusted = world.run(env, *args)
    assert untrusted.returncode == 1
    assert "is not trusted" in untrusted.stderr
    assert "--ca-file" in untrusted.stderr
    world.must(env, *args, f"--ca-file={front.ca}")
    assert world.secret(cluster)["ca.crt"] == front.ca.read_text()
    source, _ = world.sync_objects(cluster)
    assert source["spec"]["url"] == f"https://{front.address}/owner/secure.git"


def _flux() -> str | None:
    return os.environ.get("FLUX") or shutil.which("flux")


@pytest.mark.skipif(_flux() is None, reason="no reference flux: set FLUX to its path")
def test_says_and_leaves_what_flux_does(
    cluster: RealCluster, gitea: Gitea, organization: str, front: TlsFront, env: dict[str, str]
) -> None:
    flux = _flux()
    assert flux is not None
    results: dict[str, list[Any]] = {"theirs": [], "ours": []}
    for name, command in (("theirs", [flux]), ("ours", world.PYFLUX)):
        for more in (["--token-auth"], [f"--ssh-hostname=127.0.0.1:{gitea.ssh_port}", "--read-write-key"]):
            args = [
                "gitea", f"--hostname={front.address}", f"--owner={organization}", f"--repository={name}",
                "--path=clusters/prod", "--timeout=120s", f"--ca-file={front.ca}", *more,
            ]  # fmt: skip
            said = "".join(world.must(env, *args, command=command) for _ in range(2))
            said = re.sub(r"[0-9a-f]{40}", "SHA", said.replace(name, "NAME"))
            source, kustomization = world.sync_objects(cluster)
            spec = {**source["spec"], "url": source["spec"]["url"].replace(name, "NAME")}
            keys = [(key["title"], key["read_only"]) for key in deploy_keys(gitea, f"{organization}/{name}")]
            files = sorted(world.tree(_bare(gitea, f"{organization}/{name}")))
            results[name].append(
                {
                    "said": re.sub(r"ecdsa-sha2-nistp384 \S+", "KEY", said),
                    "source": spec,
                    "kustomization": kustomization["spec"],
                    "secret": sorted(world.secret(cluster)),
                    "keys": keys,
                    "files": files,
                    "private": gitea.api("GET", f"/repos/{organization}/{name}")[1]["private"],
                }
            )
            world.forget(cluster)
            gitea.api("DELETE", f"/repos/{organization}/{name}")
    for theirs, ours in zip(results["theirs"], results["ours"], strict=True):
        for part, value in theirs.items():
            assert ours[part] == value, part


def _bare(gitea: Gitea, slug: str) -> BareRepository:
    return BareRepository(gitea.folder / "repositories" / f"{slug}.git")
