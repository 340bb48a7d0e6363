"""What is recalled is what a build without memory gives, whatever happened to the files in between."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.conftest import DEPLOYMENT, SETTINGS, Repository, commit, kustomization, write
from pyflux.git.local import LocalRepository, start
from pyflux.render import kustomize
from pyflux.render.fleet.build import build
from pyflux.render.fleet.cache import Cache
from pyflux.render.fleet.discover import NoCluster
from pyflux.render.fleet.model import Cluster, Unit
from pyflux.render.fleet.options import Options
from pyflux.render.fleet.snapshot import Snapshot, WorkTree

CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "size: 1\n",
    "charts/web/templates/config.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {size: '{{ .Values.size }}'}\n"
    ),
    "values/web.yaml": "size: 2\n",
    "apps/release.yaml": """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: web}
spec:
  interval: 10m
  chart:
    spec:
      chart: ./charts/web
      valuesFiles: [charts/web/values.yaml, values/web.yaml]
      ignoreMissingValuesFiles: true
      sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
""",
}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that kustomize built, as they come."""
    seen: list[str] = []
    real = kustomize.build

    def counting(root: str, path: str, *args: Any, **kwargs: Any) -> str:
        seen.append(path)
        return real(root, path, *args, **kwargs)

    monkeypatch.setattr(kustomize, "build", counting)
    return seen


def test_the_second_build_runs_nothing(repository: Repository, runs: list[str]) -> None:
    write(repository.root, CHART)
    first = shown([repository.build()])
    assert sorted(runs) == ["apps", "clusters/prod", "config"]
    runs.clear()
    assert shown([repository.build()]) == first
    assert runs == []
    repository.put("apps/web.yaml", DEPLOYMENT.replace("name: web", "name: other"))
    assert shown([repository.build()]) != first
    assert runs == ["apps"]


def test_a_file_beside_changes_nothing(repository: Repository, runs: list[str]) -> None:
    repository.put("apps/kustomization.yaml", "resources: [web.yaml]\n")
    first = shown([repository.build()])
    runs.clear()
    repository.put("apps/notes.md", "text\n")
    repository.put("README.md", "text\n")
    assert shown([repository.build()]) == first
    assert runs == []


def test_one_changed_variable_builds_what_uses_it(repository: Repository, runs: list[str]) -> None:
    repository.build()
    runs.clear()
    repository.put("config/settings.yaml", SETTINGS.replace("1.0.0", "2.0.0"))
    (web,) = (unit for unit in repository.build().units.values() if unit.name == "apps")
    assert web.objects[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/web:2.0.0"
    assert sorted(runs) == ["apps", "config"]


def test_a_commit_is_written_out_as_far_as_it_is_built(repository: Repository, tmp_path: Path, runs: list[str]) -> None:
    write(repository.root, CHART)
    for number in range(5):
        repository.put(f"clusters/prod/more-{number}.yaml", kustomization(f"more-{number}", f"./more/{number}"))
        repository.put(f"more/{number}/settings.yaml", SETTINGS.replace("settings", f"settings-{number}"))
    start(str(repository.root), "https://git.example.com/fleet", "main")
    before = commit(repository.root)
    repository.put("more/3/settings.yaml", SETTINGS.replace("settings", "settings-three"))
    after = commit(repository.root)
    cache = Cache(str(repository.cache))
    with LocalRepository(str(repository.root)) as git:

        def built(revision: str, name: str) -> list[str]:
            folder = tmp_path / name
            folder.mkdir()
            (cluster,) = build(Options(git.tree(revision, str(folder), cache), cache))
            assert not [unit.error for unit in cluster.units.values() if unit.error]
            return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

        everything = built(before, "cold")
        assert "more/4/settings.yaml" in everything
        assert "charts/web/Chart.yaml" in everything
        runs.clear()
        entry = "clusters/prod/flux-system/gotk-sync.yaml"
        assert built(before, "warm") == [entry]
        assert built(after, "changed") == [entry, "more/3/settings.yaml"]
        assert runs == ["more/3"]


def test_a_file_that_is_written_during_the_build_is_not_remembered(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its old content would be taken for the new one's, as soon as somebody put it back."""
    real = kustomize.build
    old = DEPLOYMENT
    new = DEPLOYMENT.replace("name: web", "name: other")

    def interrupted(root: str, path: str, *args: Any, **kwargs: Any) -> str:
        if path == "apps":
            repository.put("apps/web.yaml", new)
        return real(root, path, *args, **kwargs)

    monkeypatch.setattr(kustomize, "build", interrupted)
    repository.build()
    monkeypatch.setattr(kustomize, "build", real)
    for text, name in ((old, "web"), (new, "other")):
        repository.put("apps/web.yaml", text)
        (apps,) = (unit for unit in repository.build().units.values() if unit.name == "apps")
        assert [obj["metadata"]["name"] for obj in apps.objects] == [name]


def test_an_emptied_cache_is_no_loss(repository: Repository) -> None:
    repository.build()
    cluster = repository.build()
    shutil.rmtree(repository.cache)
    assert shown([cluster]) == shown([repository.build()])


def shown(clusters: list[Cluster]) -> list[Any]:
    """Everything about clusters that a user would see, in any order of building."""
    return [[cluster.path, [_unit(unit) for unit in cluster.ordered()]] for cluster in clusters]


def _unit(unit: Unit) -> list[Any]:
    parent = unit.parent.title if unit.parent is not None else ""
    said = [unit.error, unit.skipped, sorted(unit.problems), unit.notes, unit.misshapen, unit.count]
    return [unit.title, parent, *said, unit.objects]


def _result(snapshot: Snapshot, cache: Cache) -> list[Any]:
    try:
        return shown(build(Options(snapshot, cache)))
    except NoCluster as why:
        return [why.message]


class Meddler:
    """Does something to a repository that a person might do."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.kept = {path: path.read_bytes() for path in root.rglob("*.yaml")}

    def step(self) -> str:
        deeds: list[Callable[[Path], str]] = [
            *(self.edit, self.edit, self.remove, self.put_back, self.put_back, self.move, self.list_it, self.ignore),
            *(self.link, self.folder, self.outside, self.touch),
        ]
        files = [path for path in sorted(self.root.rglob("*.yaml")) if ".git" not in path.parts]
        return self.random.choice(deeds)(self.random.choice(files or [self.root / "x.yaml"]))

    def edit(self, path: Path) -> str:
        words = ["web", "settings", "1.0.0", "apps", "./apps", "prune", "replicas", "size", "config"]
        old, new = self.random.sample(words, 2)
        if path.is_file():
            path.write_text(path.read_text().replace(old, new, 1))
        return f"edit {path.name}: {old} → {new}"

    def remove(self, path: Path) -> str:
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            # a commit has no empty folders
            path.parent.rmdir()
        return f"remove {path}"

    def put_back(self, _path: Path) -> str:
        path = self.random.choice(sorted(self.kept))
        if path.is_symlink():
            path.unlink()
        if not path.is_dir() and all(not above.is_file() for above in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.kept[path])
        return f"put back {path}"

    def move(self, path: Path) -> str:
        target = self.root / self.random.choice(["apps", "config", "clusters/prod", "base"]) / path.name
        if path.exists() and target.parent.is_dir() and not target.exists():
            path.rename(target)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        return f"move {path} to {target}"

    def list_it(self, path: Path) -> str:
        other = self.random.choice(["../base", "web.yaml", "./", "sub", "../charts/web/values.yaml", path.name])
        field = self.random.choice(["resources", "components", "crds"])
        (path.parent / "kustomization.yaml").write_text(f"{field}: [{other}, {path.name}]\n")
        return f"{path.parent} lists {other} as {field}"

    def ignore(self, path: Path) -> str:
        lines = self.random.choice(["*.md\n", f"{path.name}\n", "/apps\n", "", "!web.yaml\n"])
        (path.parent / ".sourceignore").write_text(lines)
        return f"ignore {lines!r} in {path.parent}"

    def link(self, path: Path) -> str:
        if path.is_file() and path.name != "link.yaml":
            place = path.parent / "link.yaml"
            place.unlink(missing_ok=True)
            place.symlink_to(self.random.choice([path.name, "../config", "/etc/hostname", "nowhere"]))
        return f"link in {path.parent}"

    def folder(self, path: Path) -> str:
        sub = path.parent / "sub"
        if sub.is_dir():
            shutil.rmtree(sub)
        else:
            write(sub, {"one.yaml": SETTINGS.replace("settings", "one")})
        return f"folder {sub}"

    def outside(self, _path: Path) -> str:
        write(self.root, {"base/kustomization.yaml": "resources: [shared.yaml]\n", "base/shared.yaml": SETTINGS})
        text = self.random.choice(["shared", "again"])
        write(self.root, {"base/shared.yaml": SETTINGS.replace("settings", text)})
        return f"base has {text}"

    def touch(self, path: Path) -> str:
        if path.exists():
            os.utime(path)
        return f"touch {path}"


@pytest.mark.parametrize("seed", range(int(os.environ.get("RECALL_SEEDS", "2"))))
def test_any_change_is_seen(repository: Repository, tmp_path: Path, seed: int) -> None:
    """Warm, on disk and from a commit, is as cold: through 15 changes of a repository, there and back."""
    write(repository.root, CHART)
    start(str(repository.root), "https://git.example.com/fleet", "main")
    meddler = Meddler(repository.root, seed)
    cache = Cache(str(repository.cache))
    done: list[str] = []
    for number in range(15):
        done.append(meddler.step())
        cold = _result(WorkTree(str(repository.root)), Cache(None))
        warm = _result(WorkTree(str(repository.root), cache), cache)
        assert warm == cold, done
        if number % 3 == 0:
            revision = commit(repository.root)
            folder = tmp_path / f"commit-{number}"
            folder.mkdir()
            with LocalRepository(str(repository.root)) as git:
                committed = _result(git.tree(revision, str(folder), cache), cache)
            assert _placeless(committed, folder) == _placeless(cold, repository.root), done


def _placeless(found: list[Any], folder: Path) -> str:
    """Without words about failures: a link that leads out is refused on disk, and left out of what is written."""
    for cluster in found:
        for unit in cluster[1] if isinstance(cluster, list) else []:
            unit[2] = bool(unit[2])
    return repr(found).replace(str(folder.resolve()), "")
