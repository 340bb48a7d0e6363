# ruff: noqa: E501 - objects on one line
"""The official Flux controllers run on the sandbox, and clone from its Git server without git."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflux.sandbox.gitserver import GitServer, create_repository
from tests.real.controllers import Controllers
from tests.real.processes import missing
from tests.sandbox.running import Sandbox
from tests.sandbox.test_control_plane import until
from tests.sandbox.test_crash import Api

FLUX = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
SOURCE = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories"
MERGE = "application/merge-patch+json"

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: tiny\nversion: 0.1.0\n",
    "chart/values.yaml": "colour: blue\n",
    "chart/templates/cm.yaml": 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}"}\ndata: {colour: "{{ .Values.colour }}"}\n',
}
APP = {
    "app/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n",
    "app/web.yaml": """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
""",
}


pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with Flux's components installed, as pyflux installs them."""
    with Sandbox(tmp_path_factory.mktemp("official")) as running:
        command = [sys.executable, "-m", "pyflux", "install", "--kubeconfig", running.kubeconfig]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        yield running


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """The sandbox's Git server with dulwich's back end, which must do alone."""
    server = GitServer(tmp_path_factory.mktemp("git"), 0, use_git=False)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def controllers(embedded: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controllers]:
    """source-, kustomize- and helm-controller on the sandbox."""
    made = Controllers(Path(embedded.kubeconfig), tmp_path_factory.mktemp("flux"))
    names = ("source-controller", "kustomize-controller", "helm-controller")
    reason = missing(*names)
    if reason:
        pytest.skip(reason)
    for name in names:
        made.start(name)
    yield made
    made.stop()


def push(server: GitServer, folder: Path, files: dict[str, str | None]) -> str:
    """Commits files to the fleet repository with dulwich; the commit's id."""
    from dulwich import porcelain

    if not folder.exists():
        create_repository(server.folder, "fleet")
        porcelain.init(str(folder))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            porcelain.remove(str(folder), [str(path)])
        else:
            path.write_text(text)
            porcelain.add(str(folder), [str(path)])
    made = porcelain.commit(str(folder), message=b"change", author=b"t <t@example.org>", committer=b"t <t@example.org>")
    said = io.BytesIO()
    url = f"http://127.0.0.1:{server.port}/fleet.git"
    porcelain.push(str(folder), url, "HEAD:refs/heads/main", outstream=said, errstream=said)
    return made.decode()


def ready_at(api: Api, path: str, revision: str) -> Any:
    """Waits until an object is ready at a revision."""

    def test() -> Any:
        status = api("GET", path)[1].get("status") or {}
        ready = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), {})
        at = status.get("lastAppliedRevision") or (status.get("artifact") or {}).get("revision", "")
        return ready.get("status") == "True" and at.endswith(revision)

    return until(test, 60)


def test_a_gitops_day(embedded: Sandbox, controllers: Controllers, git: GitServer, tmp_path: Path) -> None:
    api = Api(embedded)
    commit = push(git, tmp_path / "work", {**APP, **CHART})
    spec = {"interval": "1s", "url": f"http://127.0.0.1:{git.port}/fleet.git", "ref": {"branch": "main"}}
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "fleet"},
        "spec": spec,
    }
    assert api("POST", SOURCE, source)[0] == 201
    reference = {"kind": "GitRepository", "name": "fleet"}
    spec = {
        "interval": "1s",
        "path": "./app",
        "prune": True,
        "wait": True,
        "targetNamespace": "default",
        "sourceRef": reference,
    }
    app = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "app"},
        "spec": spec,
    }
    assert api("POST", FLUX, app)[0] == 201
    ready_at(api, f"{FLUX}/app", commit)
    settings = "/api/v1/namespaces/default/configmaps/settings"
    assert api("GET", settings)[1]["data"] == {"colour": "blue"}
    assert api("GET", "/apis/apps/v1/namespaces/default/deployments/web")[1]["status"]["readyReplicas"] == 1

    api("PATCH", settings, {"data": {"colour": "drifted"}}, MERGE)
    until(lambda: api("GET", settings)[1]["data"] == {"colour": "blue"}, 30)

    commit = push(
        git, tmp_path / "work", {"app/cm.yaml": APP["app/cm.yaml"].replace("blue", "red"), "app/web.yaml": None}
    )
    ready_at(api, f"{FLUX}/app", commit)
    assert api("GET", settings)[1]["data"] == {"colour": "red"}
    assert api("GET", "/apis/apps/v1/namespaces/default/deployments/web")[0] == 404


def test_a_helm_release_from_git(embedded: Sandbox, controllers: Controllers, git: GitServer) -> None:
    api = Api(embedded)
    chart = {"spec": {"chart": "./chart", "sourceRef": {"kind": "GitRepository", "name": "fleet"}}}
    spec = {"interval": "10s", "targetNamespace": "default", "chart": chart, "values": {"colour": "green"}}
    release = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "tiny"},
        "spec": spec,
    }
    base = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases"
    assert api("POST", base, release)[0] == 201
    config = "/api/v1/namespaces/default/configmaps/default-tiny"
    until(lambda: (api("GET", config)[1].get("data") or {}).get("colour") == "green", 60)
    api("PATCH", f"{base}/tiny", {"spec": {"values": {"colour": "black"}}}, MERGE)
    until(lambda: (api("GET", config)[1].get("data") or {}).get("colour") == "black", 60)
    api("DELETE", f"{base}/tiny")
    until(lambda: api("GET", config)[0] == 404 and api("GET", f"{base}/tiny")[0] == 404, 60)
