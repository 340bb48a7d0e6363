"""A whole repository renders from a checkout alone."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.render.fleet.discover import NoCluster, same_place

from .conftest import Repository, kustomization

APPS = ("Kustomization", "flux-system", "apps")


def objects(repository: Repository, name: str = "apps") -> list[dict[str, Any]]:
    return repository.build().units["Kustomization", "flux-system", name].objects


def test_nested_kustomizations_and_variables_from_the_repository(repository: Repository) -> None:
    (deployment,) = objects(repository)
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/web:1.0.0"
    assert deployment["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }


def test_a_missing_reference_is_a_problem_and_not_a_failure(repository: Repository) -> None:
    repository.put("config/settings.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")
    unit = repository.build().units[APPS]
    assert unit.error == ""
    assert unit.problems == ["substituteFrom: ConfigMap flux-system/settings is not in the repository"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("apps/web.yaml", "a: [1\n", "apps/web.yaml"),
        ("apps/kustomization.yaml", "resources: [../../outside.yaml]\n", "is not in or below"),
        ("apps/kustomization.yaml", "resources:\n- https://example.com/x.yaml\n", "is not allowed"),
        ("apps/kustomization.yaml", "resources: [nope.yaml]\n", "no such file or directory"),
    ],
)
def test_one_broken_unit_leaves_the_others(repository: Repository, name: str, text: str, message: str) -> None:
    (repository.root.parent / "outside.yaml").write_text("kind: Secret\n")
    repository.put(name, text)
    cluster = repository.build()
    assert message in cluster.units[APPS].error
    assert cluster.units["Kustomization", "flux-system", "config"].objects


def test_a_path_that_is_not_there(repository: Repository) -> None:
    repository.put("clusters/prod/apps.yaml", kustomization("apps", "./nope"))
    assert "kustomization path not found" in repository.build().units[APPS].error


def test_a_symbolic_link_out_of_the_repository(repository: Repository) -> None:
    (repository.root / "apps" / "web.yaml").unlink()
    (repository.root / "apps" / "web.yaml").symlink_to("/etc/passwd")
    repository.put("apps/kustomization.yaml", "resources: [web.yaml]\n")
    assert "is not in or below" in repository.build().units[APPS].error


def test_a_folder_without_bootstrap_can_be_named(repository: Repository) -> None:
    (repository.root / "clusters/prod/flux-system/gotk-sync.yaml").unlink()
    (repository.root / "clusters/prod/flux-system/kustomization.yaml").unlink()
    with pytest.raises(NoCluster) as caught:
        repository.build()
    assert "--path" in caught.value.hint
    assert repository.build("clusters/prod").units[APPS].objects


def test_another_repository_is_skipped_and_named(repository: Repository) -> None:
    text = kustomization("apps", "./elsewhere").replace("name: flux-system}\n", "name: other}\n")
    repository.put("clusters/prod/apps.yaml", text)
    repository.put(
        "clusters/prod/other.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: other, namespace: flux-system}\nspec: {interval: 1m, url: https://git.example.com/x}\n",
    )
    assert repository.build().units[APPS].skipped == "GitRepository/flux-system/other is not this repository"


def test_artifact_generators(repository: Repository) -> None:
    repository.put(
        "clusters/prod/generator.yaml",
        "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\n"
        "metadata: {name: parts, namespace: flux-system}\n"
        "spec:\n  sources: [{alias: repo, kind: GitRepository, name: flux-system}]\n"
        "  artifacts:\n  - name: apps\n    copy:\n"
        "    - {from: '@repo/apps/**', to: '@artifact/made/', exclude: ['*.md']}\n",
    )
    repository.put("apps/README.md", "# no manifest\n")
    text = kustomization("apps", "./made").replace(
        "{kind: GitRepository, name: flux-system}", "{kind: ExternalArtifact, name: apps}"
    )
    repository.put("clusters/prod/apps.yaml", text)
    unit = repository.build().units[APPS]
    assert (unit.error, unit.skipped) == ("", "")
    assert [obj["kind"] for obj in unit.objects] == ["Deployment"]


def test_a_release_from_a_chart_in_the_repository(repository: Repository) -> None:
    pytest.importorskip("helm_python", reason="the extra helm is not installed")
    repository.put("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
    repository.put("charts/web/values.yaml", "greeting: hello\n")
    repository.put(
        "charts/web/templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
        "data: {greeting: {{ .Values.greeting }}}\n",
    )
    repository.put(
        "apps/release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: web}\n"
        "spec:\n  interval: 10m\n  targetNamespace: shop\n  values: {greeting: hi}\n"
        "  chart:\n    spec:\n      chart: ./charts/web\n"
        "      sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}\n",
    )
    unit = repository.build().units["HelmRelease", "web", "web"]
    assert unit.error == ""
    (made,) = unit.objects
    assert made["data"] == {"greeting": "hi"}
    assert made["metadata"]["name"] == "shop-web"
    assert made["metadata"]["namespace"] == "shop"
    assert made["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"] == "web"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ssh://git@github.com/org/fleet", "https://github.com/org/fleet.git", True),
        ("git@github.com:org/fleet.git", "https://github.com/org/fleet", True),
        ("https://github.com/org/fleet", "https://github.com/org/other", False),
        ("", "", False),
    ],
)
def test_the_same_repository_by_another_address(one: str, other: str, same: bool) -> None:
    assert same_place(one, other) is same
