"""The repository commands as a user runs them: output, exit codes, one clear line for each bad input."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pyflux.cli.main import run
from pyflux.env import Env
from pyflux.git import local
from tests.unit.fleet.conftest import FILES, kustomization, write

PERSON = "A Person <person@example.com>"
Pyflux = Callable[..., tuple[int, str, str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A Git checkout of a small fleet with one commit."""
    folder = tmp_path / "fleet"
    local.start(str(folder), "ssh://git@git.example.com/org/fleet", "main")
    write(folder, FILES)
    local.commit_all(str(folder), "Begin", PERSON)
    return folder


@pytest.fixture
def pyflux(tmp_path: Path, checkout: Path) -> Pyflux:
    def call(*argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environ = {"HOME": str(tmp_path), "PYFLUX_CACHE": str(tmp_path / "cache"), "KUBECONFIG": "/nonexistent"}
        env = Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ)
        code = run([*argv, "--path", str(checkout)], env)
        return code, out.getvalue(), err.getvalue()

    return call


def change(checkout: Path, name: str, old: str, new: str) -> None:
    text = (checkout / name).read_text()
    assert old in text
    (checkout / name).write_text(text.replace(old, new))


def test_build_all(pyflux: Pyflux) -> None:
    code, out, err = pyflux("build", "all")
    assert (code, err) == (0, "")
    assert "# Kustomization/flux-system/apps\napiVersion: apps/v1\nkind: Deployment\n" in out
    assert "image: registry.example.com/web:1.0.0\n" in out


def test_get_without_a_cluster(pyflux: Pyflux) -> None:
    code, out, _ = pyflux("get", "ks")
    assert code == 0
    assert [line.split("\t")[1].strip() for line in out.splitlines()] == ["NAME", "apps", "config", "flux-system"]


def test_a_diff_of_the_work_tree(pyflux: Pyflux, checkout: Path) -> None:
    assert pyflux("diff", "all") == (0, "", "")
    change(checkout, "config/settings.yaml", "1.0.0", "2.0.0")
    code, out, _ = pyflux("diff", "all")
    assert code == 1
    assert "+      - image: registry.example.com/web:2.0.0\n" in out
    assert "clusters/prod: 2 changed\n" in out


def test_a_diff_between_revisions_as_json(pyflux: Pyflux, checkout: Path) -> None:
    (checkout / "apps/web.yaml").unlink()
    change(checkout, "clusters/prod/apps.yaml", "./apps", "./config")
    local.commit_all(str(checkout), "Remove the app", PERSON)
    code, out, _ = pyflux("diff", "all", "--from", "HEAD~1", "--to", "HEAD", "-o", "json")
    assert code == 1
    (found,) = json.loads(out)
    actions = {(entry["kind"], entry["name"]): entry["action"] for entry in found["changes"]}
    assert actions["Deployment", "web"] == "removed"
    assert found["images"] == [
        {"object": "Deployment/web/web web", "from": "registry.example.com/web:1.0.0", "to": ""},
    ]


@pytest.mark.parametrize("text", ["resources: [nope.yaml]\n", "resources: [\n", "patches: [{path: web.yaml}]\n"])
def test_a_revision_that_does_not_build_is_told_by_paths_of_the_repository(
    pyflux: Pyflux, checkout: Path, text: str
) -> None:
    (checkout / "apps/kustomization.yaml").write_text(text)
    local.commit_all(str(checkout), "Break", PERSON)
    (checkout / "apps/kustomization.yaml").unlink()
    code, _, err = pyflux("diff", "all", "--from", "HEAD")
    assert code == 2
    assert "Kustomization/flux-system/apps does not build before: " in err
    assert "/tmp/" not in err
    assert len(err.splitlines()) == 1


def test_fail_on_ends_with_2_and_names_the_rule(pyflux: Pyflux, checkout: Path) -> None:
    change(checkout, "apps/web.yaml", "{matchLabels: {app: web}}", "{matchLabels: {app: other}}")
    code, _, err = pyflux("diff", "all", "--fail-on", "immutable")
    assert code == 2
    assert "✗ immutable: Deployment/web/web: spec.selector cannot be changed" in err
    assert pyflux("diff", "all", "--fail-on", "data-loss")[0] == 1
    assert "--fail-on knows any, data-loss" in pyflux("diff", "all", "--fail-on", "nope")[2]


def test_test_passes_and_writes_junit(pyflux: Pyflux, tmp_path: Path) -> None:
    code, out, _ = pyflux("test", "--junit", str(tmp_path / "report.xml"))
    assert code == 0
    assert " 3 passed in " in out
    assert ElementTree.parse(tmp_path / "report.xml").getroot()[0].get("tests") == "3"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("tree", "└── Kustomization/flux-system/flux-system ("),
        ("dot", 'label="Kustomization/flux-system/apps"'),
        ("mermaid", "-.->|depends on|"),
        ("html", "<title>Kustomization/flux-system/apps "),
    ],
)
def test_graphs(pyflux: Pyflux, form: str, text: str) -> None:
    code, out, err = pyflux("graph", "-o", form)
    assert (code, err) == (0, "")
    assert text in out


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("apps/web.yaml", "a: [1\n", "web.yaml"),
        ("apps/web.yaml", bomb(), ""),
        ("clusters/prod/apps.yaml", kustomization("apps", "./nope"), "kustomization path not found"),
        ("apps/kustomization.yaml", "resources: [.]\n", ""),
        ("apps/kustomization.yaml", "resources: [../../..]\n", "is not in or below"),
    ],
)
def test_bad_input_is_one_line_and_the_rest_is_built(
    pyflux: Pyflux, checkout: Path, name: str, text: str, message: str
) -> None:
    write(checkout, {name: text})
    code, out, err = pyflux("build", "all")
    assert code == 1
    assert "name: settings" in out
    (line,) = err.splitlines()
    assert line.startswith("✗ Kustomization/flux-system/apps: ")
    assert message in line


def test_a_huge_file_is_refused_unread(pyflux: Pyflux, checkout: Path) -> None:
    with (checkout / "apps/huge.yaml").open("wb") as file:
        file.truncate(100 << 20)
    write(checkout, {"apps/kustomization.yaml": "resources: [huge.yaml]\n"})
    code, _, err = pyflux("build", "all")
    assert code == 1
    assert "apps/huge.yaml is 104857600 bytes long" in err


def test_a_chart_that_does_not_render_and_values_that_do_not_parse(pyflux: Pyflux, checkout: Path) -> None:
    pytest.importorskip("helm_python", reason="the extra helm is not installed")
    release = (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: web}}\n"
        "spec:\n  interval: 10m\n  chart:\n    spec:\n      chart: ./charts/web\n"
        "      sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}\n{more}"
    )
    write(
        checkout,
        {
            "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "charts/web/templates/x.yaml": '{{ fail "no greeting" }}\n',
            "apps/one.yaml": release.format(name="one", more=""),
            "apps/two.yaml": release.format(name="two", more="  valuesFrom: [{kind: ConfigMap, name: bad}]\n"),
            "apps/values.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: web}\n"
            "data: {values.yaml: 'a: [1'}\n",
        },
    )
    code, _, err = pyflux("build", "all")
    assert code == 1
    one, two = err.splitlines()
    assert one.startswith("✗ HelmRelease/web/one: ")
    assert "no greeting" in one
    assert two.startswith("✗ HelmRelease/web/two: could not resolve ConfigMap chart values reference 'web/bad'")
