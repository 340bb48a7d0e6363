"""SOPS without the program: which files a build sees in the clear, and what is said of failures."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from pyflux.cli import main
from pyflux.git.local import commit_all, start
from pyflux.render import kustomize
from pyflux.render.manifests import post_build, read_objects
from pyflux.render.overlay import BuildError
from pyflux.render.sops import MAX_FILE, NoProgram, Sops, format_of

Obj = dict[str, Any]


def decrypt(path: str, kind: str) -> bytes | None:
    """Stands in for sops: a file is encrypted where it begins with a mark, and says in which format."""
    text = Path(path).read_text()
    return text.removeprefix(f"encrypted {kind}\n").encode() if text.startswith(f"encrypted {kind}\n") else None


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


PLAIN = "generatorOptions: {disableNameSuffixHash: true}\n"
FILES = {
    "app/kustomization.yaml": f"{PLAIN}resources: [../base, cm.yaml]\ncomponents: [../part]\n"
    "secretGenerator:\n- {name: one, envs: [a.env, ../shared/b.conf], files: [k.yaml=deep/er/x, c.json]}\n"
    "patches: [{path: p.yaml}]\n",
    "app/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\n",
    "app/a.env": "encrypted dotenv\nA=1\n",
    "app/deep/er/x": "encrypted yaml\nx\n",
    "app/c.json": "{}\n",
    "app/p.yaml": "encrypted yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {k: v}\n",
    "shared/b.conf": "encrypted dotenv\nB=2\n",
    "base/kustomization.yaml": f"{PLAIN}resources: [more]\n",
    "base/more/kustomization.yaml": f"{PLAIN}secretGenerator: [{{name: two, envs: [c.env]}}]\n",
    "base/more/c.env": "encrypted dotenv\nC=3\n",
    "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    f"{PLAIN}secretGenerator: [{{name: three, files: [d.bin]}}]\n",
    "part/d.bin": "encrypted binary\nD",
}


def built(root: Path, path: str, **spec: Any) -> dict[str, Obj]:
    return {o["metadata"]["name"]: o for o in read_objects(kustomize.build(str(root), path, spec, decrypt=decrypt))}


def data(obj: Obj) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in obj["data"].items()}


def test_encrypted_files_are_found_through_bases_and_components(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    found = built(tmp_path, "app")
    assert data(found["one"]) == {"A": "1", "B": "2", "k.yaml": "x\n", "c.json": "{}\n"}
    assert data(found["two"]) == {"C": "3"}
    assert data(found["three"]) == {"d.bin": "D"}
    assert found["cm"]["data"] == {"k": "v"}
    assert {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()} == FILES


def test_a_folder_that_is_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": f"{PLAIN}secretGenerator: [{{name: s, envs: [a.env]}}]\n"})
    write(tmp_path, {"a.env": "encrypted dotenv\nA=1\n"})
    assert data(built(tmp_path, "")["s"]) == {"A": "1"}


def test_a_base_behind_a_link(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "app/linked").symlink_to("../base")
    (tmp_path / "app/kustomization.yaml").write_text("resources: [linked]\n")
    assert data(built(tmp_path, "app")["two"]) == {"C": "3"}


def test_a_file_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"root/app/kustomization.yaml": "secretGenerator: [{name: s, envs: [../../a.env]}]\n"})
    write(tmp_path, {"a.env": "encrypted dotenv\nA=1\n"})
    with pytest.raises(BuildError, match="is not in or below"):
        built(tmp_path / "root", "app")


def test_a_file_that_is_not_decrypted_is_named(tmp_path: Path) -> None:
    write(tmp_path, FILES)

    def refuse(path: str, kind: str) -> bytes | None:
        raise BuildError("no key")

    with pytest.raises(BuildError, match=r"^error decrypting sources: app/deep/er/x: no key$"):
        kustomize.build(str(tmp_path), "app", {}, decrypt=refuse)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "repo", FILES)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    assert built(tmp_path / "repo", "app")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_values_of_a_generated_secret_are_decrypted() -> None:
    document = "apiVersion: v1\ndata:\n  a: eA==\nkind: Secret\nmetadata:\n  name: s\n"

    def clear(obj: Obj) -> Obj | None:
        return {**obj, "data": {"a": "eQ=="}} if obj["kind"] == "Secret" else None

    (found,) = read_objects(post_build(document, decrypt=clear))
    assert found["data"] == {"a": "eQ=="}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.yaml", "yaml"),
        ("a.yml", "yaml"),
        ("a.json", "json"),
        ("a.env", "dotenv"),
        ("a.ini", "ini"),
        (".dockerconfigjson", "json"),
        ("a.txt", "binary"),
        ("env", "binary"),
    ],
)
def test_formats(name: str, kind: str) -> None:
    assert format_of(name) == kind


def sops(tmp_path: Path, said: str) -> Sops:
    """A program that fails with a message."""
    (tmp_path / "said").write_text(said)
    program = tmp_path / "sops"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\ncat '{tmp_path}/said' >&2\nexit 1\n")
    program.chmod(0o755)
    return Sops({"PATH": f"{tmp_path}:{os.defpath}"})


NO_KEY = """Failed to get the data key required to decrypt the SOPS file.

Group 0: FAILED
  age1abc: FAILED
    - | failed to create reader with
      | age: no identity matched. Did not find keys in
      | locations 'SOPS_AGE_KEY'.

  0DEC0DE: FAILED
    - | could not decrypt data key with PGP key

Recovery failed because no master key was able to decrypt the file.
"""
LOAD = "failed to load encrypted dotenv data: "
UNREAD = "Could not unmarshal input data: "
TREE = "Could not decrypt value: Input string %s does not match sops' data format"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            NO_KEY,
            "cannot get sops data key: no key for age1abc, 0DEC0DE: failed to create reader with age: no identity "
            "matched; could not decrypt data key with PGP key",
        ),
        ("invalid dotenv input line: PASSWORD hunter2", f"{LOAD}invalid dotenv input line: <redacted>"),
        (f"{UNREAD}key-value delimiter not found: hunter2", f"{LOAD}{UNREAD}key-value delimiter not found: <redacted>"),
        (f"Error decrypting tree: {TREE % 'hunter2'}", f"error decrypting sops tree: {TREE % '<redacted>'}"),
        ("[warning] a new version\nsops metadata not found", f"{LOAD}sops metadata not found"),
        (
            "Error dumping file: no binary data\n\nThis is likely",
            "failed to emit encrypted dotenv file as decrypted dotenv: no binary data",
        ),
        ("", f"{LOAD}sops ended with exit code 1"),
    ],
)
def test_failures_are_told_in_one_line_and_without_values(said: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        sops(tmp_path, said).decrypt(b"", "dotenv", "dotenv")
    assert caught.value.message == message


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.env"
    path.write_bytes(b"sops_mac=ENC[" + b" " * MAX_FILE)
    with pytest.raises(BuildError, match="exceeding limit"):
        Sops({}).file(str(path), "dotenv")


def test_without_the_program_no_secret_is_needed_for_clear_files(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=1\n")
    assert Sops({"PATH": "/nowhere"}).file(str(tmp_path / "a.env"), "dotenv") is None
    with pytest.raises(NoProgram):
        Sops({"PATH": "/nowhere"}).decrypt(b"", "yaml", "yaml")


def test_a_whole_checkout_needs_the_program(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main.run(["build", "ks", "--path", str(tmp_path), "--decrypt"]) == 1
    assert "the program sops is not on PATH" in capsys.readouterr().err
    start(str(tmp_path / "fleet"), "https://git.example.com/fleet", "main")
    (tmp_path / "fleet/web.yaml").write_text("a: 1\n")
    commit_all(str(tmp_path / "fleet"), "Start", "A <a@example.com>")
    assert main.run(["diff", "ks", "--path", str(tmp_path / "fleet"), "--from", "HEAD", "--decrypt"]) == 2
    assert "the program sops is not on PATH" in capsys.readouterr().err
