"""Plugins: found, run, installed from a catalog."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from pyflux.cli import main
from pyflux.env import Env

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Catalog

SCRIPT = b"#!/bin/sh\necho got $*\nexit 7\n"


def run(folder: Path | None, *argv: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    known = {"PATH": "/usr/bin:/bin", **environ}
    if folder is not None:
        known["FLUXCD_PLUGINS"] = str(folder)
    env = Env(
        stdout=out,
        stderr=err,
        stdin=io.StringIO(stdin),
        environ=known,
        sleep=lambda _: None,
        now=lambda: 1_700_000_000.0,
    )
    code = main.run(list(argv), env)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins"
    made.mkdir()
    return made


def program(path: Path, text: bytes = SCRIPT) -> Path:
    path.write_bytes(text)
    path.chmod(0o755)
    return path


def archive(kind: str, *entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as packed:
            for name, data in entries:
                packed.writestr(name, data)
    else:
        with tarfile.open(fileobj=out, mode="w:gz" if kind == "tar.gz" else "w") as packed_tar:
            for name, data in entries:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed_tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_all_other_words_go_to_the_plugin(folder: Path) -> None:
    program(folder / "flux-hey")
    assert run(folder, "-n", "BAD", "hey", "--x", "a", "--help") == (7, "got -n BAD --x a --help\n", "")


def test_on_path_and_which_comes_first(folder: Path, tmp_path: Path) -> None:
    places = tmp_path / "bin"
    places.mkdir()
    program(places / "flux-hey", b"#!/bin/sh\necho flux\n")
    path = f"{places}:/usr/bin:/bin"
    assert run(None, "hey", PATH=path)[1] == "flux\n"
    program(places / "pyflux-hey", b"#!/bin/sh\necho pyflux\n")
    assert run(None, "hey", PATH=path)[1] == "pyflux\n"
    program(folder / "flux-hey", b"#!/bin/sh\necho folder\n")
    assert run(folder, "hey", PATH=path)[1] == "folder\n"


def test_help_names_the_plugins(folder: Path) -> None:
    assert "Plugin Commands" not in run(folder, "--help")[1]
    program(folder / "flux-hey")
    assert "\nPlugin Commands:\n  hey   Runs the hey plugin\n" in run(folder, "--help")[1]


def test_what_is_no_plugin(folder: Path, tmp_path: Path) -> None:
    (folder / "flux-plain").write_bytes(SCRIPT)
    (folder / "flux-dir").mkdir()
    (folder / "flux-broken").symlink_to(tmp_path / "nowhere")
    program(folder / "flux-get")
    for word in ("plain", "dir", "broken", "../hey"):
        code, _, err = run(folder, word)
        assert code == 1
        assert f'unknown command "{word}"' in err
    assert run(folder, "plugin", "list") == (0, "No plugins found\n", "")


def test_relative_folders_of_path_are_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "flux-hey")
    monkeypatch.chdir(tmp_path)
    assert run(None, "hey", PATH=".:")[0] == 1


def test_stdin_and_stderr_are_the_plugins(folder: Path) -> None:
    program(folder / "flux-cat", b"#!/bin/sh\ncat\necho problem >&2\n")
    assert run(folder, "cat", stdin="data") == (0, "data", "problem\n")


def test_a_program_that_does_not_run(folder: Path) -> None:
    program(folder / "flux-bad", b"#!/nowhere/sh\n")
    code, _, err = run(folder, "bad")
    assert code == 1
    assert err.startswith("✗ plugin ")


def test_signals_reach_the_plugin(folder: Path, tmp_path: Path) -> None:
    program(
        folder / "flux-wait",
        f"#!/bin/sh\ntrap 'exit 9' TERM\ntouch {tmp_path}/up\nwhile :; do sleep 0.05; done\n".encode(),
    )
    environ = {**os.environ, "FLUXCD_PLUGINS": str(folder)}
    child = subprocess.Popen([sys.executable, "-m", "pyflux", "wait"], env=environ)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "up").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 9
    finally:
        child.kill()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar", "raw"])
@pytest.mark.parametrize("named", [True, False])
def test_install(folder: Path, catalog: Catalog, kind: str, named: bool) -> None:
    data = SCRIPT if kind == "raw" else archive(kind, ("../flux-hey", b"evil"), ("x/flux-hey", SCRIPT))
    catalog.add("hey", "1.2.3", data, file=f"x.{kind}" if named else "x")
    found = run(folder, "plugin", "install", "hey", FLUXCD_PLUGIN_CATALOG=catalog.base)
    assert found == (0, "", "✔ installed hey v1.2.3\n")
    assert (folder / "flux-hey").read_bytes() == SCRIPT
    assert stat.S_IMODE((folder / "flux-hey").stat().st_mode) == 0o755
    assert (folder / "flux-hey.yaml").read_text().startswith('installedAt: "2023-11-14T22:13:20Z"\nname: hey\n')
    assert sorted(os.listdir(folder)) == ["flux-hey", "flux-hey.yaml"]
    assert run(folder, "hey", "a")[1] == "got a\n"
    path = f"{folder}/flux-hey"
    assert run(folder, "plugin", "ls")[1].splitlines()[1] == f"hey \t1.2.3  \t{path}\t"


def test_install_of_a_version_or_digest(folder: Path, catalog: Catalog) -> None:
    catalog.add("hey", "1.0.0", b"#!/bin/sh\n# old\n")
    catalog.add("hey", "1.1.0", SCRIPT)
    base = {"FLUXCD_PLUGIN_CATALOG": catalog.base}
    digest = f"sha256:{hashlib.sha256(SCRIPT).hexdigest()}"
    assert run(folder, "plugin", "install", "hey@1.0.0", **base)[2] == "✔ installed hey v1.0.0\n"
    assert run(folder, "plugin", "install", f"hey@{digest}", **base)[2] == "✔ installed hey v1.1.0\n"
    _, _, err = run(folder, "plugin", "install", "hey@9", **base)
    assert err == '✗ version "9" not found for plugin "hey"\n'
    _, _, err = run(folder, "plugin", "install", "hey@sha256:ff", **base)
    assert err.startswith('✗ digest "sha256:ff" not found for plugin "hey" on ')
    _, _, err = run(folder, "plugin", "install", "nope", **base)
    assert err == '✗ plugin "nope" not found in catalog\n'


def test_a_catalog_that_cannot_be_reached(folder: Path) -> None:
    code, _, err = run(folder, "plugin", "search", FLUXCD_PLUGIN_CATALOG="http://127.0.0.1:9/")
    assert (code, err) == (
        1,
        "✗ failed to fetch plugin catalog: 127.0.0.1:9 cannot be reached: connection refused\n",
    )
    code, _, err = run(folder, "plugin", "search", FLUXCD_PLUGIN_CATALOG="http://no.such.host.invalid/")
    assert err == "✗ failed to fetch plugin catalog: no.such.host.invalid cannot be reached: no such host\n"


def test_a_wrong_checksum_changes_nothing(folder: Path, catalog: Catalog) -> None:
    program(folder / "flux-hey", b"#!/bin/sh\n# mine\n")
    catalog.add("hey", "1.0.0", SCRIPT, checksum="sha256:00")
    code, _, err = run(folder, "plugin", "install", "hey", FLUXCD_PLUGIN_CATALOG=catalog.base)
    assert code == 1
    assert err.startswith("✗ checksum verification failed (expected: sha256:00, got: sha256:")
    assert (folder / "flux-hey").read_bytes() == b"#!/bin/sh\n# mine\n"
    assert os.listdir(folder) == ["flux-hey"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"bin": "../flux-hey"}, 'has invalid bin "../flux-hey"'),
        ({"bin": "hey"}, 'has invalid bin "hey"'),
        ({"name": "../../x"}, "has another name in its manifest"),
        ({"apiVersion": "v1"}, 'has unsupported apiVersion "v1"'),
        ({"kind": "Other"}, 'has unexpected kind "Other"'),
        ({"versions": []}, "has no versions"),
    ],
)
def test_manifests_that_are_refused(folder: Path, catalog: Catalog, more: dict[str, object], message: str) -> None:
    catalog.add("hey", "1.0.0", SCRIPT, **more)
    code, _, err = run(folder, "plugin", "install", "hey", FLUXCD_PLUGIN_CATALOG=catalog.base)
    assert code == 1
    assert message in err
    assert not os.listdir(folder)


def test_archives_that_are_refused(folder: Path, catalog: Catalog) -> None:
    base = {"FLUXCD_PLUGIN_CATALOG": catalog.base}
    catalog.add("hey", "1", archive("tar.gz", ("../flux-hey", SCRIPT)), file="x.tar.gz")
    assert run(folder, "plugin", "install", "hey", **base)[2] == '✗ binary "flux-hey" not found in archive\n'
    catalog.add("hey", "2", b"not an archive", file="x.zip")
    assert "failed to read plugin archive" in run(folder, "plugin", "install", "hey", **base)[2]
    catalog.add("hey", "3", archive("zip", ("a/run", SCRIPT)), file="x.zip", extractPath="a/run")
    assert run(folder, "plugin", "install", "hey", **base)[0] == 0
    assert not list(folder.glob(".pyflux-*"))


def test_search(folder: Path, catalog: Catalog) -> None:
    base = {"FLUXCD_PLUGIN_CATALOG": catalog.base}
    catalog.add("hey", "1.0.0", SCRIPT)
    catalog.add("validate", "1.0.0", SCRIPT)
    run(folder, "plugin", "install", "hey", **base)
    _, out, _ = run(folder, "plugin", "search", **base)
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "DESCRIPTION", "INSTALLED"],
        ["hey", "The", "hey", "tool", "1.0.0"],
        ["validate", "The", "validate", "tool"],
    ]
    assert len(run(folder, "plugin", "search", "VALID", **base)[1].splitlines()) == 2
    assert run(folder, "plugin", "search", "zz", **base)[1] == 'No plugins matching "zz" found in catalog\n'
    code, _, err = run(folder, "plugin", "search", FLUXCD_PLUGIN_CATALOG=f"{catalog.base}gone/")
    assert (code, err) == (1, f"✗ failed to fetch plugin catalog: HTTP 404 from {catalog.base}gone/catalog.yaml\n")


def test_update(folder: Path, catalog: Catalog) -> None:
    base = {"FLUXCD_PLUGIN_CATALOG": catalog.base}
    catalog.add("hey", "1.0.0", b"#!/bin/sh\n")
    run(folder, "plugin", "install", "hey", **base)
    program(folder / "flux-own")
    assert run(folder, "plugin", "update", **base)[2] == (
        "✔ hey already up to date (v1.0.0)\n⚠️ skipping own (manually installed)\n"
    )
    catalog.add("hey", "1.1.0", SCRIPT)
    assert run(folder, "plugin", "upgrade", "hey", **base)[2] == "✔ updated hey v1.0.0 → v1.1.0\n"
    assert run(folder, "plugin", "update", "gone", **base)[2] == '✗ plugin "gone" is not installed\n'
    catalog.files.pop("hey.yaml")
    code, _, err = run(folder, "plugin", "update", "hey", **base)
    assert (code, err) == (0, '✗ error checking hey: plugin "hey" not found in catalog\n')


def test_uninstall(folder: Path, catalog: Catalog) -> None:
    catalog.add("hey", "1.0.0", SCRIPT)
    run(folder, "plugin", "install", "hey", FLUXCD_PLUGIN_CATALOG=catalog.base)
    assert run(folder, "plugin", "uninstall", "hey") == (0, "", "✔ uninstalled hey\n")
    assert not os.listdir(folder)
    assert run(folder, "plugin", "delete", "hey") == (1, "", '✗ plugin "hey" is not installed\n')
    assert run(folder, "plugin", "delete", "../x")[0] == 1
