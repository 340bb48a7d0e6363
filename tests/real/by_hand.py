"""The command line of cluster.py: a cluster in the foreground, or in the background until `down`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.real import controllers as flux
from tests.real.cluster import RealCluster
from tests.real.processes import ServerError, remove_folder

_STATE = "cluster.json"


def main(arguments: list[str] | None = None) -> int:
    """Run `up` or `down`; the exit code."""
    parser = argparse.ArgumentParser(description="A real Kubernetes cluster for tests, by hand")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster and print the path of its kubeconfig")
    up.add_argument("--dir", type=Path, required=True, help="folder of the cluster")
    up.add_argument(
        "--no-controller-manager",
        action="store_true",
        help="only etcd and kube-apiserver: nothing acts on Deployments and namespaces",
    )
    up.add_argument(
        "--controllers",
        nargs="?",
        const=",".join(flux.DEFAULT),
        help=f"Flux controllers to start once their CRDs are installed (default {','.join(flux.DEFAULT)})",
    )
    up.add_argument("--detach", action="store_true", help="leave it running in the background until `down`")
    down = commands.add_parser("down", help="stop a cluster and remove its folder")
    down.add_argument("--dir", type=Path, required=True, help="folder of the cluster")
    options = parser.parse_args(arguments)
    folder = options.dir.resolve()
    try:
        if options.command == "down":
            return _down(folder)
        if (folder / _STATE).exists():
            raise ServerError(f"{folder} holds a cluster already; stop it with `down` first")
        if options.detach:
            return _up_detached(folder, options)
        return _up(folder, options)
    except ServerError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1


def _up(folder: Path, options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with RealCluster(folder, light=options.no_controller_manager) as cluster:
        if options.controllers:
            cluster.start_controllers(*options.controllers.split(","), wait_for_crds=True)
        state = {"pid": os.getpid(), "server": cluster.server, "kubeconfig": str(cluster.kubeconfig)}
        (folder / _STATE).write_text(json.dumps(state))
        print(cluster.kubeconfig, flush=True)
        stop.wait()
    remove_folder(folder)
    return 0


def _up_detached(folder: Path, options: argparse.Namespace) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("cluster.py")), "up", "--dir", str(folder)]
    command += ["--no-controller-manager"] if options.no_controller_manager else []
    command += [f"--controllers={options.controllers}"] if options.controllers else []
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    while not (folder / _STATE).exists():
        if process.poll() is not None:
            raise ServerError((folder / "up.log").read_text().strip())
        time.sleep(0.05)
    print(folder / "kubeconfig")
    return 0


def _down(folder: Path) -> int:
    state = folder / _STATE
    if not state.exists():
        raise ServerError(f"no cluster in {folder}")
    pid = int(json.loads(state.read_text())["pid"])
    deadline = time.monotonic() + 30
    while _alive(pid):
        os.kill(pid, signal.SIGTERM)
        if time.monotonic() > deadline:
            raise ServerError(f"process {pid} of the cluster in {folder} does not end")
        time.sleep(0.1)
    remove_folder(folder)
    return 0


def _alive(pid: int) -> bool:
    """Whether the process runs; one that ended but was never waited for (in a container) does not count."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or ") Z " not in stat.read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


if __name__ == "__main__":
    sys.exit(main())
