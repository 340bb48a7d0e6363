"""Charts of a checkout are packed as source-controller packs them."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pyflux.render.fleet.build import build
from pyflux.render.fleet.cache import Cache
from pyflux.render.fleet.model import Unavailable, Unit
from pyflux.render.fleet.options import Options, Place
from pyflux.render.fleet.snapshot import WorkTree

from .conftest import Repository

pytest.importorskip("helm_python", reason="the extra helm is not installed")

TEMPLATE = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {k: {{ .Files.Get "file.txt" | quote }}}\n'
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: flux-system}
spec: {interval: 1h, chart: {spec: {chart: %s, sourceRef: {kind: GitRepository, name: flux-system}}}}
"""


def chart(repository: Repository, name: str, more: str = "") -> Path:
    """A chart in `charts/`, whose ConfigMap shows its `file.txt`."""
    repository.put(f"charts/{name}/Chart.yaml", f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n{more}")
    repository.put(f"charts/{name}/templates/config.yaml", TEMPLATE % name)
    return repository.root / "charts" / name


def release(repository: Repository, path: str = "./charts/web", place: Place | None = None) -> Unit:
    repository.put("apps/web.yaml", RELEASE % path)
    (cluster,) = build(Options(WorkTree(str(repository.root)), Cache(None), place=place))
    return cluster.units["HelmRelease", "flux-system", "web"]


def shown(unit: Unit) -> dict[str, Any]:
    assert (unit.error, unit.skipped) == ("", "")
    return {obj["metadata"]["name"]: obj["data"]["k"] for obj in unit.objects}


def test_a_link_in_a_chart_shows_nothing(repository: Repository) -> None:
    (repository.root.parent / "secret.txt").write_text("hunter2")
    (chart(repository, "web") / "file.txt").symlink_to("../../../secret.txt")
    assert shown(release(repository)) == {"web": ""}


def test_a_file_that_the_source_leaves_out_is_not_in_the_chart(repository: Repository) -> None:
    chart(repository, "web")
    repository.put("charts/web/file.txt", "draft")
    assert shown(release(repository)) == {"web": "draft"}
    repository.put(".sourceignore", "file.txt\n")
    assert shown(release(repository)) == {"web": ""}


@pytest.mark.parametrize("how", ["link", "rule"])
def test_a_chart_that_the_artifact_does_not_hold(how: str, repository: Repository) -> None:
    chart(repository, "web")
    if how == "rule":
        repository.put(".sourceignore", "/charts/\n")
        unit = release(repository)
    else:
        (repository.root / "charts/linked").symlink_to("web")
        unit = release(repository, "./charts/linked")
    assert "is not in the source's artifact: an ignore rule or a symbolic link leaves it out" in unit.error


def test_a_dependency_from_a_folder(repository: Repository) -> None:
    dependency = '- {name: part, version: ">=0.1.0", repository: "file://../part"}\n'
    chart(repository, "web", f"dependencies:\n{dependency}")
    chart(repository, "part")
    repository.put("charts/part/file.txt", "part's")
    repository.put("charts/web/file.txt", "web's")
    assert shown(release(repository)) == {"web": "web's", "part": "part's"}
    # one that is packed in the chart comes first
    folder = repository.root / "charts/web/charts/part"
    folder.mkdir(parents=True)
    for name in ("Chart.yaml", "templates/config.yaml"):
        repository.put(f"charts/web/charts/part/{name}", (repository.root / "charts/part" / name).read_text())
    assert shown(release(repository)) == {"web": "web's", "part": ""}


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        (
            'version: 0.1.0, repository: "file://../nope"',
            "no chart found at 'charts/nope' (reference 'file://../nope')",
        ),
        ('version: 0.1.0, repository: "file://../../../part"', "no chart found at '../part'"),
        ('version: 0.1.0, repository: "file:///etc"', "no chart found at '/etc'"),
        ('version: ^2.0.0, repository: "file://../part"', "can't get a valid version for constraint '^2.0.0'"),
        ('version: x.y, repository: "file://../part"', "invalid version/constraint format 'x.y'"),
        ("version: 0.1.0", "it names no repository and is not among the chart's own charts"),
    ],
)
def test_a_dependency_that_is_not_there(dependency: str, message: str, repository: Repository) -> None:
    chart(repository, "web", f"dependencies: [{{name: part, {dependency}}}]\n")
    chart(repository, "part")
    assert f"failed to add dependency 'part': {message}" in release(repository).error


def test_a_dependency_from_a_repository(repository: Repository, tmp_path: Path) -> None:
    chart(repository, "web", "dependencies: [{name: part, version: 0.1.0, repository: 'https://charts.example.com'}]\n")
    chart(repository, "part")
    archive = tmp_path / "part.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(repository.root / "charts/part", "part")
    asked = []

    def fetch(place: str, name: str, version: str) -> str:
        asked.append((place, name, version))
        return str(archive)

    assert set(shown(release(repository, place=Place(dependency=fetch)))) == {"web", "part"}
    assert asked == [("https://charts.example.com", "part", "0.1.0")]

    def offline(place: str, name: str, version: str) -> str:
        raise Unavailable("chart part comes from elsewhere, and --offline is set")

    unit = release(repository, place=Place(dependency=offline))
    assert (unit.error, unit.skipped) == ("", "chart part comes from elsewhere, and --offline is set")


@pytest.mark.parametrize("metadata", ["text", "[a]", "{name: a, labels: text}", "{name: a, annotations: [x]}"])
def test_a_template_with_odd_metadata_is_told(metadata: str, repository: Repository) -> None:
    chart(repository, "web")
    repository.put("charts/web/templates/odd.yaml", f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n")
    assert "odd.yaml renders to an object whose metadata are no mappings" in release(repository).error


def test_a_chart_made_by_a_generator(repository: Repository) -> None:
    chart(repository, "web")
    repository.put("charts/web/file.txt", "made")
    repository.put(
        "clusters/prod/generator.yaml",
        "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\n"
        "metadata: {name: charts, namespace: flux-system}\n"
        "spec:\n  sources: [{alias: repo, kind: GitRepository, name: flux-system}]\n"
        "  artifacts: [{name: web-chart, copy: [{from: '@repo/charts/web/**', to: '@artifact/'}]}]\n",
    )
    text = RELEASE.partition("spec:")[0] + "spec: {interval: 1h, chartRef: {kind: ExternalArtifact, name: web-chart}}\n"
    repository.put("apps/web.yaml", text)
    (cluster,) = build(Options(WorkTree(str(repository.root)), Cache(None)))
    assert shown(cluster.units["HelmRelease", "flux-system", "web"]) == {"web": "made"}


def test_the_chart_in_the_checkout_stays_as_it_is(repository: Repository) -> None:
    chart(repository, "web", "dependencies: [{name: part, version: 0.1.0, repository: 'file://../part'}]\n")
    chart(repository, "part")
    before = sorted(os.listdir(repository.root / "charts/web"))
    release(repository)
    assert sorted(os.listdir(repository.root / "charts/web")) == before
