"""install, check, version, migrate and uninstall, on the sandbox and on a real cluster."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from pyflux.env import Env, KubeOptions
from pyflux.kube.config import load
from tests.real.cluster import Json, RealCluster
from tests.real.processes import Server

ROOT = Path(__file__).resolve().parents[2]
PYFLUX = [sys.executable, "-m", "pyflux"]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
LABEL = "labelSelector=app.kubernetes.io/part-of%3Dflux"
KILLS = 20


class Sandbox(RealCluster):
    """The embedded API server, with the same ways to ask it."""

    def start(self) -> Self:
        command = [sys.executable, "-m", "pyflux.sandbox.server", "--folder", str(self.folder / "sandbox")]
        self.kubeconfig = self.folder / "sandbox" / "kubeconfig"
        self.logs.mkdir(exist_ok=True)
        server = Server("sandbox", command, self.logs / "sandbox.log", env=environment(self))
        self._servers.append(server)
        try:
            server.wait_until(self._answers, 60)
        except BaseException:
            self.stop()
            raise
        return self

    def _answers(self) -> bool:
        if not self.kubeconfig.is_file():
            return False
        target = load(Env(kube=KubeOptions(kubeconfig=str(self.kubeconfig))))
        self.server, self.token = target.server, target.token
        self.ca.parent.mkdir(exist_ok=True)
        self.ca.write_bytes(target.ca)
        return self._ok("/readyz")


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """A cluster for one test alone."""
    if request.param == "real" and (reason := RealCluster.missing()):
        pytest.skip(reason)
    with Sandbox() if request.param == "sandbox" else RealCluster() as started:
        yield started


def environment(cluster: RealCluster) -> dict[str, str]:
    return {
        **os.environ,
        "KUBECONFIG": str(cluster.kubeconfig),
        "HOME": str(cluster.folder),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }


def run(cluster: RealCluster, *args: str, command: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(command or PYFLUX), *args],
        env=environment(cluster),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=180,
        check=False,
    )


def must(cluster: RealCluster, *args: str) -> str:
    done = run(cluster, *args)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def gone(cluster: RealCluster, path: str, timeout: float = 60) -> None:
    """Waits until an object is no longer there.

    The API server backs off for minutes when a CRD is deleted right after it was made; a change of the object
    makes it look again at once.
    """
    start = time.monotonic()
    poked = start
    while cluster.request("GET", path)[0] != 404:
        now = time.monotonic()
        assert now < start + timeout, f"{path} is still there after {timeout} s"
        if path.startswith(CRDS) and now > poked + 3:
            poked = now
            patch = {"metadata": {"annotations": {"tests/poke": str(now)}}}
            cluster.request("PATCH", path, patch, content_type="application/merge-patch+json")
        time.sleep(0.2)


def items(cluster: RealCluster, path: str) -> list[Json]:
    found: list[Json] = cluster.must("GET", f"{path}?{LABEL}")["items"]
    return found


def clean(obj: Json, namespace: str) -> Any:
    """The object without what differs from one installation to the next."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items() if key not in ("clusterIP", "clusterIPs")}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value.replace(namespace, "NAMESPACE") if isinstance(value, str) else value

    meta = obj["metadata"]
    kept = {key: value for key, value in obj.items() if key not in ("status", "metadata")}
    kept["metadata"] = {key: meta[key] for key in ("name", "labels", "annotations") if key in meta}
    kept["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    kept["managers"] = sorted({(entry["manager"], entry["operation"]) for entry in meta["managedFields"]})
    # controllers write status and revision as they come to it
    kept["managers"] = [manager for manager in kept["managers"] if manager[0] == "flux"]
    return walk(kept)


def state(cluster: RealCluster, namespace: str) -> dict[str, Any]:
    """Everything that an installation consists of, by path."""
    inside = f"/namespaces/{namespace}"
    places = [
        CRDS,
        f"{RBAC}/clusterroles",
        f"{RBAC}/clusterrolebindings",
        f"/apis/apps/v1{inside}/deployments",
        f"/api/v1{inside}/services",
        f"/api/v1{inside}/serviceaccounts",
        f"/api/v1{inside}/resourcequotas",
        f"/apis/networking.k8s.io/v1{inside}/networkpolicies",
    ]
    return {
        f"{place}/{obj['metadata']['name']}".replace(namespace, "NAMESPACE"): clean(obj, namespace)
        for place in places
        for obj in items(cluster, place)
    }


def wipe(cluster: RealCluster, namespace: str) -> None:
    """Takes an installation away without waiting for its namespace."""
    for place in (CRDS, f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"):
        names = [obj["metadata"]["name"] for obj in items(cluster, place)]
        for name in names:
            cluster.must("DELETE", f"{place}/{name}")
        for name in names:
            gone(cluster, f"{place}/{name}")
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")


def repository(name: str, **metadata: Any) -> Json:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"interval": "1m", "url": "https://example.com/fleet"},
    }


def test_from_nothing_to_nothing(cluster: RealCluster) -> None:
    assert "✔ prerequisites checks passed" in must(cluster, "check", "--pre")
    assert run(cluster, "check").returncode == 1

    first = run(cluster, "install")
    assert first.returncode == 0, first.stderr
    assert first.stdout.count(" created\n") == 32
    assert first.stderr.endswith("✔ install finished\n")
    before = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in items(cluster, CRDS)}

    again = run(cluster, "install")
    assert again.stdout.count(" unchanged\n") == 32
    after = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in items(cluster, CRDS)}
    assert before == after

    upgrade = run(cluster, "install", "--components-extra=source-watcher", "--log-level=debug")
    assert upgrade.returncode == 0, upgrade.stderr
    assert "Deployment/flux-system/source-watcher created\n" in upgrade.stdout
    assert "Deployment/flux-system/helm-controller configured\n" in upgrade.stdout

    assert must(cluster, "check", "--components-extra=source-watcher").endswith("✔ all checks passed\n")
    assert run(cluster, "check", "--components-extra=image-reflector-controller").returncode == 1
    assert "source-watcher: v2.2.3\n" in must(cluster, "version")

    cluster.apply(repository("held", finalizers=["finalizers.fluxcd.io"]))
    would = must(cluster, "uninstall", "--dry-run")
    assert "✔ GitRepository/default/held finalizers deleted (dry run)\n" in would
    assert must(cluster, "check").endswith("✔ all checks passed\n")

    assert "✔ uninstall finished\n" in must(cluster, "uninstall", "--silent")
    gone(cluster, "/api/v1/namespaces/flux-system")
    for name in before:
        gone(cluster, f"{CRDS}/{name}")
    assert items(cluster, f"{RBAC}/clusterroles") == []
    assert "✔ uninstall finished\n" in must(cluster, "uninstall", "--silent")


def test_the_namespace_can_be_kept(cluster: RealCluster) -> None:
    must(cluster, "install", "-n", "gitops", "--components=source-controller")
    must(cluster, "uninstall", "-n", "gitops", "--silent", "--keep-namespace")
    assert cluster.must("GET", "/api/v1/namespaces/gitops")["status"]["phase"] == "Active"
    assert items(cluster, "/apis/apps/v1/namespaces/gitops/deployments") == []


def test_a_quota_is_named(fresh_cluster: RealCluster) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": "flux-system"},
        "spec": {"hard": {"pods": "0"}},
    }
    fresh_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}, quota)
    done = run(fresh_cluster, "install", "--components=source-controller", "--timeout=20s")
    assert done.returncode == 1
    assert "⚠️ source-controller: its pods are refused: pods " in done.stderr
    assert "exceeded quota: none" in done.stderr
    assert done.stderr.endswith("✗ source-controller: deployment not ready\n✗ install failed\n")


def test_an_image_that_cannot_be_pulled_is_named(fresh_cluster: RealCluster) -> None:
    flags = ["--components=source-controller", "--registry=broken.invalid/flux", "--timeout=15s"]
    done = run(fresh_cluster, "install", *flags)
    assert done.returncode == 1
    assert "cannot pull image broken.invalid/flux/source-controller:v1.9.4: Back-off pulling image" in done.stderr


def test_an_admission_webhook_is_named(fresh_cluster: RealCluster) -> None:
    webhook = {
        "name": "deny.example.com",
        "clientConfig": {"url": "https://127.0.0.1:9/deny"},
        "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 1,
    }
    fresh_cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "deny"},
            "webhooks": [webhook],
        }
    )
    done = run(fresh_cluster, "install", "--components=source-controller", "--timeout=20s")
    assert done.returncode == 1
    message, hint = done.stderr.splitlines()[-2:]
    assert message.startswith("✗ install failed: Deployment/flux-system/source-controller: ")
    assert "deny.example.com" in message
    assert "admission webhook" in hint
    assert items(fresh_cluster, "/api/v1/namespaces/flux-system/services") == []


def test_a_stuck_namespace_is_explained(fresh_cluster: RealCluster) -> None:
    must(fresh_cluster, "install", "--components=source-controller")
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": "flux-system", "finalizers": ["example.com/keep"]},
    }
    fresh_cluster.apply(held)
    must(fresh_cluster, "uninstall", "--silent")
    fresh_cluster.wait_for(
        "/api/v1/namespaces/flux-system", lambda namespace: "example.com/keep" in str(namespace["status"])
    )
    again = must(fresh_cluster, "uninstall", "--silent")
    assert "⚠️ Namespace/flux-system is stuck: " in again
    assert "example.com/keep" in again
    refused = run(fresh_cluster, "install", "--components=source-controller")
    assert refused.returncode == 1
    assert "✗ install failed: namespace flux-system is being deleted\n" in refused.stderr
    assert "example.com/keep" in refused.stderr.splitlines()[-1]


def test_migrate_stores_the_latest_version(cluster: RealCluster) -> None:
    must(cluster, "install", "--components=source-controller")
    name = "gitrepositories.source.toolkit.fluxcd.io"
    path = "/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/old"
    crd = cluster.must("GET", f"{CRDS}/{name}")
    (version,) = crd["spec"]["versions"]
    older = {**version, "name": "v1beta2"}

    def put(*versions: Json) -> None:
        patch = {"spec": {"versions": list(versions)}}
        cluster.must("PATCH", f"{CRDS}/{name}", patch, content_type="application/merge-patch+json")

    put({**older, "storage": True}, {**version, "storage": False})
    old = {**repository("old"), "apiVersion": "source.toolkit.fluxcd.io/v1beta2"}
    deadline = time.monotonic() + 30
    while cluster.request("GET", "/apis/source.toolkit.fluxcd.io/v1beta2/gitrepositories")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    cluster.apply(old)
    put({**older, "storage": False}, version)
    time.sleep(1)  # the API server takes a moment to store in the new version

    said = must(cluster, "migrate")
    assert "✔ GitRepository/default/old migrated to version v1\n" in said
    assert f"✔ {name} migrated to storage version v1\n" in said
    assert cluster.must("GET", f"{CRDS}/{name}")["status"]["storedVersions"] == ["v1"]
    managers = cluster.must("GET", path)["metadata"]["managedFields"]
    assert {entry["apiVersion"] for entry in managers} == {"source.toolkit.fluxcd.io/v1"}
    assert "migrated to storage version" not in must(cluster, "migrate")
    put(version)
    assert cluster.must("GET", path)["spec"]["interval"] == "1m"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_any_moment_a_second_run_ends_in_the_same_state(cluster: RealCluster) -> None:
    # few components, since the API server takes a second to delete each CRD
    flags = ["--components=kustomize-controller,notification-controller"]
    times = []
    # the first one also pays for what a fresh cluster does once
    for namespace in ("flux-first", "flux-second"):
        start = time.monotonic()
        must(cluster, "install", "-n", namespace, *flags)
        times.append(time.monotonic() - start)
        expected = state(cluster, namespace)
        assert len(expected) == 19
        wipe(cluster, namespace)
    whole = min(times)
    moments = random.Random(20)
    killed = 0
    for number in range(KILLS):
        namespace = f"flux-{number}"
        process = subprocess.Popen(
            [*PYFLUX, "install", "-n", namespace, *flags],
            env=environment(cluster),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        # most of the time goes into waiting at the end; the moments lie where things are written
        moment = moments.uniform(min(0.15, whole / 3), whole * 0.8)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            killed += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
        must(cluster, "install", "-n", namespace, *flags)
        assert state(cluster, namespace) == expected, f"killed after {moment:.2f} s"
        wipe(cluster, namespace)
    assert killed >= KILLS // 2


def _flux() -> str | None:
    return os.environ.get("FLUX") or shutil.which("flux")


@pytest.mark.skipif(_flux() is None, reason="no reference flux: set FLUX to its path")
def test_says_and_leaves_what_flux_does(fresh_cluster: RealCluster) -> None:
    """The same steps with both programs, one after the other on one cluster."""
    flux = _flux()
    assert flux is not None
    steps = [
        ["check", "--pre"],
        ["version"],
        ["install", "-n", "NS", "--components-extra=image-reflector-controller", "--toleration-keys=a"],
        ["install", "-n", "NS", "--components-extra=image-reflector-controller", "--toleration-keys=a"],
        ["version", "-n", "NS"],
        ["version", "-n", "NS", "-o", "json"],
        ["check", "-n", "NS"],
        ["migrate"],
        ["uninstall", "-n", "NS", "--dry-run"],
        ["uninstall", "-n", "NS", "--silent"],
    ]
    results = {}
    for namespace, command in (("flux-a", [flux]), ("flux-b", PYFLUX)):
        said, left = [], None
        for step in steps:
            if step[0] == "uninstall" and left is None:
                left = state(fresh_cluster, namespace)
            done = run(fresh_cluster, *[namespace if word == "NS" else word for word in step], command=command)
            text = f"{done.returncode}\n{done.stdout}{done.stderr}"
            said.append(text.replace(namespace, "NS"))
        results[namespace] = (said, {path: _without_text(obj) for path, obj in (left or {}).items()})
        for name in [obj["metadata"]["name"] for obj in items(fresh_cluster, CRDS)]:
            gone(fresh_cluster, f"{CRDS}/{name}")
    assert results["flux-a"] == results["flux-b"]


def _without_text(value: Any) -> Any:
    """Without the descriptions of CRD schemas, which are pyflux's own."""
    if isinstance(value, dict):
        return {
            key: _without_text(item)
            for key, item in value.items()
            if not (key == "description" and isinstance(item, str))
        }
    return [_without_text(item) for item in value] if isinstance(value, list) else value
