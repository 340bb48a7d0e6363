"""`make bench`: start-up, get, suspend, reconcile and install --export, beside the reference CLI where it is given.

Ratios come from one run with the two programs in turn; absolute times depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from bench.delay import DelayProxy  # noqa: E402
from bench.measure import Figure, header, in_turn, row  # noqa: E402
from pyflux.catalog.api import crds  # noqa: E402
from pyflux.env import Env, KubeOptions  # noqa: E402
from pyflux.errors import NoMatch  # noqa: E402
from pyflux.kube import connect  # noqa: E402
from tests.real.cluster import RealCluster  # noqa: E402

SIZES = (10, 1000, 5000)
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
    environ = {**os.environ, "NO_COLOR": "1"}
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
                world = {**environ, "KUBECONFIG": kubeconfig}
                commands = [["get", "kustomizations", "-A"], ["get", "all", "-A"]]
                if size == SIZES[0]:
                    commands += [["suspend", "kustomization", "app-0"], ["reconcile", "kustomization", "app-1"]]
                for words in commands:
                    print(row(f"`{' '.join(words)}`, {where}", measure(programs, words, world, runs)), flush=True)


def fill(kubeconfig: str, size: int) -> None:
    """The Flux CRDs and `size` Kustomizations in 10 namespaces, the one to reconcile never becoming busy."""
    client = connect(Env(kube=KubeOptions(kubeconfig=kubeconfig)))
    for crd in crds():
        client.apply(crd, force=True)
    namespaces = ["flux-system", *(f"team-{n}" for n in range(9))]
    for name in namespaces:
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for _ in range(100):
        try:
            resource = client.resource_for(*KUSTOMIZATION)
            client.list(resource)
            break
        except NoMatch:
            time.sleep(0.1)
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "ReconciliationSucceeded",
        "message": "Applied revision: main@sha1:696f056df216eea4f9401adbee0ff744d4df390f",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "observedGeneration": 1,
    }
    entries = [{"id": f"apps_web-{n}_apps_Deployment", "v": "v1"} for n in range(40)]
    for n in range(size):
        namespace = namespaces[n % 10] if n > 1 else "flux-system"
        obj = {
            "apiVersion": KUSTOMIZATION[0],
            "kind": KUSTOMIZATION[1],
            "metadata": {"name": f"app-{n}", "namespace": namespace},
            "spec": {
                "interval": "10m",
                "path": f"./apps/{n}",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            },
        }
        client.create(resource, obj)
        status = {
            "conditions": [condition],
            "observedGeneration": 1,
            "lastAppliedRevision": "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f",
            "inventory": {"entries": entries},
        }
        client.patch(resource, f"app-{n}", namespace, {"status": status}, subresource="status")


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
