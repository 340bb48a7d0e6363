"""create on a real API server with the official controllers: messages and what is in the cluster afterwards."""

from __future__ import annotations

import base64
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pyflux.cli.main import run
from pyflux.env import Env
from tests.real.cluster import RealCluster
from tests.real.githttp import GitHTTPServer
from tests.real.sshd import SSHGitServer

pytestmark = pytest.mark.real

NAMESPACE = "create-apply"
CONTROLLERS = ("source-controller", "kustomize-controller", "notification-controller")
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: b\n"


class Result(NamedTuple):
    code: int
    err: str


@pytest.fixture(scope="module")
def world() -> Iterator[RealCluster]:
    reason = RealCluster.missing(*CONTROLLERS, light=True)
    if reason:
        pytest.skip(reason)
    with RealCluster(light=True) as cluster:
        cluster.install_crds(*CONTROLLERS)
        cluster.start_controllers(*CONTROLLERS)
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        yield cluster


def create(cluster: RealCluster, line: str, answer: str = "", timeout: str = "40s") -> Result:
    err = io.StringIO()
    env = Env(
        stdout=io.StringIO(), stderr=err, stdin=io.StringIO(answer), environ={"KUBECONFIG": str(cluster.kubeconfig)}
    )
    code = run(["create", *shlex.split(line), f"--namespace={NAMESPACE}", f"--timeout={timeout}"], env)
    return Result(code, re.sub(r"sha1:[0-9a-f]{40}", "sha1:COMMIT", err.getvalue()))


def test_source_and_kustomization(world: RealCluster, git_http: GitHTTPServer) -> None:
    git_http.create("web").commit({"apps/cm.yaml": CONFIG}, "one")
    url = git_http.url_of("web")
    made = create(world, f"source git web --url={url} --branch=main")
    assert made == Result(
        0,
        "✚ generating GitRepository source\n"
        "⚠️ insecure configuration: credentials configured for an HTTP URL\n"
        "► applying GitRepository source\n"
        "✔ GitRepository source created\n"
        "◎ waiting for GitRepository source reconciliation\n"
        "✔ GitRepository source reconciliation completed\n"
        "✔ fetched revision: main@sha1:COMMIT\n",
    )
    again = create(world, f"source git web --url={url} --branch=main --interval=2m --label=a=b")
    assert "✔ GitRepository source updated\n" in again.err
    path = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/gitrepositories/web"
    found = world.must("GET", path)
    assert found["metadata"]["labels"] == {"a": "b"}
    assert found["spec"]["interval"] == "2m0s"
    applied = create(world, f"kustomization web --source=web --path=apps --prune --target-namespace={NAMESPACE}")
    assert applied == Result(
        0,
        "✚ generating Kustomization\n"
        "► applying Kustomization\n"
        "✔ Kustomization created\n"
        "◎ waiting for Kustomization reconciliation\n"
        "✔ Kustomization web is ready\n"
        "✔ applied revision main@sha1:COMMIT\n",
    )
    assert world.must("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/made")["data"] == {"a": "b"}


def test_a_wait_without_end(world: RealCluster, git_http: GitHTTPServer) -> None:
    git_http.create("web").commit({"a": "b"}, "one")
    failed = create(world, f"source git nobranch --url={git_http.url_of('web')} --branch=nope", timeout="4s")
    assert failed.code == 1
    assert "✗ context deadline exceeded\n" in failed.err
    assert f"GitRepository {NAMESPACE}/nobranch is not ready after 4s: " in failed.err
    assert 'couldn\'t find remote ref "refs/heads/nope"' in failed.err


def test_login_over_http(world: RealCluster) -> None:
    with GitHTTPServer(username="me", password="open sesame") as server:
        server.create("private").commit({"a": "b"}, "one")
        line = f"source git private --url={server.url_of('private')} --branch=main -u me -p 'open sesame'"
        made = create(world, line)
        assert made.code == 0, made.err
    assert "► applying secret with repository credentials\n✔ authentication configured\n" in made.err
    assert "sesame" not in made.err
    data = world.must("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/private")["data"]
    assert base64.b64decode(data["password"]) == b"open sesame"


@pytest.mark.parametrize("algorithm", ["rsa", "ecdsa", "ed25519"])
def test_deploy_keys(
    world: RealCluster, ssh_git: SSHGitServer, algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh_git.create("web").commit({"a": "b"}, "one")
    name, url = f"ssh-{algorithm}", ssh_git.url_of("web")
    options = f"--url={url} --branch=main --ssh-key-algorithm={algorithm}"
    refused = create(world, f"source git {name} {options}", answer="n\n")
    assert refused.code == 1
    assert refused.err.endswith("✗ aborting\n")
    assert world.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")[0] == 404
    # the secret first, so that the host can be told the key before the source is made
    secret = create(world, f"secret git {name} --url={url} --ssh-key-algorithm={algorithm}")
    public = re.search(r"✚ deploy key: (\S+ \S+)\n", secret.err)
    assert public is not None
    assert f"► git secret '{name}' created in '{NAMESPACE}' namespace\n" in secret.err
    ssh_git.authorize(public[1])
    made = create(world, f"source git {name} {options} --secret-ref={name}")
    assert made.code == 0, made.err
    data = world.must("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")["data"]
    host, kind, key = base64.b64decode(data["known_hosts"]).decode().split()
    assert f"{host} {kind} {key}" in " ".join(ssh_git.known_hosts.split())


def test_notification(world: RealCluster) -> None:
    provider = create(world, "alert-provider chat --type=generic --address=https://example.com")
    assert provider.err.endswith("◎ waiting for Provider reconciliation\n✔ Provider chat is ready\n")
    alert = create(world, "alert all --provider-ref=chat --event-source='Kustomization/*'")
    assert alert == Result(
        0,
        "✚ generating Alert\n► applying Alert\n✔ Alert created\n"
        "◎ waiting for Alert reconciliation\n✔ Alert all is ready\n",
    )
    create(world, "secret receiver hook --type=generic --token=t --hostname=flux.example.com")
    receiver = create(world, "receiver hook --type=generic --secret-ref=hook --resource=GitRepository/web")
    secret = world.must("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/hook")
    address = secret["metadata"]["annotations"]["notification.toolkit.fluxcd.io/webhook"]
    path = address.removeprefix("https://flux.example.com")
    assert receiver.err.endswith(f"✔ Receiver hook is ready\n✔ generated webhook URL {path}\n")


def test_tenant(world: RealCluster) -> None:
    line = "tenant dev --with-namespace=create-tenant-a,create-tenant-b"
    for _ in range(2):
        made = create(world, line)
        assert made.code == 0, made.err
        assert made.err.endswith("► applying role binding dev-reconciler\n✔ tenant setup completed\n")
    create(world, f"{line} --cluster-role=view")
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/create-tenant-b/rolebindings/dev-reconciler"
    assert world.must("GET", path)["roleRef"]["name"] == "view"


def test_the_api_servers_own_validation(world: RealCluster) -> None:
    refused = create(world, "kustomization bad --source=web --interval=1ns")
    assert refused.code == 1
    assert 'Kustomization.kustomize.toolkit.fluxcd.io "bad" is invalid' in refused.err
