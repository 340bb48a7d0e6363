"""The three pairs of API server and controllers that every journey runs on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyflux.catalog import api as flux_api
from pyflux.catalog.kinds import kind
from pyflux.env import Env, KubeOptions
from pyflux.errors import NotFound
from pyflux.kube import connect
from pyflux.kube.client import Client
from tests.real.cluster import RealCluster
from tests.real.githttp import GitHTTPServer
from tests.real.processes import Server, binary, free_port, stop_all, temporary_folder

Obj = dict[str, Any]

EMBEDDED = "embedded-ours"
REAL_OURS = "real-ours"
REAL_OFFICIAL = "real-official"
NAMES = (EMBEDDED, REAL_OURS, REAL_OFFICIAL)
_START_SECONDS = 30.0


@dataclass
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass
class Pair:
    """A running API server with controllers; `git` serves repositories to them."""

    name: str
    kubeconfig: Path
    client: Client
    git: GitHTTPServer
    home: Path
    stack: ExitStack = field(repr=False)

    @property
    def ours(self) -> bool:
        """True where pyflux's controllers reconcile."""
        return self.name != REAL_OFFICIAL

    @property
    def real(self) -> bool:
        """True on a real API server, where pods have nodes to run on."""
        return self.name != EMBEDDED

    def flux(self, *words: str, check: bool = True, timeout: float = 120.0) -> Result:
        """Runs `pyflux WORDS` as a user would."""
        done = subprocess.run(
            [sys.executable, "-m", "pyflux", *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(self.home, self.kubeconfig),
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"pyflux {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return Result(done.returncode, done.stdout, done.stderr)

    # -- objects

    def apply(self, *objects: Obj) -> None:
        for obj in objects:
            self.client.apply(obj, force=True, field_manager="tests")

    def get(self, api_version: str, kind_name: str, name: str, namespace: str = "") -> Obj | None:
        """An object; None where there is none."""
        try:
            return self.client.get(self.client.resource_for(api_version, kind_name), name, namespace)
        except NotFound:
            return None

    def kustomization(self, name: str, namespace: str) -> Obj:
        return self.client.get(kind("Kustomization").resource, name, namespace)

    def source(self, name: str, namespace: str) -> Obj:
        return self.client.get(kind("GitRepository").resource, name, namespace)

    def events(self, namespace: str, name: str) -> list[Obj]:
        """The events about the object called `name`, oldest first."""
        listing = self.client.list(self.client.resource_for("v1", "Event"), namespace)
        found = [event for event in listing.items if event["involvedObject"]["name"] == name]
        return sorted(found, key=lambda event: (event.get("lastTimestamp") or "", event["metadata"]["name"]))


def environment(home: Path, kubeconfig: Path) -> dict[str, str]:
    """A user's environment with nothing of this machine's user in it."""
    return {
        # the real sops is among the programs built for the tests
        "PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{binary('sops').parent}",
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }


def wait_until(what: str, test: Callable[[], Any], timeout: float = 60.0) -> Any:
    """The first true answer of `test`. AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = test()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(0.1)


def ready(obj: Obj | None) -> bool:
    """True when the newest generation is ready."""
    status = (obj or {}).get("status") or {}
    return condition(obj, "Ready").get("status") == "True" and (
        status.get("observedGeneration") == (obj or {})["metadata"]["generation"]
    )


def condition(obj: Obj | None, kind_name: str) -> Obj:
    """A condition of the object, empty without it."""
    for found in ((obj or {}).get("status") or {}).get("conditions") or []:
        if found["type"] == kind_name:
            return dict(found)
    return {}


def missing(name: str) -> str | None:
    """Why a pair cannot run here, None when it can."""
    if name == EMBEDDED:
        return None
    parts = ("source-controller", "kustomize-controller", "helm-controller") if name == REAL_OFFICIAL else ()
    return RealCluster.missing(*parts)


@contextmanager
def started(name: str) -> Iterator[Pair]:
    """A running pair."""
    with ExitStack() as stack:
        folder = temporary_folder(f"pyflux-e2e-{name}-")
        git = stack.enter_context(GitHTTPServer())
        if name == EMBEDDED:
            kubeconfig = start_sandbox(folder, stack)
            client = _connect(kubeconfig)
            install_crds(client)
        else:
            cluster = stack.enter_context(RealCluster())
            cluster.install_crds("source-controller", "kustomize-controller", "helm-controller")
            kubeconfig = cluster.kubeconfig
            client = _connect(kubeconfig)
            if name == REAL_OFFICIAL:
                cluster.start_controllers(
                    *("source-controller", "kustomize-controller", "helm-controller"),
                    extra_args={"helm-controller": ("--requeue-dependency=1s",)},
                )
        home = folder / "home"
        home.mkdir()
        if name != REAL_OFFICIAL:
            start_ours(folder, kubeconfig, home, stack)
        yield Pair(name, kubeconfig, client, git, home, stack)


def _connect(kubeconfig: Path) -> Client:
    return connect(Env(kube=KubeOptions(kubeconfig=str(kubeconfig))))


def start_sandbox(folder: Path, stack: ExitStack) -> Path:
    """Starts an embedded API server that ends with `stack`; its kubeconfig once it answers."""
    home = folder / "sandbox"
    server = Server(
        "sandbox",
        [sys.executable, "-m", "pyflux.sandbox.server", "--folder", str(home)],
        folder / "sandbox.log",
        env=environment(folder, home / "kubeconfig"),
    )
    stack.callback(stop_all, [server])
    kubeconfig = home / "kubeconfig"
    server.wait_until(lambda: kubeconfig.is_file() and _answers(kubeconfig), _START_SECONDS)
    return kubeconfig


def _answers(kubeconfig: Path) -> bool:
    from pyflux.errors import PyfluxError

    try:
        return _connect(kubeconfig).raw("GET", "/readyz").status == 200
    except PyfluxError:
        return False


def install_crds(client: Client) -> None:
    """The Flux API of the catalog."""
    crds = [entry.crd() for entry in flux_api.kinds()]
    for crd in crds:
        client.apply(crd, force=True, field_manager="tests")
    for crd in crds:
        name = crd["metadata"]["name"]
        where = client.resource_for(crd["apiVersion"], crd["kind"])

        def established(where: Any = where, name: str = name) -> bool:
            conditions = (client.get(where, name).get("status") or {}).get("conditions") or []
            return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

        wait_until(f"{name} established", established, _START_SECONDS)


def start_ours(folder: Path, kubeconfig: Path, home: Path, stack: ExitStack, *flags: str) -> Server:
    """Starts `pyflux controllers run` and waits until it says that it runs."""
    log = folder / "controllers.log"
    command = [
        sys.executable,
        "-m",
        "pyflux",
        "controllers",
        "run",
        "--alone",
        "--storage-path",
        str(folder / "storage"),
    ]
    server = Server(
        "controllers",
        [*command, "--requeue-dependency", "1s", "--storage-addr", f"127.0.0.1:{free_port()}", *flags],
        log,
        env=environment(home, kubeconfig),
    )
    stack.callback(stop_all, [server])
    server.wait_until(lambda: "controllers are running" in log.read_text(), _START_SECONDS)
    return server


def show(obj: Obj | None) -> str:
    """An object's status for a failure's message."""
    return json.dumps((obj or {}).get("status"), indent=1)
