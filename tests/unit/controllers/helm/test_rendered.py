"""The chart that holds what another one rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflux.controllers.helm import rendered
from pyflux.ui.yamlin import load

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\ndata:\n  a: '{{{{ b }}}}'\n"
HOOK = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {0}\n  annotations:\n    helm.sh/hook: {0}\n"
MANIFESTS = {
    "app/templates/one.yaml": MAP.format("one"),
    "app/charts/sub/templates/two.yaml": f"# nothing\n---\n{MAP.format('two')}---\n{MAP.format('three')}",
    "app/templates/hook.yaml": HOOK.format("pre-install"),
    "app/templates/test.yaml": HOOK.format("test"),
    "app/templates/NOTES.txt": "Hello {{ you }}",
    "app/charts/sub/templates/NOTES.txt": "not shown",
    "app/templates/empty.yaml": "\n",
}


def test_templates_print_what_was_rendered() -> None:
    files, objects = rendered.templates(MANIFESTS, rendered.Changes())
    assert sorted(files) == [
        "templates/NOTES.txt",
        "templates/charts/sub/templates/two.yaml",
        "templates/hook.yaml",
        "templates/one.yaml",
        "templates/test.yaml",
    ]
    assert files["templates/NOTES.txt"] == 'Hello {{ "{{" }} you }}'
    assert '{{ "{{" }} b }}' in files["templates/one.yaml"]
    assert [obj["metadata"]["name"] for obj in objects] == ["two", "three", "one"]


def test_labels_annotations_and_namespace() -> None:
    changes = rendered.Changes(
        labels={"origin": "x"},
        common_labels={"origin": "y", "team": "t"},
        common_annotations={"n": "1"},
        namespace="there",
    )
    files, objects = rendered.templates(MANIFESTS, changes)
    assert all(obj["metadata"]["labels"] == {"origin": "x", "team": "t"} for obj in objects)
    assert all(obj["metadata"]["annotations"] == {"n": "1"} for obj in objects)
    assert all(obj["metadata"]["namespace"] == "there" for obj in objects)
    assert load(files["templates/hook.yaml"])["metadata"]["labels"] == {"origin": "x", "team": "t"}


def test_hooks_may_be_spared_or_left_out() -> None:
    files, _ = rendered.templates(MANIFESTS, rendered.Changes(labels={"a": "b"}, hooks_too=False))
    assert "labels" not in load(files["templates/hook.yaml"])["metadata"]
    files, _ = rendered.templates(MANIFESTS, rendered.Changes(without_hooks=True))
    assert "templates/hook.yaml" not in files
    assert "templates/test.yaml" in files


def test_post_renderers_patch_and_keep_the_files() -> None:
    patch = {"patch": "- {op: replace, path: /data/a, value: new}", "target": {"name": "two"}}
    changes = rendered.Changes(post_renderers=[{"kustomize": {"patches": [patch]}}])
    files, objects = rendered.templates(MANIFESTS, changes)
    assert {obj["metadata"]["name"]: obj["data"]["a"] for obj in objects} == {
        "one": "{{ b }}",
        "two": "new",
        "three": "{{ b }}",
    }
    assert all("annotations" not in obj["metadata"] for obj in objects)
    assert "templates/charts/sub/templates/two.yaml" in files


def test_hooks_may_be_post_rendered_apart() -> None:
    hook = MAP.format("app").replace("  name: app", "  name: app\n  annotations: {helm.sh/hook: pre-install}")
    twins = {"app/templates/b.yaml": f"{MAP.format('app')}---\n{hook}"}
    patch = {"patch": '[{"op": "add", "path": "/data/c", "value": "d"}]', "target": {"kind": "ConfigMap"}}
    renderers = [{"kustomize": {"patches": [patch]}}]
    with pytest.raises(rendered.RenderFailed, match="may not add resource with an already registered id"):
        rendered.templates(twins, rendered.Changes(post_renderers=renderers))
    files, objects = rendered.templates(twins, rendered.Changes(post_renderers=renderers, hooks_apart=True))
    assert [obj["data"]["c"] for obj in objects] == ["d"]
    assert files["templates/b.yaml"].count("c: d") == 2


@pytest.mark.parametrize("text", ["a: [", "- a\n"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(rendered.RenderFailed, match=r"YAML parse error on app/templates/bad\.yaml"):
        rendered.templates({"app/templates/bad.yaml": text}, rendered.Changes())


def test_write(tmp_path: Path) -> None:
    root = rendered.write(str(tmp_path), {"name": "app", "version": "1.0.0"}, {"a": 1}, {"templates/x.yaml": "b"})
    assert load((Path(root) / "Chart.yaml").read_text()) == {"name": "app", "version": "1.0.0"}
    assert (Path(root) / "values.yaml").read_text() == "a: 1\n"
    with pytest.raises(rendered.RenderFailed):
        rendered.write(str(tmp_path), {"name": "app"}, {}, {"templates/../../x": "b"})


def test_subcharts_leave_a_shell() -> None:
    found = rendered.shells([{"name": "sub", "version": "1.0.0", "dependencies": [{"name": "x"}]}])
    assert {path: load(text) for path, text in found.items()} == {
        "charts/sub-0/Chart.yaml": {"name": "sub", "version": "1.0.0"}
    }
