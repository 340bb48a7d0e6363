"""A small repository of the usual shape, written out for each test."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyflux.render.fleet.build import build
from pyflux.render.fleet.cache import Cache
from pyflux.render.fleet.model import Cluster
from pyflux.render.fleet.options import Options
from pyflux.render.fleet.snapshot import WorkTree

SYNC = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m0s, url: "ssh://git@git.example.com/org/fleet", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec:
  interval: 10m0s
  path: ./clusters/prod
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
"""


def kustomization(name: str, path: str, extra: str = "") -> str:
    return f"""\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 10m0s
  path: {path}
  prune: true
  sourceRef: {{kind: GitRepository, name: flux-system}}
{extra}"""


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web}
spec:
  replicas: ${replicas:=1}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.example.com/web:${tag:=latest}"}
"""
SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data: {tag: "1.0.0"}
"""

FILES = {
    "clusters/prod/flux-system/gotk-sync.yaml": SYNC,
    "clusters/prod/flux-system/kustomization.yaml": "resources: [gotk-sync.yaml]\n",
    "clusters/prod/config.yaml": kustomization("config", "./config"),
    "clusters/prod/apps.yaml": kustomization(
        "apps",
        "./apps",
        "  dependsOn: [{name: config}]\n"
        "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}], substitute: {replicas: '2'}}\n",
    ),
    "config/settings.yaml": SETTINGS,
    "apps/web.yaml": DEPLOYMENT,
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(root: Path) -> str:
    """Commits everything in a work tree, with symbolic links and without what is gone; the commit."""
    from dulwich.repo import Repo

    with Repo(str(root)) as repository:
        there = [path.relative_to(root) for path in root.rglob("*") if path.is_symlink() or path.is_file()]
        tree = repository.get_worktree()
        paths = {str(path) for path in there if path.parts[0] != ".git"}
        tree.stage(sorted(paths | {os.fsdecode(path) for path in repository.open_index()}))
        person = b"A <a@example.com>"
        made: bytes = tree.commit(b"Change", committer=person, author=person)
        return made.decode()


class Repository:
    """A checkout in a temporary folder."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.cache = cache

    def put(self, name: str, text: str) -> None:
        write(self.root, {name: text})

    def build(self, path: str = "") -> Cluster:
        (cluster,) = self.build_all(path)
        return cluster

    def build_all(self, path: str = "") -> list[Cluster]:
        return build(Options(WorkTree(str(self.root)), Cache(str(self.cache)), path=path))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = tmp_path / "fleet"
    write(root, FILES)
    return Repository(root, tmp_path / "cache")


@pytest.fixture
def another(tmp_path: Path, repository: Repository) -> Callable[[str], Repository]:
    """A second checkout with the same files, sharing the cache."""

    def make(name: str) -> Repository:
        root = tmp_path / name
        write(root, FILES)
        return Repository(root, repository.cache)

    return make
