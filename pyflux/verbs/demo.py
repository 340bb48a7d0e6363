"""`pyflux sandbox demo`: the whole GitOps day on an embedded cluster, as a person would type it.

Every command is printed and then really run, in a process of its own; what it must bring about is checked, so that the
demo is a test as well. At the end nothing is left running, and the repository stays for the user to play with.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError
from pyflux.verbs.demo_files import files

if TYPE_CHECKING:
    from pyflux.env import Call, Env

NAME = "demo"
BRANCH = "main"
PERSON = "A Person <person@example.com>"
PATIENCE = 60.0
"""Seconds that one step may take to show in the cluster."""


def run(env: Env, call: Call) -> None:
    """Plays the demo. Raises PyfluxError for the first thing that is not as it should be."""
    folder = os.path.abspath(call.str("dir"))
    if os.path.exists(folder) and os.listdir(folder):
        raise PyfluxError(
            f"{folder} is there already and is not touched", hint="remove it, or name another folder with --dir"
        )
    demo = Demo(env, folder)
    try:
        demo.play()
    finally:
        if call.bool("keep"):
            demo.say(f"The sandbox keeps running. Stop it with: pyflux sandbox stop --name {NAME}")
        else:
            demo.stop()


class Demo:
    def __init__(self, env: Env, folder: str) -> None:
        self.env = env
        self.folder = folder
        self.fleet = os.path.join(folder, "fleet")
        self.environ = {**env.environ, "PYFLUX_HOME": os.path.join(folder, ".pyflux"), "PYTHONUNBUFFERED": "1"}
        self.environ.pop("KUBECONFIG", None)
        self.started = env.monotonic()
        self.running = False
        self.helm = importlib.util.find_spec("helm_python") is not None
        """Whether Helm's SDK is there, so that the demo can show a HelmRelease."""

    # -- what a person does

    def say(self, text: str) -> None:
        self.env.write(f"\n# {text}\n")
        self.env.stdout.flush()

    def command(self, line: str, *, quiet: bool = False) -> str:
        """Prints and runs a pyflux or kubectl command line; what it printed. Raises PyfluxError where it fails."""
        if not quiet:
            self.env.write(f"$ {line}\n")
            self.env.stdout.flush()
        words = shlex.split(line)
        done = subprocess.run(
            [*_program(words[0]), *words[1:]],
            env=self.environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE * 5,
            check=False,
        )
        if not quiet or done.returncode:
            self.env.write(done.stdout)
            self.env.stdout.flush()
        if done.returncode:
            raise PyfluxError(f"the demo's command failed with exit code {done.returncode}: {line}")
        return done.stdout

    def commit(self, message: str) -> None:
        """Commits and pushes what was changed in the work tree, with pyflux's own Git."""
        from pyflux.git import local

        self.env.write(f"$ git commit --all --message {shlex.quote(message)} && git push\n")
        self.env.stdout.flush()
        local.commit_all(self.fleet, message, PERSON)
        local.push(self.fleet, BRANCH)

    def edit(self, name: str, old: str, new: str) -> None:
        path = os.path.join(self.fleet, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if old not in text:
            raise PyfluxError(f"{name} of the demo's repository does not hold {old!r}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        shown = f"s/{old}/{new}/".replace("\n", "\\n")
        self.env.write(f"$ sed --in-place {shlex.quote(shown)} fleet/{name}\n")
        self.env.stdout.flush()

    # -- what must hold

    def greeting(self) -> str:
        """The greeting that the cluster holds; empty where there is none."""
        return str((self.fetched("configmap", "web").get("data") or {}).get("GREETING", ""))

    def replicas(self) -> int:
        return int((self.fetched("deployment", "web").get("spec") or {}).get("replicas", -1))

    def fetched(self, kind: str, name: str, namespace: str = "web") -> dict[str, Any]:
        text = self.command(
            f"kubectl --namespace {namespace} get {kind} {name} --ignore-not-found --output json", quiet=True
        )
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    def expect(self, what: str, wanted: object, found: object) -> None:
        if found != wanted:
            raise PyfluxError(f"the demo went wrong: {what} is {found!r}, not {wanted!r}")

    # -- the day

    def play(self) -> None:
        os.makedirs(self.folder, exist_ok=True)
        git = self.sandbox()
        self.repository(git)
        self.bootstrap(git)
        self.rollout()
        self.drift()
        self.suspend()
        self.resume()
        if self.helm:
            self.release()
            self.suspend_release()
            self.roll_back()
        self.say(f"The whole day took {self.env.monotonic() - self.started:.0f} seconds.")
        self.env.write(
            f"# The repository is {os.path.relpath(self.fleet)}; play on with it:\n"
            f"#   export PYFLUX_HOME={shlex.quote(self.environ['PYFLUX_HOME'])}\n"
            f'#   pyflux sandbox start --name {NAME} && eval "$(pyflux sandbox env --name {NAME})"\n'
            f"#   cd {shlex.quote(self.fleet)}, edit, commit, push\n"
            "#   pyflux reconcile kustomization app-sync --with-source\n"
        )

    def sandbox(self) -> str:
        """Starts the cluster; the address of its Git server."""
        self.say("A Kubernetes API of your own: no cluster, no Docker.")
        self.running = True
        self.command(f"pyflux sandbox start --name {NAME}")
        self.env.write(f'$ eval "$(pyflux sandbox env --name {NAME})"\n')
        text = self.command(f"pyflux sandbox env --name {NAME}", quiet=True)
        for line in text.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.environ[name] = shlex.split(value)[0] if value else ""
        return self.environ["PYFLUX_SANDBOX_GIT"]

    def repository(self, git: str) -> None:
        from pyflux.git import local

        url = f"{git}/fleet.git"
        self.say("A Git repository that says what the cluster runs. (pyflux does the Git steps itself here.)")
        local.start(self.fleet, url, BRANCH)
        written = files(url, helm=self.helm)
        for name, text in written.items():
            path = os.path.join(self.fleet, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        for name in sorted(written):
            self.env.write(f"  fleet/{name}\n")
        self.commit("Say what the cluster runs")

    def bootstrap(self, git: str) -> None:
        from pyflux.git import local

        self.say("Flux goes into the cluster, and into the repository.")
        self.command(
            f"pyflux bootstrap git --url={git}/fleet.git --branch={BRANCH} --path=. --allow-insecure-http "
            "--token-auth --username=git --password=sandbox --silent"
        )
        self.env.write("$ git pull\n")
        local.pull(self.fleet, BRANCH)
        self.say("Everything syncs.")
        self.command("pyflux reconcile kustomization app-sync --with-source")
        self.command("pyflux get kustomization -A")
        self.command("kubectl --namespace web get deployments,services,configmaps")
        self.expect("the number of replicas", 2, self.replicas())
        self.expect("the greeting", "hello from demo", self.greeting())

    def rollout(self) -> None:
        self.say("A commit rolls out.")
        self.edit("app-sync.yaml", "app_greeting: hello", "app_greeting: good-morning")
        self.commit("Greet in the morning")
        self.command("pyflux reconcile kustomization flux-system --with-source")
        self.command("pyflux reconcile kustomization app-sync --with-source")
        self.command("kubectl --namespace web get configmap web --output go-template='{{.data.GREETING}}{{println}}'")
        self.expect("the greeting", "good-morning from demo", self.greeting())

    def drift(self) -> None:
        self.say("Somebody changes the cluster by hand: drift. It is repaired.")
        self.command("kubectl --namespace web scale deployment web --replicas 7")
        self.command("pyflux reconcile kustomization app-sync")
        self.command("kubectl --namespace web get deployment web")
        self.expect("the number of replicas", 2, self.replicas())

    def suspend(self) -> None:
        self.say("Suspended, a commit does not roll out.")
        self.command("pyflux suspend kustomization app-sync")
        self.edit("app/config-map.yaml", "GREETING:", "FAREWELL: see-you\n  GREETING:")
        self.commit("Say goodbye, too")
        self.command("pyflux reconcile source git fleet")
        self.command("pyflux get kustomization app-sync")
        time.sleep(1)
        self.expect("the farewell", None, self.fetched("configmap", "web")["data"].get("FAREWELL"))

    def resume(self) -> None:
        self.say("Resumed, it does.")
        self.command("pyflux resume kustomization app-sync")
        self.command("kubectl --namespace web get configmap web --output go-template='{{.data.FAREWELL}}{{println}}'")
        self.expect("the farewell", "see-you", self.fetched("configmap", "web")["data"].get("FAREWELL"))
        self.command("pyflux tree kustomization flux-system --compact")

    # -- the day's second half: a chart

    def prometheus(self) -> tuple[int, str]:
        """Replicas and retention of the release in the cluster."""
        found = self.fetched("deployment", "prometheus", "monitoring").get("spec") or {}
        notes = ((found.get("template") or {}).get("metadata") or {}).get("annotations") or {}
        return int(found.get("replicas", -1)), str(notes.get("retention", ""))

    def release(self) -> None:
        self.say("A Helm chart of this repository was released, too.")
        self.command("pyflux reconcile helmrelease prometheus")
        self.command("pyflux get helmreleases -A")
        self.command("kubectl --namespace monitoring get deployments,services,configmaps")
        self.expect("the release", (1, "15d"), self.prometheus())
        self.say("New values by commit: an upgrade.")
        self.edit("monitoring/release.yaml", "retention: 15d", "retention: 30d")
        self.commit("Keep metrics for a month")
        self.command("pyflux reconcile kustomization helm-sync --with-source")
        self.command("pyflux reconcile helmrelease prometheus")
        self.command("pyflux get helmreleases -A")
        self.expect("the release", (1, "30d"), self.prometheus())

    def suspend_release(self) -> None:
        self.say("Suspended, the release stays as it is; resumed, it catches up.")
        self.command("pyflux suspend helmrelease prometheus")
        self.edit("monitoring/release.yaml", "replicas: 1", "replicas: 2")
        self.commit("Run two of them")
        self.command("pyflux reconcile kustomization helm-sync --with-source")
        self.expect("the release", (1, "30d"), self.prometheus())
        self.command("pyflux resume helmrelease prometheus")
        self.expect("the release", (2, "30d"), self.prometheus())

    def roll_back(self) -> None:
        self.say("An upgrade that does not come up is rolled back.")
        self.edit("monitoring/release.yaml", 'simulateFailure: ""', 'simulateFailure: "it crashes"')
        self.edit("monitoring/release.yaml", "retention: 30d", "retention: 60d")
        self.commit("Break it")
        self.command("pyflux reconcile kustomization helm-sync --with-source")
        self.await_condition("helmrelease", "prometheus", "Remediated")
        self.command("pyflux get helmreleases -A")
        self.expect("the release", (2, "30d"), self.prometheus())

    def await_condition(self, kind: str, name: str, wanted: str) -> None:
        """Waits until a condition of an object of flux-system is true."""
        self.env.write(f"$ kubectl --namespace flux-system wait {kind} {name} --for condition={wanted}\n")
        self.env.stdout.flush()
        deadline = self.env.monotonic() + PATIENCE
        while True:
            found = (self.fetched(kind, name, "flux-system").get("status") or {}).get("conditions") or []
            if any(one["type"] == wanted and one["status"] == "True" for one in found):
                self.env.write(f"{kind} {name} condition met\n")
                return
            if self.env.monotonic() > deadline:
                raise PyfluxError(f"the demo went wrong: {kind} {name} is not {wanted} within {PATIENCE:g}s")
            time.sleep(0.3)

    def stop(self) -> None:
        if self.running:
            self.env.write("\n")
            self.command(f"pyflux sandbox stop --name {NAME}")
            self.running = False


def _program(name: str) -> list[str]:
    if name == "kubectl":
        from pyflux.render.kustomize import kubectl

        return [kubectl()]
    return [sys.executable, "-m", "pyflux"]
