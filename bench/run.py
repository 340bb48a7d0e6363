"""`make bench`: start-up, get, suspend, reconcile and install --export, beside the reference CLI where it is given.

Ratios come from one run with the two programs in turn; absolute times depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from bench.delay import DelayProxy  # noqa: E402
from bench.measure import Figure, header, in_turn, row, world  # noqa: E402
from pyflux.catalog.api import crds  # noqa: E402
from pyflux.catalog.resources import Resource  # noqa: E402
from pyflux.env import Env, KubeOptions  # noqa: E402
from pyflux.errors import NoMatch  # noqa: E402
from pyflux.kube import connect  # noqa: E402
from pyflux.kube.client import Client  # noqa: E402
from tests.real.cluster import RealCluster  # noqa: E402

SIZES = (10, 1000, 5000)
FEW = 10
WRITERS = 8
NAMESPACES = ("flux-system", *(f"team-{n}" for n in range(9)))
REVISION = "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f"
KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flux", help="path of the reference CLI")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    options = parser.parse_args()
    programs = {"pyflux": str(Path(sys.executable).with_name("pyflux"))}
    if options.flux:
        programs["flux"] = os.path.abspath(options.flux)
    print(f"Medians of {options.runs} runs in turn, whole processes; memory is the peak of the process.\n")
    print(header("flux" in programs))
    environ = world()
    for words in (["--version"], ["--help"], ["install", "--export"]):
        print(row(f"`{' '.join(words)}`", measure(programs, words, environ, options.runs)), flush=True)
    lacking = RealCluster.missing(light=True)
    if lacking:
        sys.exit(f"the cluster figures need the real servers, which are not built: {lacking} (make real)")
    for size in (int(word) for word in options.sizes.split(",")):
        cluster_figures(programs, environ, options.runs, size)


def measure(programs: dict[str, str], words: list[str], environ: dict[str, str], runs: int) -> dict[str, Figure]:
    return in_turn({name: [program, *words] for name, program in programs.items()}, environ, runs=runs)


def cluster_figures(programs: dict[str, str], environ: dict[str, str], runs: int, size: int) -> None:
    with RealCluster(light=True) as cluster:
        fill(str(cluster.kubeconfig), size)
        for rtt in (0.0, 0.03):
            with reached(str(cluster.kubeconfig), rtt) as kubeconfig:
                where = f"{size} objects" + (f", {rtt * 1000:.0f} ms round trip" if rtt else "")
                where_to = {**environ, "KUBECONFIG": kubeconfig}
                commands = [["get", "kustomizations", "-A"], ["get", "all", "-A"]]
                if size <= FEW:
                    commands += [["suspend", "kustomization", "app-0"], ["reconcile", "kustomization", "app-1"]]
                with controller(str(cluster.kubeconfig)) if size <= FEW else nullcontext():
                    for words in commands:
                        print(
                            row(f"`{' '.join(words)}`, {where}", measure(programs, words, where_to, runs)), flush=True
                        )


def fill(kubeconfig: str, size: int) -> None:
    """The Flux CRDs and `size` Kustomizations in 10 namespaces, each ready, with an inventory of 40 objects."""
    client = connect(Env(kube=KubeOptions(kubeconfig=kubeconfig)))
    for crd in crds():
        client.apply(crd, force=True)
    for namespace in NAMESPACES:
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    resource = client.resource_for(*KUSTOMIZATION)
    for _ in range(100):
        try:
            client.list(resource)
            break
        except NoMatch:
            time.sleep(0.1)

    def write(part: int) -> None:
        own = client.fork()
        for number in range(part, size, WRITERS):
            add(own, resource, number)
        own.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))


def add(client: Client, resource: Resource, number: int) -> None:
    """Creates one Kustomization; the first two are in flux-system, for suspend and reconcile."""
    namespace = NAMESPACES[number % len(NAMESPACES)] if number > 1 else "flux-system"
    name = f"app-{number}"
    obj = {
        "apiVersion": KUSTOMIZATION[0],
        "kind": KUSTOMIZATION[1],
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": "10m",
            "path": f"./apps/{number}",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    }
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "ReconciliationSucceeded",
        "message": f"Applied revision: {REVISION}",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "observedGeneration": 1,
    }
    status = {
        "conditions": [condition],
        "observedGeneration": 1,
        "lastAppliedRevision": REVISION,
        "inventory": {"entries": [{"id": f"apps_web-{n}_apps_Deployment", "v": "v1"} for n in range(40)]},
    }
    client.create(resource, obj)
    client.patch(resource, name, namespace, {"status": status}, subresource="status")


def answer_requests(kubeconfig: str, stop: threading.Event) -> None:
    """Plays the controller for `reconcile`: answers each request of app-1 at once."""
    client = connect(Env(kube=KubeOptions(kubeconfig=kubeconfig)))
    resource = client.resource_for(*KUSTOMIZATION)
    while not stop.wait(0.02):
        obj = client.get(resource, "app-1", "flux-system")
        asked = (obj["metadata"].get("annotations") or {}).get("reconcile.fluxcd.io/requestedAt")
        if asked and obj["status"].get("lastHandledReconcileAt") != asked:
            change = {"lastHandledReconcileAt": asked, "observedGeneration": obj["metadata"]["generation"]}
            client.patch(resource, "app-1", "flux-system", {"status": change}, subresource="status")


@contextmanager
def controller(kubeconfig: str) -> Iterator[None]:
    """`answer_requests` in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=answer_requests, args=(kubeconfig, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@contextmanager
def reached(kubeconfig: str, rtt: float) -> Iterator[str]:
    """A kubeconfig that reaches the same cluster through `rtt` seconds of round trip."""
    if not rtt:
        yield kubeconfig
        return
    from ruamel.yaml import YAML

    config = YAML(typ="safe").load(Path(kubeconfig).read_text())
    place = urlsplit(config["clusters"][0]["cluster"]["server"])
    assert place.hostname is not None
    assert place.port is not None
    with DelayProxy(place.hostname, place.port, rtt) as proxy, tempfile.TemporaryDirectory() as folder:
        config["clusters"][0]["cluster"]["server"] = f"{place.scheme}://127.0.0.1:{proxy.port}"
        far = Path(folder) / "kubeconfig"
        far.touch(mode=0o600)
        far.write_text(json.dumps(config))
        yield str(far)


if __name__ == "__main__":
    main()
