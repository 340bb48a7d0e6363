"""Builds with the official kustomize: overlays of the spec, generated files, bounds, messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyflux.render import guard, kustomize, overlay
from pyflux.render.kustomize import build
from pyflux.render.manifests import read_objects
from pyflux.render.overlay import BuildError


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def config_map(name: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})


def names(text: str) -> list[str]:
    return [obj["metadata"]["name"] for obj in read_objects(text)]


def test_without_a_kustomization_file_manifests_are_scanned_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "z.yaml": config_map("z"),
            "a/b.yml": config_map("b"),
            "sub/kustomization.yaml": "resources: [x.yaml]\nnamePrefix: pre-\n",
            "sub/x.yaml": config_map("x"),
            "sub/not-listed.yaml": config_map("no"),
            "readme.md": "# no manifest",
            "empty.yaml": "# nothing\n",
        },
    )
    assert overlay.scan(str(tmp_path)) == ["a/b.yml", "empty.yaml", "sub", "z.yaml"]
    assert names(build(str(tmp_path), "", {})) == ["b", "pre-x", "z"]
    assert not (tmp_path / "kustomization.yaml").exists()


def test_the_folders_own_file_is_kept_and_extended(tmp_path: Path) -> None:
    text = "resources: [x.yaml, ../base]\nnamePrefix: own-\nunknownField: 1\nimages: [{name: nginx, newTag: '1'}]\n"
    write(
        tmp_path,
        {
            "app/kustomization.yaml": text,
            "app/x.yaml": config_map("x"),
            "base/kustomization.yaml": "resources: [y.yaml]\n",
            "base/y.yaml": config_map("y"),
        },
    )
    spec: dict[str, Any] = {
        "targetNamespace": "team",
        "nameSuffix": "-end",
        "patches": [
            {"patch": "- op: add\n  path: /data/c\n  value: d\n", "target": {"kind": "ConfigMap", "name": "x"}}
        ],
        "images": [{"name": "nginx", "digest": "sha256:1"}, {"name": "redis", "newTag": "7"}],
    }
    objects = read_objects(build(str(tmp_path), "app", spec))
    assert [obj["metadata"] for obj in objects] == [
        {"name": "own-x-end", "namespace": "team"},
        {"name": "own-y-end", "namespace": "team"},
    ]
    assert objects[0]["data"] == {"a": "b", "c": "d"}
    made = overlay.make(str(tmp_path / "app"), spec)
    assert made.content["images"] == [{"name": "nginx", "digest": "sha256:1"}, {"name": "redis", "newTag": "7"}]
    assert (tmp_path / "app" / "kustomization.yaml").read_text() == text


def test_an_empty_folder_builds_to_nothing(tmp_path: Path) -> None:
    assert build(str(tmp_path), "", {}).strip() == ""
    write(tmp_path, {"kustomization.yaml": "resources: []\n"})
    assert build(str(tmp_path), "", {}).strip() == ""


def test_components(tmp_path: Path) -> None:
    kind = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    write(tmp_path, {"a/x.yaml": config_map("x"), "c/kustomization.yaml": f"{kind}namePrefix: c-\n"})
    assert names(build(str(tmp_path), "a", {"components": ["../c"]})) == ["c-x"]
    assert names(build(str(tmp_path), "a", {"components": ["../no"], "ignoreMissingComponents": True})) == ["x"]
    with pytest.raises(BuildError, match=r"component path 'https://example.com/x' must be local and relative"):
        build(str(tmp_path), "a", {"components": ["https://example.com/x"]})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b\n", "missing Resource metadata"),
        ("apiVersion: v1\nkind: ConfigMap\n", "missing metadata.name in object {{v1 ConfigMap} {{ } map[] map[]}}"),
        (
            "apiVersion: v1\n kind: x\n",
            "MalformedYAMLError: yaml: line 2: mapping values are not allowed in this context",
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, text: str, why: str) -> None:
    write(tmp_path, {"bad.yaml": text})
    with pytest.raises(BuildError) as caught:
        build(str(tmp_path), "", {})
    assert caught.value.message == f"failed to decode Kubernetes YAML from {tmp_path}/bad.yaml: {why}"


def test_kustomizes_own_errors_are_passed_on(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": config_map("x"), "b.yaml": config_map("x")})
    with pytest.raises(BuildError, match=r"^kustomize build failed: accumulating resources: .*already registered id"):
        build(str(tmp_path), "", {})


@pytest.mark.parametrize(
    "content",
    [
        "resources: [../outside.yaml]\n",
        "resources: [/etc/hostname]\n",
        "resources: [x.yaml]\nconfigMapGenerator: [{name: c, files: [../outside.yaml]}]\n",
        "resources: [x.yaml]\nconfigMapGenerator: [{name: c, files: ['key=../outside.yaml']}]\n",
        "resources: [x.yaml]\nsecretGenerator: [{name: c, envs: [/etc/hostname]}]\n",
        "resources: [x.yaml]\npatches: [{path: ../outside.yaml}]\n",
        "resources: [x.yaml]\npatchesStrategicMerge: [../outside.yaml]\n",
        "resources: [x.yaml]\nconfigurations: [../outside.yaml]\n",
        "resources: [x.yaml]\ncrds: [../outside.yaml]\n",
        "resources: [x.yaml]\nreplacements: [{path: ../outside.yaml}]\n",
        "resources: [x.yaml]\nopenapi: {path: ../outside.yaml}\n",
        "resources: [x.yaml]\ntransformers: [../outside.yaml]\n",
        "resources: [x.yaml]\ngenerators:\n- |-\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
        "  metadata: {name: g}\n  files: [../outside.yaml]\n",
        "resources: [link.yaml]\n",
        "resources: [base]\n",
    ],
)
def test_nothing_outside_the_root_is_read(tmp_path: Path, content: str) -> None:
    write(tmp_path, {"outside.yaml": config_map("secret")})
    root = write(tmp_path / "root", {"kustomization.yaml": content, "x.yaml": config_map("x")})
    write(root, {"base/kustomization.yaml": "resources: [../../outside.yaml]\n"})
    (root / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(BuildError, match="is not in or below"):
        build(str(root), "", {})


@pytest.mark.parametrize(
    "content",
    [
        "resources: ['https://127.0.0.1:9/x.yaml']\n",
        "resources: ['github.com/owner/name//path?ref=main']\n",
        "resources: ['git@example.com:owner/name']\n",
        "bases: ['file:///tmp/x']\n",
        "components: ['https://example.com/x']\n",
        "resources: [x.yaml]\npatches: [{path: 'http://127.0.0.1:9/p.yaml'}]\n",
        "resources: [x.yaml]\ntransformers: ['https://example.com/x']\n",
    ],
)
def test_nothing_is_fetched(tmp_path: Path, content: str) -> None:
    write(tmp_path, {"kustomization.yaml": content, "x.yaml": config_map("x")})
    with pytest.raises(BuildError, match=r"remote (base|file) '.*' is not allowed"):
        build(str(tmp_path), "", {})


def test_helm_and_plugins_are_off(tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": "helmCharts: [{name: x, repo: 'https://example.com'}]\n"})
    with pytest.raises(BuildError, match="must specify --enable-helm"):
        build(str(tmp_path), "", {})


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"x.yaml": config_map("x" * 100)})
    monkeypatch.setattr(guard, "MAX_FILE", 50)
    with pytest.raises(BuildError, match=r"x\.yaml is \d+ bytes long, at most 50 are read"):
        build(str(tmp_path), "", {})


def test_order_is_the_files_order(tmp_path: Path) -> None:
    namespace = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}})
    write(tmp_path, {"a.yaml": config_map("a"), "b.yaml": namespace})
    assert names(build(str(tmp_path), "", {})) == ["a", "ns"]


def test_the_same_program_installed_again_has_the_same_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name, content in (("one", b"program"), ("again", b"program"), ("other", b"Program"), ("longer", b"program ")):
        (tmp_path / name).write_bytes(content)
        monkeypatch.setattr(kustomize, "kubectl", lambda name=name: str(tmp_path / name))
        found.append(kustomize.identity.__wrapped__())
    assert found[0] == found[1]
    assert len(set(found)) == 3
