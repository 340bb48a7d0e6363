"""The artifact commands against the distribution registry, open and with a login; beside flux where it is present."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pyflux.cli import main
from pyflux.env import Env
from tests.real.processes import missing
from tests.real.registry import PASSWORD, USERNAME, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(missing("registry")), reason=missing("registry") or "")]


@pytest.fixture(params=[False, True], ids=["open", "login"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    with Registry(auth=request.param) as running:
        yield running


def run(home: Path, *argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    env = Env(stdout=out, stderr=err, stdin=io.StringIO(), environ={"HOME": str(home), "PATH": os.environ["PATH"]})
    return main.run(list(argv), env), out.getvalue(), err.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    for index in range(40):
        path = made / f"app-{index % 5}" / f"object-{index}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c{index}\ndata:\n  key: {index * 7919}\n")
    (made / "large.bin").write_bytes(os.urandom(150_000))
    return made


def test_round_trip(registry: Registry, folder: Path, tmp_path: Path) -> None:
    url = f"oci://{registry.address}/org/app"
    login = ["--creds", f"{USERNAME}:{PASSWORD}"]
    said = ("--source=https://git.example.com/a", "--revision=main@sha1:abc")
    code, out, err = run(tmp_path, "push", "artifact", f"{url}:1.0.0", f"--path={folder}", *said, *login, "-ojson")
    assert code == 0, err
    digest = json.loads(out)["digest"]
    code, _, err = run(tmp_path, "tag", "artifact", f"{url}:1.0.0", "--tag=latest,1.1.0", *login)
    assert code == 0, err
    code, out, err = run(tmp_path, "list", "artifacts", url, "--filter-semver=>=1.0.0", *login)
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        [f"{registry.address}/org/app:{tag}", digest] for tag in ("1.1.0", "1.0.0")
    ], err
    assert run(tmp_path, "diff", "artifact", f"{url}:latest", f"--path={folder}", *login)[0] == 0
    target = tmp_path / "out"
    target.mkdir()
    code, _, err = run(tmp_path, "pull", "artifact", f"{url}@{digest}", "-o", str(target), *login)
    assert code == 0, err
    for path in folder.rglob("*"):
        if path.is_file():
            assert (target / path.relative_to(folder)).read_bytes() == path.read_bytes()
    code, _, err = run(tmp_path, "pull", "artifact", f"{url}:9", "-o", str(target), *login)
    assert code == 1
    assert "MANIFEST_UNKNOWN: manifest unknown" in err


def test_a_wrong_login(folder: Path, tmp_path: Path) -> None:
    with Registry(auth=True) as registry:
        code, _, err = run(tmp_path, "list", "artifacts", f"oci://{registry.address}/org/app", "--creds=flux:wrong")
    assert code == 1
    assert "UNAUTHORIZED: authentication required" in err
    assert "wrong" not in err


@pytest.mark.skipif(shutil.which("flux") is None, reason="needs the reference CLI flux on PATH")
def test_the_same_digest_as_flux(folder: Path, tmp_path: Path) -> None:
    digests = []
    with Registry() as registry:
        words = ["push", "artifact", f"oci://{registry.address}/org/app:v1", f"--path={folder}", "--source=a"]
        words += ["--revision=b", "--reproducible", "-ojson"]
        code, out, err = run(tmp_path, *words)
        assert code == 0, err
        digests.append(json.loads(out)["digest"])
        done = subprocess.run(["flux", *words], capture_output=True, text=True, check=True)
        digests.append(json.loads(done.stdout)["digest"])
        done = subprocess.run(
            ["flux", "diff", "artifact", f"oci://{registry.address}/org/app:v1", f"--path={folder}"], check=False
        )
        assert done.returncode == 0
    assert digests[0] == digests[1]
