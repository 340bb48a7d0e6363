"""A command, a stand-in for the cluster, and stand-ins for the services."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyflux.catalog.resources import Resource
from pyflux.cli.main import run
from pyflux.env import Env
from pyflux.errors import AlreadyExists, KubeError, NotFound
from tests.real.gitrepos import BareRepository
from tests.unit.bootstrap.services import (
    TOKEN,
    BitbucketService,
    GiteaService,
    GitHubService,
    GitLabService,
    Service,
)

Obj = dict[str, Any]
HOST_KEY = "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHostKeyOfTheTests"


class FakeCluster:
    """Objects by kind, namespace and name; what bootstrap applies is ready at once, at the repository's head."""

    server = "https://cluster.example.com"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Obj] = {}
        self.repository: BareRepository | None = None
        self.asked: list[str] = []

    def get(self, resource: Resource, name: str, namespace: str = "", **_more: Any) -> Obj:
        found = self.objects.get((resource.kind, namespace, name))
        if resource.kind == "Deployment":
            found = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}}
            found["spec"] = {"replicas": 1, "selector": {}}
            counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), 1)
            found["status"] = {**counts, "conditions": [{"type": "Available", "status": "True"}]}
        if found is None:
            raise NotFound(f"{resource.kind} {name} not found", status=404)
        return self._with_status(found)

    def _with_status(self, obj: Obj) -> Obj:
        if obj["kind"] not in ("GitRepository", "Kustomization") or self.repository is None:
            return obj
        revision = f"{obj['spec'].get('ref', {}).get('branch', 'main')}@sha1:{self.repository.head()}"
        ready = [{"type": "Ready", "status": "True", "message": "ready", "reason": "Succeeded"}]
        status = {"conditions": ready, "artifact": {"revision": revision}}
        return {**obj, "status": {**status, "lastAttemptedRevision": revision, "lastAppliedRevision": revision}}

    def get_many(self, names: list[tuple[Resource, str, str]]) -> list[Obj | KubeError]:
        answers: list[Obj | KubeError] = []
        for resource, name, namespace in names:
            try:
                answers.append(self.get(resource, name, namespace))
            except NotFound as why:
                answers.append(why)
        return answers

    def create(self, resource: Resource, obj: Obj, **_more: Any) -> Obj:
        if resource.kind == "SelfSubjectAccessReview":
            return {"status": {"allowed": True}}
        key = (resource.kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExists("there already", status=409)
        return self._keep(key, obj)

    def replace(self, resource: Resource, obj: Obj, **_more: Any) -> Obj:
        return self._keep((resource.kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj)

    def patch(self, resource: Resource, name: str, namespace: str, body: Obj, **_more: Any) -> Obj:
        self.asked.append(f"{resource.kind}/{name}")
        return self.get(resource, name, namespace)

    def _keep(self, key: tuple[str, str, str], obj: Obj) -> Obj:
        kept = {name: value for name, value in obj.items() if name != "stringData"}
        if "stringData" in obj:
            encoded = {name: base64.b64encode(text.encode()).decode() for name, text in obj["stringData"].items()}
            kept["data"] = {**(obj.get("data") or {}), **encoded}
        self.objects[key] = kept
        return kept

    def server_version(self) -> dict[str, str]:
        return {"gitVersion": "v1.36.3"}

    def apply_all(self, objects: list[Obj]) -> None:
        for obj in objects:
            self._keep((obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj)

    def secret(self, name: str = "flux-system") -> dict[str, str]:
        """A secret's entries as text; empty without one."""
        found = self.objects.get(("Secret", "flux-system", name)) or {}
        return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}


@dataclass
class Outcome:
    """What one command did."""

    code: int
    text: str


@dataclass
class World:
    """A service, a cluster and the command that joins them."""

    service: Service
    cluster: FakeCluster
    command: str
    owner: str

    def run(self, *args: str, token: str = TOKEN, stdin: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        names = ("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN", "BITBUCKET_TOKEN")
        env = Env(
            stdout=out,
            stderr=err,
            stdin=io.StringIO(stdin),
            environ=dict.fromkeys(names, token) if token else {},
            sleep=lambda _seconds: None,
        )
        words = ["bootstrap", self.command, f"--hostname={self.service.url}", "--path=clusters/a", *args]
        if not any(word.startswith("--owner") for word in args):
            words += [f"--owner={self.owner}"]
        if not any(word.startswith("--repository") for word in args):
            words += ["--repository=fleet"]
        return Outcome(run(words, env), out.getvalue() + err.getvalue())

    def good(self, *args: str) -> str:
        done = self.run(*args)
        assert done.code == 0, done.text
        assert TOKEN not in done.text
        return done.text


SERVICES: dict[str, tuple[type[Service], str]] = {
    "github": (GitHubService, "acme"),
    "gitea": (GiteaService, "acme"),
    "gitlab": (GitLabService, "acme"),
    "bitbucket-server": (BitbucketService, "ACME"),
}


@pytest.fixture
def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], World]]:
    """Makes the world for a command's name. Git goes to the service's repositories on disk."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    from pyflux.bootstrap import cluster
    from pyflux.bootstrap.providers import base, bitbucketserver, rest
    from pyflux.git import ssh
    from pyflux.verbs.bootstrap import check, work
    from pyflux.verbs.install import manifests

    fake = FakeCluster()
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
    monkeypatch.setattr(rest, "READ_TIMEOUT", 0.6)
    monkeypatch.setattr(ssh, "scan_host_keys", lambda *_a, **_k: [HOST_KEY])
    monkeypatch.setattr(work, "connect", lambda _env: fake)
    monkeypatch.setattr(check, "connect", lambda _env: fake)
    monkeypatch.setattr(cluster, "apply", lambda _env, client, objects: client.apply_all(objects))
    monkeypatch.setattr(manifests, "install_objects", lambda *_a: [namespace])
    started: list[Service] = []

    def make(command: str) -> World:
        kind, owner = SERVICES[command]
        root = tmp_path / f"served-{len(started)}"
        root.mkdir()
        service = kind(root)
        started.append(service)

        def https_url(host: base.Host) -> str:
            personal = isinstance(host, bitbucketserver.BitbucketServer) and host.target.personal
            slug = f"~{host.slug}" if personal else host.slug
            fake.repository = service.bare(slug)
            return f"file://{root}/{slug}.git"

        monkeypatch.setattr(base.Host, "https_url", https_url)
        monkeypatch.setattr(bitbucketserver.BitbucketServer, "https_url", https_url)
        return World(service, fake, command, owner)

    yield make
    for service in started:
        service.__exit__()
