"""Ways in which something old could be taken for what a repository renders to now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.conftest import SETTINGS, Repository, commit, kustomization, write
from fleet.test_recall import CHART, shown
from pyflux.git.local import LocalRepository, start
from pyflux.render import helm, kustomize
from pyflux.render.fleet.build import build
from pyflux.render.fleet.cache import Cache
from pyflux.render.fleet.model import Cluster, Unit
from pyflux.render.fleet.options import Options
from pyflux.render.fleet.snapshot import WorkTree

OTHER = SETTINGS.replace("settings", "other")


def cold(repository: Repository) -> list[Cluster]:
    return build(Options(WorkTree(str(repository.root)), Cache(None)))


def same_as_cold(repository: Repository) -> None:
    assert shown(repository.build_all()) == shown(cold(repository))


def unit_of(clusters: list[Cluster], name: str) -> Unit:
    (found,) = (unit for cluster in clusters for unit in cluster.units.values() if unit.name == name)
    return found


def during(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[..., None]) -> None:
    """Does something at the moment when a function of a module is called, once."""
    real = getattr(module, name)

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        act(*args)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, interrupted)


@pytest.mark.parametrize("when", [(kustomize, "build"), (kustomize.overlay, "make"), (kustomize.guard, "check")])
@pytest.mark.parametrize(
    "change",
    [
        {"apps/more.yaml": OTHER},
        {"apps/kustomization.yaml": "namePrefix: my-\nresources: [web.yaml]\n"},
        {"base/kustomization.yaml": "namePrefix: my-\nresources: [shared.yaml]\n"},
    ],
)
def test_a_change_during_the_build_is_not_remembered(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, when: tuple[Any, str], change: dict[str, str]
) -> None:
    """Once it is undone and once it is there for good."""
    base = {"base/kustomization.yaml": "resources: [shared.yaml]\n", "base/shared.yaml": OTHER}
    write(repository.root, {**base, "config/kustomization.yaml": "resources: [settings.yaml, ../base]\n"})
    before = {name: (repository.root / name).read_text() for name in change if (repository.root / name).exists()}

    unit = "config" if "base/kustomization.yaml" in change else "apps"

    def act(*args: Any) -> None:
        if any(str(arg).endswith(unit) for arg in args[:2]):
            write(repository.root, change)

    with monkeypatch.context() as patch:
        during(patch, *when, act)
        repository.build()
    same_as_cold(repository)
    for name in change:
        (repository.root / name).unlink()
    write(repository.root, before)
    same_as_cold(repository)


def test_a_chart_that_changes_while_it_is_rendered_is_not_remembered(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repository.root, CHART)

    def act(*_args: Any) -> None:
        repository.put(
            "charts/web/templates/config.yaml", CHART["charts/web/templates/config.yaml"].replace("web", "b")
        )

    with monkeypatch.context() as patch:
        real = helm.render

        def late(*args: Any) -> Any:
            found = real(*args)
            act()
            return found

        patch.setattr(helm, "render", late)
        repository.build()
    same_as_cold(repository)


def test_a_kustomization_file_that_is_a_link(repository: Repository) -> None:
    write(repository.root, {"shared/kustomization.yaml": "namePrefix: a-\nresources: [web.yaml]\n"})
    (repository.root / "apps/kustomization.yaml").symlink_to("../shared/kustomization.yaml")
    repository.build()
    write(repository.root, {"shared/kustomization.yaml": "namePrefix: b-\nresources: [web.yaml]\n"})
    same_as_cold(repository)
    assert "symbolic link" in unit_of(repository.build_all(), "apps").error


@pytest.mark.parametrize("folder", ["apps", "base"])
def test_a_second_kustomization_file_is_a_failure_though_the_first_is_as_before(
    repository: Repository, folder: str
) -> None:
    base = {"base/kustomization.yaml": "resources: [shared.yaml]\n", "base/shared.yaml": OTHER}
    write(repository.root, {**base, "apps/kustomization.yaml": "resources: [web.yaml, ../base]\n"})
    assert not unit_of(repository.build_all(), "apps").error
    repository.put(f"{folder}/kustomization.yml", "resources: []\n")
    assert "multiple kustomization files" in unit_of(repository.build_all(), "apps").error.lower()
    same_as_cold(repository)


def test_a_values_file_that_is_missed_only_since_the_chart_says_so(repository: Repository) -> None:
    release = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: web}
spec: {interval: 10m, chartRef: {kind: HelmChart, name: web}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: web, namespace: web}
spec:
  interval: 10m
  chart: ./charts/web
  valuesFiles: [values/none.yaml]
  ignoreMissingValuesFiles: true
  sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
"""
    write(repository.root, {**CHART, "apps/release.yaml": release})
    assert not unit_of(repository.build_all(), "web").error
    repository.put("apps/release.yaml", release.replace("ignoreMissingValuesFiles: true", ""))
    assert "no values file found" in unit_of(repository.build_all(), "web").error
    same_as_cold(repository)


def test_values_files_behind_one_link(repository: Repository, tmp_path: Path) -> None:
    """Each of them is written out for a commit."""
    release = CHART["apps/release.yaml"].replace(
        "[charts/web/values.yaml, values/web.yaml]", "[link/a.yaml, link/b.yaml]"
    )
    assert "link/a" in release
    files = {**CHART, "apps/release.yaml": release, "values/a.yaml": "size: 3\n", "values/b.yaml": "size: 4\n"}
    write(repository.root, files)
    (repository.root / "link").symlink_to("values")
    start(str(repository.root), "https://git.example.com/fleet", "main")
    revision = commit(repository.root)
    folder = tmp_path / "into"
    folder.mkdir()
    with LocalRepository(str(repository.root)) as git:
        committed = build(Options(git.tree(revision, str(folder), Cache(None)), Cache(None)))
        assert shown(committed) == shown(cold(repository))
        assert unit_of(committed, "web").objects[0]["data"] == {"size": "4"}


def test_the_ignore_rules_of_a_bucket_are_its_own(repository: Repository, tmp_path: Path) -> None:
    """A Bucket has no defaults; whichever unit is first, one folder may be the place of sources of both kinds."""
    sources = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: Bucket
metadata: {name: one, namespace: flux-system}
spec: {interval: 1m, bucketName: one, endpoint: s3.example.com}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: two, namespace: flux-system}
spec: {interval: 1m, url: "oci://registry.example.com/two"}
"""
    text = kustomization("one", "./").replace("GitRepository, name: flux-system", "Bucket, name: one")
    again = kustomization("two", "./").replace("GitRepository, name: flux-system", "OCIRepository, name: two")
    write(repository.root, {"clusters/prod/one.yaml": text, "clusters/prod/two.yaml": again})
    repository.put("clusters/prod/sources.yaml", sources)
    write(tmp_path / "made", {"kustomization.yaml": "resources: [cloudbuild.yaml]\n", "cloudbuild.yaml": OTHER})
    local = {
        ("Bucket", "flux-system", "one"): str(tmp_path / "made"),
        ("OCIRepository", "flux-system", "two"): str(tmp_path / "made"),
    }
    clusters = build(Options(WorkTree(str(repository.root)), Cache(None), local=local))
    assert not unit_of(clusters, "one").error
    assert "left out by the source's ignore rules" in unit_of(clusters, "two").error


SHAPES = ["", "[", "{}", "[1]", "1", '{"key": 1}', "[" * 5000]


@pytest.mark.parametrize("text", SHAPES)
def test_what_is_wrong_in_the_cache_is_not_taken_for_a_result(repository: Repository, text: str) -> None:
    write(repository.root, CHART)
    wanted = shown(cold(repository))
    start(str(repository.root), "https://git.example.com/fleet", "main")
    revision = commit(repository.root)

    def committed() -> list[Any]:
        folder = repository.cache.parent / f"into-{len(list(repository.cache.parent.iterdir()))}"
        folder.mkdir()
        with LocalRepository(str(repository.root)) as git:
            cache = Cache(str(repository.cache))
            return shown(build(Options(git.tree(revision, str(folder), cache), cache)))

    repository.build()
    committed()
    entries = [path for path in repository.cache.rglob("*") if path.is_file()]
    assert len(entries) > 8
    for path in entries:
        kept = path.read_text()
        path.write_text(text)
        assert shown(repository.build_all()) == wanted
        assert committed() == wanted
        path.write_text(kept)
    for path in entries:
        path.write_text(text)
    assert shown(repository.build_all()) == wanted


def test_a_folder_in_the_place_of_an_entry(repository: Repository) -> None:
    wanted = shown(repository.build_all())
    entries = [path for path in repository.cache.rglob("*") if path.is_file()]
    for path in entries:
        path.unlink()
        path.mkdir()
    assert shown(repository.build_all()) == wanted
    assert [path for path in repository.cache.rglob("*") if path.is_file()] == []


def test_entries_that_others_remove_meanwhile(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyflux.render.fleet.cache.MAX_ENTRIES", 3)
    repository.build()
    cache = Cache(str(repository.cache))
    cache.put(cache.key("one"), 1)
    (repository.cache / "zz").mkdir()
    (repository.cache / "zz" / "dangling").symlink_to("nowhere")
    cache.trim()
    assert len([path for path in repository.cache.rglob("*") if path.is_file()]) <= 3
