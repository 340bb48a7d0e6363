"""What the bootstrap tests share: running the command, resetting the cluster, looking at what is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.real.cluster import Json, RealCluster
from tests.real.gitrepos import BareRepository

ROOT = Path(__file__).resolve().parents[2]
PYFLUX = [sys.executable, "-m", "pyflux"]
SOURCE = "/apis/source.toolkit.fluxcd.io/v1"
KUSTOMIZE = "/apis/kustomize.toolkit.fluxcd.io/v1"
CONTROLLERS = ("source-controller", "kustomize-controller")


def environment(cluster: RealCluster, home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment with the cluster's kubeconfig, a home of its own and no credentials but `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_TOKEN", "_PASSWORD"))}
    kept.pop("SSH_AUTH_SOCK", None)
    return {
        **kept,
        "KUBECONFIG": str(cluster.kubeconfig),
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        **(more or {}),
    }


def run(
    env: dict[str, str], *args: str, command: list[str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`pyflux bootstrap ARGS`, or another program with the same words."""
    return subprocess.run(
        [*(command or PYFLUX), "bootstrap", *args],
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def must(env: dict[str, str], *args: str, command: list[str] | None = None) -> str:
    """What it says; it must succeed."""
    done = run(env, *args, command=command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def sync_objects(cluster: RealCluster, namespace: str = "flux-system") -> tuple[Json, Json]:
    """The GitRepository and the Kustomization."""
    return (
        cluster.must("GET", f"{SOURCE}/namespaces/{namespace}/gitrepositories/{namespace}"),
        cluster.must("GET", f"{KUSTOMIZE}/namespaces/{namespace}/kustomizations/{namespace}"),
    )


def secret(cluster: RealCluster, namespace: str = "flux-system", name: str = "flux-system") -> dict[str, str]:
    """A secret's entries as text."""
    import base64

    found = cluster.must("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}


def forget(cluster: RealCluster, namespace: str = "flux-system") -> None:
    """Takes the sync away without pruning what it applied; the components stay."""
    merge = "application/merge-patch+json"
    path = f"{KUSTOMIZE}/namespaces/{namespace}/kustomizations/{namespace}"
    if cluster.request("GET", path)[0] == 200:
        cluster.must("PATCH", path, {"spec": {"suspend": True, "prune": False}}, content_type=merge)
        cluster.must("PATCH", path, {"metadata": {"finalizers": None}}, content_type=merge)
        cluster.request("DELETE", path)
        _gone(cluster, path)
    path = f"{SOURCE}/namespaces/{namespace}/gitrepositories/{namespace}"
    cluster.request("DELETE", path)
    _gone(cluster, path)
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/flux-system")


def _gone(cluster: RealCluster, path: str) -> None:
    import time

    end = time.monotonic() + 60
    while cluster.request("GET", path)[0] != 404:
        assert time.monotonic() < end, f"{path} is still there"
        time.sleep(0.2)


def tree(repository: BareRepository, branch: str = "main") -> dict[str, str]:
    """Every file of a branch, path to content."""
    names = repository.git("ls-tree", "-r", "--name-only", branch).splitlines()
    return {name: repository.git("show", f"{branch}:{name}") for name in names}


def ready(obj: Json) -> Any:
    """The status and message of the Ready condition."""
    for condition in (obj.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready":
            return condition["status"], condition["message"]
    return None
