"""A real Kubernetes cluster from plain processes: no Docker, no root, nothing left behind.

As a module: `with RealCluster() as cluster: ...`. By hand:

    python tests/real/cluster.py up --dir /tmp/mine [--controllers] [--detach]
    python tests/real/cluster.py down --dir /tmp/mine
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

if __package__ in (None, ""):  # run as a script: make the tests importable as they are under pytest
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.real import controllers as flux
from tests.real.pki import write_key, write_serving_pair
from tests.real.processes import (
    HERE,
    Server,
    ServerError,
    binary,
    free_port,
    listening,
    missing,
    remove_folder,
    stop_all,
    temporary_folder,
)

Json = dict[str, Any]
NODE = "node-1"
_START_ATTEMPTS = 3


class RealCluster:
    """etcd and kube-apiserver, and unless `light` also controller-manager, scheduler and one kwok node.

    Without the controller manager nothing acts on built-in objects (Deployments stay without pods,
    namespaces are never finished deleting), but the cluster is up in half the time.
    Attributes once started: `kubeconfig` (a file, mode 0600), `server` (https://127.0.0.1:PORT),
    `token` (of an administrator), `ca` (PEM file), `logs` (folder), `controllers`.
    """

    def __init__(self, folder: Path | None = None, *, light: bool = False) -> None:
        self.light = light
        self._own_folder = folder is None
        self.folder = folder or temporary_folder()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs = self.folder / "logs"
        self.certs = self.folder / "certs"
        self.ca = self.certs / "ca.crt"
        self.kubeconfig = self.folder / "kubeconfig"
        self.token = secrets.token_hex(16)
        self.server = ""
        self.controllers = flux.Controllers(self.kubeconfig, self.folder / "flux")
        self._servers: list[Server] = []
        self._stopping = threading.Event()
        self._waiters: list[threading.Thread] = []

    @staticmethod
    def missing(*parts: str, light: bool = False) -> str | None:
        """Why such a cluster (with the further parts named) cannot run here, or None when it can."""
        return missing("controlplane", *([] if light else ["kwok"]), *parts)

    def start(self) -> Self:
        """Start everything and wait until it is ready; ServerError with the end of a log otherwise."""
        reason = self.missing(light=self.light)
        if reason:
            raise ServerError(reason)
        for part in (self.logs, self.certs, self.controllers.folder):
            part.mkdir(mode=0o700, exist_ok=True)
        write_serving_pair(self.certs, "kubernetes", "kubernetes.default", "kubernetes.default.svc")
        write_key(self.certs / "service-accounts.key")
        self._write_private("tokens.csv", f'{self.token},admin,admin,"system:masters"\n')
        try:
            self._start_api()
            if not self.light:
                self._start_rest()
        except BaseException:
            self.stop()
            raise
        return self

    def _write_private(self, name: str, text: str) -> Path:
        path = self.folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return path

    def _run(self, component: str, *flags: str) -> Server:
        server = Server(component, [binary("controlplane"), component, *flags], self.logs / f"{component}.log")
        self._servers.append(server)
        return server

    def _start_api(self) -> None:
        """etcd and kube-apiserver side by side; tried again on other ports if one was taken meanwhile."""
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                self._start_api_once()
                return
            except ServerError as error:
                stop_all(self._servers)
                self._servers.clear()
                if attempt == _START_ATTEMPTS or "address already in use" not in str(error):
                    raise

    def _start_api_once(self) -> None:
        client, port = f"http://127.0.0.1:{free_port()}", free_port()
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--client-url={client}",
            f"--peer-url=http://127.0.0.1:{free_port()}",
        )
        key = self.certs / "service-accounts.key"
        api = self._run(
            "kube-apiserver",
            f"--etcd-servers={client}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--tls-cert-file={self.certs / 'tls.crt'}",
            f"--tls-private-key-file={self.certs / 'tls.key'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            *(["--disable-admission-plugins=ServiceAccount"] if self.light else []),
        )
        self.server = f"https://127.0.0.1:{port}"
        self._write_private("kubeconfig", json.dumps(self._kubeconfig(), indent=1) + "\n")
        api.wait_until(lambda: self._reachable(port) and self._ok("/readyz"), 60)

    def _reachable(self, port: int) -> bool:
        for server in self._servers:
            if not server.alive():
                raise ServerError(f"{server.name} ended while starting:\n{server.tail()}")
        return listening(port)

    def _kubeconfig(self) -> Json:
        ca = base64.b64encode(self.ca.read_bytes()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "real", "cluster": {"server": self.server, "certificate-authority-data": ca}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "real", "context": {"cluster": "real", "user": "admin"}}],
            "current-context": "real",
        }

    def _start_rest(self) -> None:
        """What makes Deployments ready: the controller manager, the scheduler, and kwok with a Node."""
        common = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0")
        manager = self._run(
            "kube-controller-manager",
            *common,
            f"--service-account-private-key-file={self.certs / 'service-accounts.key'}",
            f"--root-ca-file={self.ca}",
        )
        self._run("kube-scheduler", *common)
        self._servers.append(
            Server(
                "kwok",
                [
                    binary("kwok"),
                    f"--kubeconfig={self.kubeconfig}",
                    f"--config={HERE / 'kwok' / 'pods.yaml'}",
                    "--manage-all-nodes=true",
                    "--node-ip=127.0.0.1",
                    "--node-lease-duration-seconds=40",
                    f"--server-address=127.0.0.1:{free_port()}",
                ],
                self.logs / "kwok.log",
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder)},
            )
        )
        self.must("POST", "/api/v1/nodes", _node(NODE))
        manager.wait_until(lambda: self._node_ready() and self._default_account(), 60, 0.1)

    def _node_ready(self) -> bool:
        status, node = self.request("GET", f"/api/v1/nodes/{NODE}")
        tainted = node.get("spec", {}).get("taints")
        return status == 200 and condition(node).get("status") == "True" and not tainted

    def _default_account(self) -> bool:
        return self._ok("/api/v1/namespaces/default/serviceaccounts/default")

    def _ok(self, path: str) -> bool:
        try:
            return self.request("GET", path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        content_type: str = "application/json",
        token: str | None = None,
        timeout: float = 30,
    ) -> tuple[int, Json]:
        """One API request as the administrator (or with another token): the status code and the decoded answer."""
        address = urlsplit(self.server)
        assert address.hostname is not None
        tls = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection(address.hostname, address.port, context=tls, timeout=timeout)
        headers = {
            "Authorization": f"Bearer {self.token if token is None else token}",
            "Accept": "application/json",
            "Content-Type": content_type,
        }
        payload = json.dumps(body) if isinstance(body, dict) else body
        try:
            connection.request(method, path, payload, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        try:
            decoded = json.loads(data) if data.strip() else {}
        except ValueError:
            decoded = {"text": data.decode(errors="replace")}
        return answer.status, decoded if isinstance(decoded, dict) else {"value": decoded}

    def must(self, method: str, path: str, body: Json | bytes | None = None, **options: Any) -> Json:
        """As `request`, but AssertionError unless the answer is a success."""
        status, answer = self.request(method, path, body, **options)
        assert 200 <= status < 300, f"{method} {path}: {status} {answer.get('message', answer)}"
        return answer

    def apply(self, *objects: Json, manager: str = "tests") -> None:
        """Server-side apply objects (the path comes from discovery), in the order given."""
        for item in objects:
            self.must(
                "PATCH",
                f"{self.path_of(item)}?fieldManager={manager}&force=true",
                item,
                content_type="application/apply-patch+yaml",
            )

    def path_of(self, item: Json) -> str:
        """The API path of an object, looked up in the server's discovery."""
        version = str(item["apiVersion"])
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        for resource in self.must("GET", root)["resources"]:
            if resource["kind"] == item["kind"] and "/" not in resource["name"]:
                metadata = item["metadata"]
                scope = f"/namespaces/{metadata.get('namespace', 'default')}" if resource["namespaced"] else ""
                return f"{root}{scope}/{resource['name']}/{metadata['name']}"
        raise AssertionError(f"the server does not know {version} {item['kind']}")

    def wait_for(self, path: str, test: Callable[[Json], bool], timeout: float = 60, interval: float = 0.1) -> Json:
        """Poll an object until the test holds and return it; AssertionError with its state after `timeout` s."""
        deadline = time.monotonic() + timeout
        while True:
            status, item = self.request("GET", path)
            if status == 200 and test(item):
                return item
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} after {timeout:g} s: {status} {json.dumps(item.get('status', item))}")
            time.sleep(interval)

    def install_crds(self, *controllers: str) -> None:
        """Install the released CRDs of the named Flux controllers and wait until the API serves them."""
        root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for controller in controllers or flux.DEFAULT:
            files = sorted(binary(f"crds/{controller}").glob("*.yaml"))
            if not files:
                raise ServerError(f"{missing(f'crds/{controller}/*.yaml')}")
            for file in files:
                group, _, plural = file.stem.partition("_")
                self.must(
                    "PATCH",
                    f"{root}/{plural}.{group}?fieldManager=tests&force=true",
                    file.read_bytes(),
                    content_type="application/apply-patch+yaml",
                )
                self.wait_for(f"{root}/{plural}.{group}", _established)
        deadline = time.monotonic() + 30
        while not all(self.served(controller) for controller in controllers or flux.DEFAULT):
            assert time.monotonic() < deadline, "the API does not serve the CRDs after 30 s"
            time.sleep(0.05)

    def served(self, name: str) -> bool:
        """Whether the API serves every kind that the named Flux controller watches."""
        for version, plurals in flux.NEEDS[name]:
            status, found = self.request("GET", f"/apis/{version}")
            if status != 200 or not set(plurals) <= {r["name"] for r in found["resources"] or []}:
                return False
        return True

    def start_controllers(
        self,
        *names: str,
        extra_args: Mapping[str, Sequence[str]] | None = None,
        wait_for_crds: bool = False,
    ) -> None:
        """Start the official controllers (source- and kustomize-controller when none is named).

        Their CRDs have to be installed; with `wait_for_crds` the call returns at once and each one
        starts as soon as its CRDs are there, which is how a bootstrap brings its controllers to life.
        """
        chosen = names or flux.DEFAULT
        reason = missing(*chosen)
        if reason:
            raise ServerError(reason)
        for name in sorted(chosen, key=lambda item: item != "notification-controller"):
            args = (extra_args or {}).get(name, ())
            if wait_for_crds:
                waiter = threading.Thread(target=self._start_when_served, args=(name, args), daemon=True)
                self._waiters.append(waiter)
                waiter.start()
                continue
            if not self.served(name):
                raise ServerError(f"{name}: its CRDs are not installed")
            self.controllers.start(name, extra_args=args)

    def _start_when_served(self, name: str, extra_args: Sequence[str]) -> None:
        while not self._stopping.wait(0.25):
            try:
                if self.served(name):
                    break
            except (OSError, http.client.HTTPException):
                continue
        if not self._stopping.is_set():
            self.controllers.start(name, extra_args=extra_args)

    def stop(self) -> None:
        """End every process and, where the folder is a temporary one, remove it. May be called twice."""
        self._stopping.set()
        for waiter in self._waiters:
            waiter.join(30)
        self._waiters.clear()
        running = [*self._servers, *self.controllers.servers.values()]
        self._servers.clear()
        self.controllers.servers.clear()
        stop_all(running)
        if self._own_folder:
            remove_folder(self.folder)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _established(crd: Json) -> bool:
    return bool(condition(crd, "Established").get("status") == "True")


def condition(item: Json, kind: str = "Ready") -> Json:
    """The condition of that type in an object's status, or an empty one."""
    conditions = item.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def is_ready(item: Json) -> bool:
    """Whether the object is Ready, by a status that belongs to its present generation."""
    current = item.get("status", {}).get("observedGeneration") == item["metadata"].get("generation")
    return current and condition(item).get("status") == "True"


def _node(name: str) -> Json:
    """A machine that exists on paper only, with room for every pod of the tests."""
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


if __name__ == "__main__":
    from tests.real.by_hand import main

    sys.exit(main())
