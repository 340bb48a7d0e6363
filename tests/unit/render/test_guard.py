"""What a kustomization may reach, in all the ways in which kustomize would read its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflux.render import guard
from pyflux.render.overlay import BuildError
from pyflux.ui.yamlin import load

OUT = "../../secret.yaml"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
PATCHES = "{apiVersion: builtin, kind: PatchTransformer, metadata: {name: x}, %s, target: {kind: ConfigMap}}"
BASES = {
    "in any case": f"Resources: [{OUT}]\n".encode(),
    "with letters that fold to others": f"re\u017fources: [{OUT}]\n".encode(),
    "UTF-16": f"resources: [{OUT}]\n".encode("utf-16"),
    "generator in any case": f"ConfigMapgenerator: [{{name: a, Files: [{OUT}]}}]\n".encode(),
    "patch in any case": f"resources: [a.yaml]\npatches: [{{PATH: {OUT}}}]\n".encode(),
    "schema in any case": f"openAPI: {{Path: {OUT}}}\n".encode(),
    "plugin in one line": f"transformers: ['{PATCHES % f'path: {OUT}'}']\n".encode(),
    "plugin in any case": f"transformers: ['{PATCHES % f'Path: {OUT}'}']\n".encode(),
    "plugin with an equals sign": f"transformers: ['{PATCHES % 'path: ../../a=secret.yaml'}']\n".encode(),
    "plugin in a file": b"transformers: [plugin.yaml]\n",
    "plugin in a file in UTF-16": b"transformers: [plugin-16.yaml]\n",
    "plugin in a folder": b"transformers: [plugins]\n",
    "plugin in a folder with a patch": b"transformers: [patched]\n",
    "plugin in a folder that is a resource too": b"resources: [plugins]\ntransformers: [plugins]\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for folder in ("base/plugins", "base/patched", "apps"):
        (root / folder).mkdir(parents=True)
    for name in ("secret.yaml", "a=secret.yaml"):
        (tmp_path / name).write_text(CONFIG)
    plugin = PATCHES % f"path: {OUT}"
    (root / "base/a.yaml").write_text(CONFIG)
    (root / "base/plugin.yaml").write_text(plugin)
    (root / "base/plugin-16.yaml").write_bytes(plugin.encode("utf-16"))
    (root / "base/plugins/kustomization.yaml").write_text("resources: [one.yaml]\n")
    (root / "base/plugins/one.yaml").write_text(plugin)
    patch = f"[{{op: replace, path: /path, value: {OUT}}}]"
    (root / "base/patched/kustomization.yaml").write_text(
        f'resources: [one.yaml]\npatches: [{{target: {{}}, patch: "{patch}"}}, {{path: patch.yaml}}]\n'
    )
    (root / "base/patched/one.yaml").write_text(PATCHES % "path: a.yaml")
    (root / "base/patched/patch.yaml").write_text(patch)
    return root


def check(root: Path, text: bytes) -> guard.Reach:
    (root / "base/kustomization.yaml").write_bytes(text)
    return guard.check(str(root), str(root / "apps"), {"resources": ["../base"]})


@pytest.mark.parametrize("text", BASES.values(), ids=BASES)
def test_nothing_outside_is_reached(root: Path, text: bytes) -> None:
    with pytest.raises(BuildError, match="is not in or below"):
        check(root, text)


@pytest.mark.parametrize("text", BASES.values(), ids=BASES)
def test_nothing_outside_is_reached_from_the_kustomization_itself(root: Path, text: bytes) -> None:
    with pytest.raises(BuildError, match="is not in or below"):
        guard.check(str(root), str(root / "base"), load(text))


def test_a_field_that_is_there_in_two_ways(root: Path) -> None:
    with pytest.raises(BuildError, match="resources is there twice"):
        check(root, b"resources: [a.yaml]\nResources: [a.yaml]\n")


def test_what_cannot_be_read_is_not_left_to_kustomize(root: Path) -> None:
    with pytest.raises(BuildError, match=r"base/kustomization\.yaml: "):
        check(root, b"resources: [a.yaml\n")


def test_plugins_of_a_folder_are_read(root: Path) -> None:
    (root / "base/patch.yaml").write_text(CONFIG)
    (root / "base/plugins/one.yaml").write_text(PATCHES % "path: patch.yaml")
    reach = check(root, b"resources: [a.yaml]\ntransformers: [plugins]\n")
    names = {str(Path(path).relative_to(root / "base")) for path in reach.files}
    assert names == {"kustomization.yaml", "a.yaml", "plugins/kustomization.yaml", "plugins/one.yaml", "patch.yaml"}


def test_plugins_in_a_circle(root: Path) -> None:
    (root / "base/plugins/kustomization.yaml").write_text("transformers: [../patched]\n")
    (root / "base/patched/kustomization.yaml").write_text("transformers: [../plugins]\n")
    reach = check(root, b"resources: [a.yaml]\ntransformers: [plugins]\n")
    assert str(root / "base/patched") in reach.folders


def test_every_kustomization_file_of_a_folder_is_read(root: Path) -> None:
    (root / "apps/Kustomization").write_text("")
    reach = check(root, b"resources: [a.yaml]\n")
    assert str(root / "apps/Kustomization") in reach.files
