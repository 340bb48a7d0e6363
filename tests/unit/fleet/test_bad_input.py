"""What is wrong in a repository: one clear line each, and everything else is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyflux.render.fleet.check import check
from pyflux.render.fleet.model import Unit
from pyflux.render.shape import misshapen, usable

from .conftest import SYNC, Repository, kustomization

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n"
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


def build(repository: Repository, name: str = "bad", path: str = "") -> Unit:
    """Builds the repository with a Kustomization for a folder; the other units must build."""
    target = repository.root / "clusters/prod/bad.yaml"
    if not target.exists():
        repository.put("clusters/prod/bad.yaml", kustomization(name, path or f"./{name}"))
    units = repository.build().units
    for other in ("flux-system", "config", "apps"):
        assert units["Kustomization", "flux-system", other].error == ""
    assert units["Kustomization", "flux-system", "apps"].objects
    unit = units["Kustomization", "flux-system", name]
    assert "\n" not in unit.error
    return unit


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", "a: [1\n b: }\n", "failed to decode Kubernetes YAML from {root}/bad/a.yaml: MalformedYAMLError"),
        ("a.yaml", "a:\n\tb: 1\n", "found character that cannot start any token"),
        ("a.yaml", "apiVersion: v1\nmetadata: {name: x}\n", "missing kind in object"),
        ("a.yaml", CONFIG.encode() + b"data: {k: 'caf\xe9'}\n", "invalid trailing UTF-8 octet"),
        ("a.yaml", bytes(range(256)), "control characters are not allowed"),
        ("a.yaml", f"{CONFIG}{BOMB}", "bad/a.yaml: yaml: document contains excessive aliasing"),
        ("a.yaml", f"{CONFIG}data: {'[' * 20000}\n", "exceeded max depth"),
        ("a.yaml", f"{CONFIG}data:\n  k: a\n  k: b\n", "(in bad/a.yaml: yaml: unmarshal errors: line 6: key \"k\""),
        ("kustomization.yaml", "resources: [\n", "kustomize build failed: bad/kustomization.yaml: yaml: line 1: "),
        ("kustomization.yaml", b"# \xe9\nresources: [a.yaml]\n", "bad/kustomization.yaml: yaml: invalid"),
        ("kustomization.yaml", f"{BOMB}resources: []\n", "bad/kustomization.yaml: yaml: document contains excessive"),
        ("kustomization.yaml", f"resources: {'[' * 5000}\n", "bad/kustomization.yaml: yaml: exceeded max depth"),
        ("kustomization.yaml", "- a\n- b\n", "kustomization.yaml must hold a mapping, it holds a list"),
        ("kustomization.yaml", "images: 5\n", "kustomization.yaml: images must be a list of mappings"),
        ("kustomization.yaml", "patches: [text]\n", "kustomization.yaml: patches must be a list of mappings"),
        ("kustomization.yaml", "commonLabels: [a]\n", "kustomization.yaml: commonLabels must be a mapping"),
        ("kustomization.yaml", "resources: [nope.yaml]\n", "nope.yaml: no such file or directory"),
        ("kustomization.yaml", "resources: [.]\n", "cycle detected"),
        ("kustomization.yaml", "resources: ['https://example.com/x//y?ref=v1']\n", "remote base"),
        ("kustomization.yaml", "resources: [/etc/hostname]\n", "is not in or below"),
    ],
)  # fmt: skip
def test_a_bad_file(name: str, content: str | bytes, message: str, repository: Repository) -> None:
    path = repository.root / "bad" / name
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    unit = build(repository)
    assert message.format(root=repository.root) in unit.error
    assert unit.objects == []


def test_folders_in_a_circle(repository: Repository) -> None:
    repository.put("bad/kustomization.yaml", "resources: [../other]\n")
    repository.put("other/kustomization.yaml", "resources: [../bad]\n")
    assert "cycle detected" in build(repository).error


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("./nope", "kustomization path not found"),
        ("/etc", "kustomization path not found"),
        ("./../../../../etc", "kustomization path not found"),
        ("./config/settings.yaml", "kustomization path is not a folder: config/settings.yaml"),
    ],
)
def test_a_bad_path(path: str, message: str, repository: Repository) -> None:
    repository.put("clusters/prod/bad.yaml", kustomization("bad", path))
    assert message in build(repository).error


def test_a_path_does_not_lead_out_of_the_repository(repository: Repository) -> None:
    repository.put("kustomization.yaml", "resources: [config/settings.yaml]\n")
    (repository.root.parent / "kustomization.yaml").write_text("resources: [secret.yaml]\n")
    repository.put("clusters/prod/bad.yaml", kustomization("bad", ".."))
    unit = build(repository)
    # as in the cluster, where it is the repository's own folder
    assert [obj["metadata"]["name"] for obj in unit.objects] == ["settings"]


def test_a_file_of_100_megabytes(repository: Repository) -> None:
    repository.put("bad/a.yaml", CONFIG)
    os.truncate(repository.root / "bad/a.yaml", 100 << 20)
    assert build(repository).error == "bad/a.yaml is 104857600 bytes long, at most 52428800 are read"


def links(repository: Repository, **found: str) -> None:
    repository.put("bad/a.yaml", CONFIG)
    for name, target in found.items():
        (repository.root / "bad" / name).symlink_to(target)


def test_links_are_not_seen_in_a_folder_without_a_kustomization_file(repository: Repository) -> None:
    links(
        repository, **{"out.yaml": "/etc/hostname", "no.yaml": "nothing", "in.yaml": "../apps/web.yaml", "etc": "/etc"}
    )
    (repository.root / "bad/loop").symlink_to("loop")
    (repository.root / "bad/self").symlink_to("../bad")
    assert [obj["metadata"]["name"] for obj in build(repository).objects] == ["a"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("out.yaml", "is not in or below"),
        ("no.yaml", "bad/no.yaml is a symbolic link to nothing"),
        ("in.yaml", "bad/in.yaml is reached over a symbolic link, and a source's artifact holds none"),
        ("folder/web.yaml", "bad/folder/web.yaml is reached over a symbolic link"),
    ],
)
def test_a_link_that_a_kustomization_file_names(entry: str, message: str, repository: Repository) -> None:
    links(repository, **{"out.yaml": "/etc/hostname", "no.yaml": "nothing", "in.yaml": "a.yaml", "folder": "../apps"})
    repository.put("bad/kustomization.yaml", f"resources: [{entry}]\n")
    assert message in build(repository).error


def test_a_folder_that_is_a_link(repository: Repository) -> None:
    (repository.root / "bad").symlink_to("/etc")
    assert "is not in or below" in build(repository).error


def test_a_folder_called_like_a_file(repository: Repository) -> None:
    repository.put("bad/foo.yaml/b.yaml", CONFIG)
    (repository.root / "bad/kustomization.yaml").mkdir()
    assert [obj["metadata"]["name"] for obj in build(repository).objects] == ["a"]


def test_windows_line_ends(repository: Repository) -> None:
    (repository.root / "bad").mkdir()
    text = f"{CONFIG}data:\n  k: |\n    one\n    two\n".replace("\n", "\r\n")
    (repository.root / "bad/a.yaml").write_bytes(text.encode())
    (repository.root / "bad/kustomization.yaml").write_bytes(b"resources:\r\n- a.yaml\r\n")
    assert [obj["data"]["k"].split() for obj in build(repository).objects] == [["one", "two"]]


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n---\n"])
def test_an_empty_file(content: str, repository: Repository) -> None:
    repository.put("bad/a.yaml", content)
    unit = build(repository)
    assert (unit.error, unit.objects) == ("", [])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("text", 'spec: Invalid value: "string": spec in body must be of type object: "string"'),
        ("{path: 5}", 'spec.path: Invalid value: "integer": spec.path in body must be of type string: "integer"'),
        ("{sourceRef: text}", "spec.sourceRef in body must be of type object"),
        ("{patches: {a: b}}", "spec.patches in body must be of type array"),
        ("{patches: [text]}", "spec.patches[0] in body must be of type object"),
        ("{postBuild: {substitute: {a: [b]}}}", "spec.postBuild.substitute.a in body must be of type string"),
        ("{prune: 'yes'}", "spec.prune in body must be of type boolean"),
        ("{dependsOn: [null]}", 'spec.dependsOn[0] in body must be of type object: "null"'),
        ("{dependsOn: text}", "spec.dependsOn in body must be of type array"),
    ],
)
def test_a_kustomization_of_another_shape(spec: str, message: str, repository: Repository) -> None:
    head = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
    repository.put("clusters/prod/bad.yaml", f"{head}metadata: {{name: bad, namespace: flux-system}}\nspec: {spec}\n")
    assert message in build(repository).error
    assert check(repository.build_all())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("text", "spec in body must be of type object"),
        ("{chart: text}", "spec.chart in body must be of type object"),
        ("{chart: {spec: {chart: x, sourceRef: [a]}}}", "spec.chart.spec.sourceRef in body must be of type object"),
        ("{valuesFrom: {a: b}}", "spec.valuesFrom in body must be of type array"),
        ("{values: text}", "spec.values is not a mapping"),
        ("{install: 7}", "spec.install in body must be of type object"),
    ],
)
def test_a_release_of_another_shape(spec: str, message: str, repository: Repository) -> None:
    if "values" in spec:
        repository.put("chart/Chart.yaml", "apiVersion: v2\nname: x\nversion: 0.1.0\n")
        source = "{kind: GitRepository, name: flux-system}"
        spec = f"{spec.removesuffix('}')}, chart: {{spec: {{chart: ./chart, sourceRef: {source}}}}}}}"
    head = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
    repository.put("bad/hr.yaml", f"{head}metadata: {{name: r, namespace: flux-system}}\nspec: {spec}\n")
    build(repository)
    assert message in repository.build().units["HelmRelease", "flux-system", "r"].error


def test_a_source_or_settings_of_another_shape(repository: Repository) -> None:
    head = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
    head += "metadata: {name: other, namespace: flux-system}\n"
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd, namespace: flux-system}\ndata: text\n"
    repository.put("config/odd.yaml", f"{head}spec: text\n---\n{config}")
    extra = "  postBuild: {substituteFrom: [{kind: ConfigMap, name: odd}]}\n"
    text = kustomization("bad", "./elsewhere", extra).replace("name: flux-system}\n  post", "name: other}\n  post")
    repository.put("clusters/prod/bad.yaml", text)
    unit = build(repository)
    assert unit.skipped == "GitRepository/flux-system/other is not this repository"


def test_other_versions_and_unknown_fields_are_no_matter_of_shape() -> None:
    head = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1beta2", "kind": "Kustomization", "metadata": {"name": "x"}}
    assert misshapen({**head, "spec": {"bogus": 1, "path": None, "interval": "1h"}}) == ""
    assert misshapen({**head, "spec": {"path": True}}) != ""
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}
    assert usable(plain) is plain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "clusters/other/flux-system/gotk-sync.yaml cannot be read: yaml: line 1"),
        (b"caf\xe9: 1\n", "clusters/other/flux-system/gotk-sync.yaml cannot be read: yaml: invalid"),
        (SYNC.partition("---")[2].replace("spec:", "spec: text #").encode(), "gotk-sync.yaml cannot be read: yaml: "),
    ],
)
def test_a_cluster_that_cannot_be_read_leaves_the_others(content: bytes, message: str, repository: Repository) -> None:
    path: Path = repository.root / "clusters/other/flux-system/gotk-sync.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    other, good = repository.build_all()
    assert [message in unit.error for unit in other.units.values()] == [True]
    assert len(good.units) == 3
    assert not any(unit.error for unit in good.units.values())
