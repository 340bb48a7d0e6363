"""The real servers themselves: that they come up, do their work, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.real.cluster import Json, RealCluster, condition, is_ready
from tests.real.gitea import Gitea
from tests.real.githttp import GitHTTPServer
from tests.real.gitrepos import BareRepository, git_environment
from tests.real.processes import missing
from tests.real.registry import Registry
from tests.real.sshd import SSHGitServer

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: sync\ndata:\n  color: {}\n"


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_light_cluster_serves_the_api(light_cluster: RealCluster) -> None:
    assert light_cluster.must("GET", "/version")["gitVersion"].startswith("v1.")
    assert stat.S_IMODE(light_cluster.kubeconfig.stat().st_mode) == 0o600
    assert light_cluster.request("GET", "/api/v1/namespaces", token="wrong")[0] == 401
    light_cluster.apply(_namespace("light"))
    assert light_cluster.must("GET", "/api/v1/namespaces/light")["status"]["phase"] == "Active"


def _deployment(name: str, image: str) -> Json:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "workload"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }


def test_deployment_becomes_ready_unless_its_image_is_broken(real_cluster: RealCluster) -> None:
    good, bad = _deployment("good", "registry.example/web:1"), _deployment("bad", "broken.invalid/web:1")
    real_cluster.apply(_namespace("workload"), good, bad)
    root = "/apis/apps/v1/namespaces/workload/deployments"
    real_cluster.wait_for(f"{root}/good", lambda item: item.get("status", {}).get("readyReplicas") == 2)
    pods = "/api/v1/namespaces/workload/pods?labelSelector=app%3Dbad"
    real_cluster.wait_for(pods, lambda found: _waiting_for(found["items"]) == ["ImagePullBackOff"] * 2)
    assert not real_cluster.must("GET", f"{root}/bad")["status"].get("readyReplicas")
    real_cluster.must("DELETE", "/api/v1/namespaces/workload")
    _wait_until_gone(real_cluster, "/api/v1/namespaces/workload")


def _waiting_for(pods: list[Json]) -> list[str]:
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    return [status["state"].get("waiting", {}).get("reason", "") for status in statuses]


def _wait_until_gone(cluster: RealCluster, path: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while cluster.request("GET", path)[0] != 404:
        assert time.monotonic() < deadline, f"{path} is still there after {timeout:g} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def flux_cluster(real_cluster: RealCluster) -> RealCluster:
    """The session's cluster with source- and kustomize-controller at work in it."""
    if reason := missing("source-controller", "kustomize-controller"):
        pytest.skip(reason)
    real_cluster.install_crds()
    if not real_cluster.controllers.servers:
        real_cluster.start_controllers()
    return real_cluster


def _source(url: str, **spec: object) -> Json:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "fleet", "namespace": "sync"},
        "spec": {"interval": "1m", "url": url, "ref": {"branch": "main"}, **spec},
    }


def _kustomization() -> Json:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "fleet", "namespace": "sync"},
        "spec": {
            "interval": "1m",
            "path": "./apps",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        },
    }


def _reconcile(cluster: RealCluster, path: str) -> None:
    annotations = {"reconcile.fluxcd.io/requestedAt": str(time.time_ns())}
    body = {"metadata": {"annotations": annotations}}
    cluster.must("PATCH", path, body, content_type="application/merge-patch+json")


def test_gitops_sync_over_http(flux_cluster: RealCluster, git_http: GitHTTPServer) -> None:
    repository = git_http.create("fleet")
    first = repository.commit({"apps/settings.yaml": SETTINGS.format("blue")})
    flux_cluster.apply(_namespace("sync"), _source(git_http.url_of("fleet")), _kustomization())
    source = "/apis/source.toolkit.fluxcd.io/v1/namespaces/sync/gitrepositories/fleet"
    sync = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/sync/kustomizations/fleet"
    settings = "/api/v1/namespaces/sync/configmaps/settings"

    ready = flux_cluster.wait_for(sync, is_ready)
    assert ready["status"]["lastAppliedRevision"] == f"main@sha1:{first}"
    assert flux_cluster.must("GET", settings)["data"] == {"color": "blue"}

    second = repository.commit({"apps/settings.yaml": SETTINGS.format("green")})
    _reconcile(flux_cluster, source)
    wanted = f"main@sha1:{second}"
    flux_cluster.wait_for(sync, lambda item: item["status"].get("lastAppliedRevision") == wanted)
    assert flux_cluster.must("GET", settings)["data"] == {"color": "green"}

    flux_cluster.must("DELETE", sync)
    _wait_until_gone(flux_cluster, settings)


def test_helm_release_from_a_git_chart(flux_cluster: RealCluster, git_http: GitHTTPServer) -> None:
    if reason := missing("helm-controller"):
        pytest.skip(reason)
    flux_cluster.install_crds("helm-controller")
    flux_cluster.start_controllers("helm-controller")
    git_http.create("charts").commit(
        {
            "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
            "web/values.yaml": "color: blue\n",
            "web/templates/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n"
            "  name: {{ .Release.Name }}\ndata:\n  color: {{ .Values.color }}\n",
        }
    )
    metadata = {"name": "web", "namespace": "helm"}
    chart = {"chart": "./web", "sourceRef": {"kind": "GitRepository", "name": "web"}, "interval": "1m"}
    flux_cluster.apply(
        _namespace("helm"),
        {**_source(git_http.url_of("charts")), "metadata": metadata},
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": metadata,
            "spec": {"interval": "1m", "chart": {"spec": chart}, "values": {"color": "red"}},
        },
    )
    release = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/helm/helmreleases/web"
    ready = flux_cluster.wait_for(release, is_ready)
    assert ready["status"]["history"][0]["chartVersion"].startswith("1.2.3")
    assert flux_cluster.must("GET", "/api/v1/namespaces/helm/configmaps/web")["data"] == {"color": "red"}
    flux_cluster.controllers.stop("helm-controller")


def test_source_over_ssh_checks_the_host_key(flux_cluster: RealCluster, ssh_git: SSHGitServer) -> None:
    commit = ssh_git.create("keys").commit({"readme": "over ssh"})
    for name, known_hosts in (("right", ssh_git.known_hosts), ("wrong", _other_key(ssh_git.known_hosts))):
        secret = {"identity": ssh_git.client_key.read_text(), "known_hosts": known_hosts}
        metadata = {"name": name, "namespace": "ssh"}
        source = _source(ssh_git.url_of("keys"), secretRef={"name": name}, timeout="20s")
        flux_cluster.apply(
            _namespace("ssh"),
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": secret},
            {**source, "metadata": metadata},
        )
    root = "/apis/source.toolkit.fluxcd.io/v1/namespaces/ssh/gitrepositories"
    ready = flux_cluster.wait_for(f"{root}/right", is_ready)
    assert ready["status"]["artifact"]["revision"] == f"main@sha1:{commit}"
    failed = flux_cluster.wait_for(f"{root}/wrong", lambda item: condition(item).get("status") == "False")
    assert "knownhosts" in condition(failed)["message"] or "host key" in condition(failed)["message"]


def _other_key(known_hosts: str) -> str:
    """The same host with another server's key."""
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJJl"
    return f"{known_hosts.split()[0]} ssh-ed25519 {other}\n"


def test_git_http_asks_for_the_password_over_tls(tmp_path: Path) -> None:
    with GitHTTPServer(username="ann", password="secret", tls=True) as server:
        server.create("private").commit({"file": "content"})
        assert server.ca is not None
        trusted = {**git_environment(), "GIT_SSL_CAINFO": str(server.ca)}
        url = server.url_of("private")
        with_password = url.replace("//", "//ann:secret@")
        results = [
            subprocess.run(["git", "ls-remote", address], env=env, capture_output=True, text=True, timeout=30)
            for address, env in ((url, trusted), (with_password, git_environment()), (with_password, trusted))
        ]
    assert [result.returncode for result in results] == [128, 128, 0], results
    assert "certificate" in results[1].stderr.lower()
    assert "refs/heads/main" in results[2].stdout


def test_commit_deletes_and_keeps_files(tmp_path: Path) -> None:
    repository = BareRepository.create(tmp_path / "r.git")
    repository.commit({"a/one": "1", "a/two": b"2"})
    repository.commit({"a/one": None, "b": "3"})
    assert repository.git("ls-tree", "-r", "--name-only", "main").split() == ["a/two", "b"]
    assert repository.read("b") == "3"
    assert repository.read("a/one") is None


def test_registry_answers(registry: Registry) -> None:
    answer = subprocess.run(
        ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", f"http://{registry.address}/v2/"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.stdout == "200", answer.stderr


def test_gitea_gives_a_token(gitea: Gitea) -> None:
    status, created = gitea.api("POST", "/user/repos", {"name": "fleet", "private": True, "auto_init": True})
    assert status == 201, created
    address = created["clone_url"]
    listing = [
        subprocess.run(["git", "ls-remote", url], env=git_environment(), capture_output=True, text=True, timeout=30)
        for url in (address, address.replace("//", f"//{gitea.username}:{gitea.token}@"))
    ]
    assert [result.returncode for result in listing] == [128, 0]
    assert "refs/heads/main" in listing[1].stdout


_STARTS_A_CLUSTER = """
import json, sys, time
from tests.real.cluster import RealCluster
cluster = RealCluster(light=True).start()
pids = [server.process.pid for server in cluster._servers]
print(json.dumps({"folder": str(cluster.folder), "pids": pids}), flush=True)
time.sleep(120)
"""


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_tests_are_killed(number: signal.Signals) -> None:
    if reason := RealCluster.missing(light=True):
        pytest.skip(reason)
    program = subprocess.Popen(
        [sys.executable, "-c", _STARTS_A_CLUSTER],
        cwd=REPOSITORY_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    started = json.loads(program.stdout.readline())
    assert all(_exists(pid) for pid in started["pids"])
    program.send_signal(number)
    program.wait(20)
    program.stdout.close()
    deadline = time.monotonic() + 15
    while any(_exists(pid) for pid in started["pids"]) or Path(started["folder"]).exists():
        assert time.monotonic() < deadline, f"left behind: {started}"
        time.sleep(0.1)


def _exists(pid: int) -> bool:
    """Whether the process runs; a zombie that only waits for its parent does not count."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.real
def test_by_hand_up_and_down(tmp_path: Path) -> None:
    if reason := RealCluster.missing(light=True):
        pytest.skip(reason)
    script = [sys.executable, str(Path(__file__).with_name("cluster.py"))]
    folder = tmp_path / "cluster"
    up = [*script, "up", "--dir", str(folder), "--no-controller-manager", "--detach"]
    first = subprocess.run(up, capture_output=True, text=True, timeout=90)
    assert first.returncode == 0, first.stderr
    assert Path(first.stdout.strip()).is_file()
    pid = json.loads((folder / "cluster.json").read_text())["pid"]
    again = subprocess.run(up, capture_output=True, text=True, timeout=90)
    assert again.returncode == 1
    assert "holds a cluster already" in again.stderr
    down = [*script, "down", "--dir", str(folder)]
    assert subprocess.run(down, timeout=60).returncode == 0
    assert not folder.exists()
    assert not _exists(pid)
