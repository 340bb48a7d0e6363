"""The embedded cluster: time until it is ready, until a commit is applied, and a large fleet with the memory it takes.

python bench/sandbox.py [--kustomizations 1000] [--objects 10]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from bench import fleet  # noqa: E402
from bench.measure import seconds, world  # noqa: E402

PROGRAM = str(Path(sys.executable).with_name("pyflux"))
IDENTITY = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kustomizations", type=int, default=1000, help="size of the fleet; 0 leaves it out")
    parser.add_argument("--objects", type=int, default=10, help="objects of each Kustomization")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds to wait for the fleet")
    options = parser.parse_args()
    print(f"\nMedians of {options.runs} runs; memory is the peak of the API server and of the controllers.\n")
    print("| sandbox | time | API server | controllers |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        try:
            bench.ready(options.runs)
            bench.commits(options.runs)
            if options.kustomizations:
                bench.large(options.kustomizations, options.objects, options.patience)
        finally:
            bench.run("sandbox", "delete")


class Bench:
    """One sandbox in a folder of its own, used as a person would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "home" / "sandbox" / "pyflux"
        self.environ = {**world(), "HOME": str(folder), "PYFLUX_HOME": str(folder / "home")}
        self.environ["KUBECONFIG"] = str(self.state / "kubeconfig")

    def run(self, *words: str) -> str:
        """What a pyflux command prints. Raises CalledProcessError where it fails."""
        done = subprocess.run([PROGRAM, *words], env=self.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"pyflux {' '.join(words)} failed: {done.stderr.strip()}")
        return done.stdout

    def git(self, folder: Path, *words: str) -> None:
        subprocess.run(["git", *words], cwd=folder, env=self.environ, check=True, capture_output=True)

    def push(self, folder: Path, message: str) -> None:
        """Commits everything in `folder` and pushes it to the sandbox's repository of that name."""
        self.git(folder, "add", ".")
        self.git(folder, *IDENTITY, "commit", "-q", "--allow-empty", "-m", message)
        self.git(folder, "push", "-q", self.url(folder.name), "HEAD:main")

    def url(self, name: str) -> str:
        found: str = json.loads(self.run("sandbox", "status", "-o", "json"))["git"]
        return f"{found.split('/NAME')[0].rstrip('/')}/{name}.git"

    def show(self, what: str, took: float) -> None:
        parts = [f"{peak(self.state / name):.0f} MiB" for name in ("daemon.json", "controllers.json")]
        print(f"| {what} | {seconds(took)} | {parts[0]} | {parts[1]} |", flush=True)

    def ready(self, runs: int) -> None:
        """Starts of a sandbox that was not there before."""
        taken = []
        for number in range(runs):
            if number:
                self.run("sandbox", "delete")
            start = time.perf_counter()
            self.run("sandbox", "start")
            taken.append(time.perf_counter() - start)
        self.show("`sandbox start`, new, until ready", statistics.median(taken))
        self.run("install")

    def commits(self, runs: int) -> None:
        """From a pushed commit to its objects applied."""
        work = self.folder / "one"
        fleet.write(work, 1, 3)
        self.push(work, "Begin")
        self.run("create", "source", "git", "one", "--url", self.url("one"), "--branch", "main", "--interval", "1h")
        words = ["--source", "GitRepository/one", "--path", "apps/app-0", "--prune", "--interval", "1h"]
        self.run("create", "kustomization", "one", *words)
        taken = []
        for number in range(runs):
            (work / "apps" / "app-0" / "object-2.yaml").write_text(fleet.config_map("app-0-2", f"v{number}"))
            self.push(work, f"Change {number}")
            start = time.perf_counter()
            self.run("reconcile", "kustomization", "one", "--with-source")
            taken.append(time.perf_counter() - start)
        self.show("`reconcile --with-source`, a commit applied", statistics.median(taken))

    def large(self, kustomizations: int, objects: int, patience: float) -> None:
        """A fleet from nothing to all Kustomizations ready."""
        work = self.folder / "large"
        fleet.write(work, kustomizations, objects)
        self.push(work, "Begin")
        source = ["--url", self.url("large"), "--branch", "main", "--interval", "1h"]
        self.run("create", "source", "git", fleet.SOURCE, *source)
        start = time.perf_counter()
        words = ["--source", f"GitRepository/{fleet.SOURCE}", "--path", "clusters/main", "--prune", "--interval", "1h"]
        self.run("create", "kustomization", "root", *words, "--timeout", f"{patience:.0f}s")
        found = 0
        while found < kustomizations and time.perf_counter() - start < patience:
            time.sleep(2)
            found = self.run("get", "kustomizations", "--status-selector", "ready=true", "--no-header").count("app-")
        done = "" if found == kustomizations else f" ({found} ready when time was up)"
        took = time.perf_counter() - start
        self.show(f"{kustomizations} Kustomizations of {objects} objects reconciled{done}", took)


def peak(pid_file: Path) -> float:
    """Peak memory in MiB of the process that a file names."""
    status = Path(f"/proc/{json.loads(pid_file.read_text())['pid']}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    if not os.path.exists("/proc/self/status"):
        sys.exit("bench/sandbox.py reads the memory of processes from /proc, which this system has not")
    main()
