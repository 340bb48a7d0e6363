from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from pyflux.env import Env
from pyflux.errors import PyfluxError
from pyflux.verbs.migrate.files import find_upgrades, migrate_files, upgrade_text, versions_of

MANIFEST = """\
apiVersion: image.toolkit.fluxcd.io/v1beta1
kind: ImageRepository
---
spec:
  - apiVersion: image.toolkit.fluxcd.io/v1beta2 # from v1beta2
    kind: ImagePolicy # a comment
---
apiVersion: image.toolkit.fluxcd.io/v1/v2
kind: ImagePolicy
---
apiVersion: source.toolkit.fluxcd.io/v1beta2

kind: GitRepository
---
apiVersion: apps/v1beta1
kind: Deployment
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
---
apiVersion: source.toolkit.fluxcd.io/v1beta2"""


@pytest.fixture
def env() -> Env:
    return Env(stdout=io.StringIO(), stderr=io.StringIO(), stdin=io.StringIO())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def messages(env: Env) -> list[str]:
    assert isinstance(env.stderr, io.StringIO)
    return env.stderr.getvalue().splitlines()


def migrate(env: Env, path: str, *, dry_run: bool = False, yes: bool = True) -> None:
    migrate_files(env, path, [".yaml", ".yml"], versions_of(""), dry_run=dry_run, yes=yes)


def test_finds_and_changes_only_the_versions(env: Env):
    found = find_upgrades(env, "a.yaml", MANIFEST, versions_of(""))
    assert [(upgrade.line, upgrade.kind, upgrade.old, upgrade.new) for upgrade in found] == [
        (0, "ImageRepository", "v1beta1", "v1"),
        (4, "ImagePolicy", "v1beta2", "v1"),
    ]
    expected = MANIFEST.replace("io/v1beta1\nkind: ImageR", "io/v1\nkind: ImageR").replace(
        "io/v1beta2 # from", "io/v1 # from"
    )
    assert upgrade_text(MANIFEST, found) == expected
    assert messages(env) == [
        "⚠️ a.yaml:8: unexpected GroupVersion string: image.toolkit.fluxcd.io/v1/v2",
    ]


def test_versions_of_an_older_release():
    now, then = versions_of("2.9"), versions_of("2.6")
    assert now["image.toolkit.fluxcd.io", "ImagePolicy"] == "v1"
    assert then["image.toolkit.fluxcd.io", "ImagePolicy"] == "v1beta2"
    assert ("source.extensions.fluxcd.io", "ArtifactGenerator") in now
    assert ("source.extensions.fluxcd.io", "ArtifactGenerator") not in then
    assert now["helm.toolkit.fluxcd.io", "HelmRelease"] == then["helm.toolkit.fluxcd.io", "HelmRelease"] == "v2"
    with pytest.raises(
        PyfluxError, match=r"^version 2.5 is not supported, supported versions are: 2.9, 2.8, 2.7, 2.6$"
    ):
        versions_of("2.5")


def test_folder(env: Env, folder: Path):
    (folder / "apps" / "deep").mkdir(parents=True)
    windows = b"\r\napiVersion: helm.toolkit.fluxcd.io/v2beta1\r\nkind: HelmRelease\r\n# \xff\r\n"
    (folder / "apps" / "deep" / "b.yml").write_bytes(windows)
    (folder / "apps" / "a.yaml").write_text(MANIFEST)
    (folder / "apps" / "a.yaml").chmod(0o640)
    (folder / "apps" / "notes.txt").write_text(MANIFEST)
    (folder / "apps" / "link.yaml").symlink_to("a.yaml")
    migrate(env, "apps/")
    assert messages(env) == [
        "► starting migration of custom resources",
        "⚠️ skipping irregular file apps/link.yaml",
        "⚠️ apps/a.yaml:8: unexpected GroupVersion string: image.toolkit.fluxcd.io/v1/v2",
        "✚ apps/a.yaml:1: ImageRepository v1beta1 -> v1",
        "✚ apps/a.yaml:5: ImagePolicy v1beta2 -> v1",
        "✚ apps/deep/b.yml:2: HelmRelease v2beta1 -> v2",
        "✔ file apps/a.yaml migrated successfully",
        "✔ file apps/deep/b.yml migrated successfully",
        "✔ custom resources migrated successfully",
    ]
    assert (folder / "apps" / "deep" / "b.yml").read_bytes() == windows.replace(b"v2beta1", b"v2")
    assert (folder / "apps" / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert (folder / "apps" / "notes.txt").read_text() == MANIFEST
    assert sorted(os.listdir(folder / "apps")) == ["a.yaml", "deep", "link.yaml", "notes.txt"]


def test_dry_run_changes_nothing(env: Env, folder: Path):
    (folder / "a.yaml").write_text(MANIFEST)
    migrate(env, ".", dry_run=True)
    assert messages(env)[-1] == "✔ dry-run mode enabled, no changes will be made"
    assert (folder / "a.yaml").read_text() == MANIFEST


@pytest.mark.parametrize(("answer", "changed"), [("y\n", True), ("Y\n", True), ("n\n", False), ("", False)])
def test_question(folder: Path, answer: str, changed: bool):
    (folder / "a.yaml").write_text(MANIFEST)
    env = Env(stdout=io.StringIO(), stderr=io.StringIO(), stdin=io.StringIO(answer))
    if changed:
        migrate(env, "a.yaml", yes=False)
    else:
        with pytest.raises(PyfluxError, match=r"migration cancelled"):
            migrate(env, "a.yaml", yes=False)
    assert ((folder / "a.yaml").read_text() != MANIFEST) is changed
    assert any("Are you sure you want to proceed with the above upgrades? [y/N]" in m for m in messages(env))


def test_nothing_to_do(env: Env, folder: Path):
    (folder / "empty").mkdir()
    migrate(env, "empty")
    assert messages(env)[-1] == "✔ no custom resources found that require migration"


def test_wrong_paths(env: Env, folder: Path):
    (folder / "a.yaml").write_text(MANIFEST)
    (folder / "link.yaml").symlink_to("a.yaml")
    (folder / "a.json").write_text("{}")
    for path, message in {
        "nope": "failed to stat path nope: No such file or directory",
        "../x": r"failed to stat path \.\./x: it must be inside the current folder",
        str(folder): "failed to stat path .*: it must be inside the current folder",
        "link.yaml": r"file link\.yaml is irregular",
        "a.json": r"file a\.json does not match the specified extensions: \.yaml, \.yml",
    }.items():
        with pytest.raises(PyfluxError, match=f"^{message}$"):
            migrate(env, path)
