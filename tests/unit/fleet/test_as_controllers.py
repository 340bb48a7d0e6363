"""What the controllers do beyond kustomize and Helm; `tests/real/test_render_features.py` shows that they do."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.render.fleet.check import check
from pyflux.render.fleet.model import Unit
from pyflux.verbs.fleet.sources import newest

from .conftest import SYNC, Repository, kustomization

APPS = ("Kustomization", "flux-system", "apps")
RELEASE = ("HelmRelease", "web", "web")
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: web}\ndata: {k: '%s'}\n"


def app(repository: Repository, post_build: str, value: str) -> Unit:
    repository.put("clusters/prod/apps.yaml", kustomization("apps", "./apps", f"  postBuild: {post_build}\n"))
    repository.put("apps/web.yaml", CONFIG % value)
    return repository.build().units[APPS]


def test_an_unset_variable_fails(repository: Repository) -> None:
    unit = app(repository, "{substitute: {a: b}}", "${a}${unset}")
    assert 'variable not set (strict mode): "unset"' in unit.error


def test_an_unset_variable_is_empty_where_the_controller_is_told_so(repository: Repository) -> None:
    repository.put(
        "clusters/prod/controller.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: kustomize-controller, namespace: flux-system}\n"
        "spec: {template: {spec: {containers: [{args: ['--feature-gates=StrictPostBuildSubstitutions=false']}]}}}\n",
    )
    unit = app(repository, "{substitute: {a: b}}", "${a}${unset}")
    assert unit.objects[0]["data"] == {"k": "b"}


def test_an_unset_variable_may_be_in_the_cluster(repository: Repository) -> None:
    unit = app(
        repository,
        "{substitute: {a: b}, substituteFrom: [{kind: Secret, name: absent, optional: true}]}",
        "${a}${unset}",
    )
    assert (unit.error, unit.problems) == ("", [])


@pytest.mark.parametrize(
    ("post_build", "expected"),
    [("{substitute: {}}", "${a:=b}"), ("{substituteStrategy: Always}", "b"), ("{substitute: {c: d}}", "b")],
)
def test_nothing_is_substituted_without_variables(repository: Repository, post_build: str, expected: str) -> None:
    assert app(repository, post_build, "${a:=b}").objects[0]["data"] == {"k": expected}


def test_variables_lose_their_line_breaks(repository: Repository) -> None:
    unit = app(repository, '{substitute: {a: "one\\ntwo\\n"}}', "[${a}]")
    assert unit.objects[0]["data"] == {"k": "[onetwo]"}


def test_what_the_source_ignores_is_not_applied(repository: Repository) -> None:
    repository.put("clusters/prod/flux-system/gotk-sync.yaml", SYNC.replace("spec: {", "spec: {ignore: '*-dev.yaml', "))
    repository.put("apps/x-dev.yaml", CONFIG % "dev")
    assert [obj["kind"] for obj in repository.build().units[APPS].objects] == ["Deployment"]


def test_a_listed_file_that_the_source_ignores_is_missing(repository: Repository) -> None:
    repository.put("apps/.sourceignore", "x-dev.yaml\n")
    repository.put("apps/x-dev.yaml", CONFIG % "dev")
    repository.put("apps/kustomization.yaml", "resources: [web.yaml, x-dev.yaml]\n")
    assert "apps/x-dev.yaml is left out by the source's ignore rules" in repository.build().units[APPS].error


def test_a_source_that_nothing_defines_fails_the_test(repository: Repository) -> None:
    text = kustomization("apps", "./elsewhere").replace("name: flux-system}\n", "name: nowhere}\n")
    repository.put("clusters/prod/apps.yaml", text)
    (case,) = [case for case in check(repository.build_all()) if case.name == "Kustomization/flux-system/apps"]
    assert case.outcome == "failed"
    assert case.reasons == ["its source GitRepository/flux-system/nowhere is not in the repository"]


CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "colour: blue\nsize: 1\n",
    "charts/web/green.yaml": "colour: green\n",
    "charts/web/values.schema.json": '{"properties": {"size": {"type": "integer"}}}',
    "charts/web/crds/x.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata: {name: x.example.com}\n",
    "charts/web/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n"
    'data: {colour: "{{ .Values.colour }}", size: "{{ .Values.size }}", chart: "{{ .Chart.Version }}"}\n',
    "charts/web/templates/hook.yaml": "apiVersion: v1\nkind: ConfigMap\n"
    "metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\ndata: {k: v}\n",
}
LABELS = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "web"}
PATCH = """  postRenderers:
  - kustomize:
      patches:
      - {target: {kind: ConfigMap}, patch: '[{"op": "add", "path": "/data/patched", "value": "yes"}]'}
"""


def release(repository: Repository, chart: str = "", spec: str = "") -> Unit:
    pytest.importorskip("helm_python", reason="the extra helm is not installed")
    for name, text in CHART.items():
        repository.put(name, text)
    repository.put(
        "apps/release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: web}\n"
        "spec:\n  interval: 10m\n  chart:\n    spec:\n      chart: ./charts/web\n"
        f"      sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}\n{chart}{spec}",
    )
    return repository.build().units[RELEASE]


def named(unit: Unit) -> dict[str, Any]:
    assert unit.error == ""
    return {obj["metadata"]["name"]: obj for obj in unit.objects}


def test_hooks_and_crds_are_labelled_and_hooks_post_rendered(repository: Repository) -> None:
    found = named(release(repository, spec=PATCH))
    assert {name: obj["metadata"]["labels"] for name, obj in found.items()} == dict.fromkeys(found, LABELS)
    assert found["hook"]["data"]["patched"] == found["plain"]["data"]["patched"] == "yes"


def test_hooks_are_left_alone_when_asked(repository: Repository) -> None:
    hook = named(release(repository, spec=PATCH + "  postRenderStrategy: nohooks\n"))["hook"]
    assert "labels" not in hook["metadata"]
    assert hook["data"] == {"k": "v"}


def test_hooks_that_are_switched_off(repository: Repository) -> None:
    assert "hook" not in named(release(repository, spec="  install: {disableHooks: true}\n"))


def test_values_files_take_the_place_of_the_values(repository: Repository) -> None:
    found = named(release(repository, chart="      valuesFiles: [charts/web/green.yaml]\n"))
    assert found["plain"]["data"] == {"colour": "green", "size": "", "chart": "1.0.0+1"}


@pytest.mark.parametrize(("lenient", "message"), [("true", ""), ("false", "no values file found at path 'nope.yaml'")])
def test_values_files_that_are_missing(repository: Repository, lenient: str, message: str) -> None:
    chart = f"      valuesFiles: [charts/web/values.yaml, nope.yaml]\n      ignoreMissingValuesFiles: {lenient}\n"
    assert release(repository, chart=chart).error == message


def test_a_schema_that_is_switched_off(repository: Repository) -> None:
    assert "want integer" in release(repository, spec="  values: {size: many}\n").error
    spec = "  values: {size: many}\n  install: {disableSchemaValidation: true}\n"
    assert named(release(repository, spec=spec))["plain"]["data"]["size"] == "many"


def test_the_tag_of_a_range() -> None:
    tags = ["1.0.0", "1.2.0", "1.3.0-rc.1", "2.0.0", "latest"]
    assert newest(tags, "1.x", "") == "1.2.0"
    assert newest(tags, ">=1.0.0-0", "rc") == "1.3.0-rc.1"
