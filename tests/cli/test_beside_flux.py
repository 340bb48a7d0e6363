"""Hundreds of command lines, run by pyflux and by the reference CLI on clusters that hold the same objects.

Needs the reference CLI: FLUX, or flux on PATH. `beside_flux/commands.txt` holds what must come out the same, byte for
byte: exit code, stdout, stderr. Where both print help, the words are their own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyflux.env import Env, KubeOptions
from pyflux.kube import connect
from pyflux.ui.yamlin import load_all

PYFLUX = str(Path(sys.executable).with_name("pyflux"))
FLUX = os.environ.get("FLUX") or shutil.which("flux")
DATA = Path(__file__).with_name("beside_flux")
CHANGING = ("suspend", "resume", "reconcile", "delete", "create")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_AGE = re.compile(r"\b\d+[smhd](\d+[smh])?\b")
_ADDRESS = re.compile(r"127\.0\.0\.1:\d{4,5}")

pytestmark = pytest.mark.skipif(FLUX is None, reason="needs the reference CLI: set FLUX, or have flux on PATH")


class Result(NamedTuple):
    code: int
    out: str
    err: str

    def is_help(self) -> bool:
        return self.code == 0 and "\nUsage:\n" in self.out


class Side:
    """A program, and a cluster of its own."""

    def __init__(self, program: str, home: Path) -> None:
        self.program = program
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": "UTC", "PYFLUX_HOME": str(home / "pyflux")}
        self.kubeconfig = home / "pyflux" / "sandbox" / "pyflux" / "kubeconfig"
        home.mkdir()

    def pyflux(self, *words: str) -> None:
        subprocess.run(
            [PYFLUX, *words], env=self.environ, check=True, timeout=120, stdin=subprocess.DEVNULL, capture_output=True
        )

    def start(self) -> None:
        self.pyflux("sandbox", "start", "--no-controllers")
        self.environ["KUBECONFIG"] = str(self.kubeconfig)
        self.pyflux(
            "install", "--components-extra=image-reflector-controller,image-automation-controller,source-watcher"
        )
        client = connect(Env(kube=KubeOptions(kubeconfig=str(self.kubeconfig))))
        for obj in load_all((DATA / "objects.yaml").read_text(encoding="utf-8")):
            status: dict[str, Any] | None = obj.pop("status", None)
            made = client.apply(obj, force=True, field_manager="test")
            if status:
                resource = client.resource_for(obj["apiVersion"], obj["kind"])
                name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
                client.patch(resource, name, namespace, {"status": status}, subresource="status")

    def run(self, line: str) -> Result:
        words, environ = shlex.split(line), dict(self.environ)
        while words and re.match("[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            environ[name] = value
        done = subprocess.run(
            [self.program, *words],
            env=environ,
            cwd=self.environ["HOME"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, _plain(done.stdout), _plain(done.stderr))


def _plain(text: str) -> str:
    """Without times and addresses, which differ anyway."""
    return _AGE.sub("AGE", _TIME.sub("TIME", _ADDRESS.sub("ADDRESS", text)))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """flux and pyflux."""
    assert FLUX is not None
    folder = tmp_path_factory.mktemp("beside")
    made = Side(os.path.abspath(FLUX), folder / "flux"), Side(PYFLUX, folder / "pyflux")
    try:
        for side in made:
            side.start()
        yield made
    finally:
        for side in made:
            side.pyflux("sandbox", "delete")


def _lines() -> list[str]:
    text = (DATA / "commands.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _difference(sides: tuple[Side, Side], line: str) -> str:
    theirs, ours = (side.run(line) for side in sides)
    if theirs == ours or (theirs.is_help() and ours.is_help() and theirs.err == ours.err):
        return ""
    told = [
        f"{name}:\n  flux   {a!r}\n  pyflux {b!r}"
        for name, a, b in zip(Result._fields, theirs, ours, strict=True)
        if a != b
    ]
    return "\n".join([line, *told])


def test_what_only_reads(sides: tuple[Side, Side]) -> None:
    lines = [line for line in _lines() if not any(word in CHANGING for word in line.split())]
    assert len(lines) > 300
    with ThreadPoolExecutor(2) as pool:
        differences = list(pool.map(lambda line: _difference(sides, line), lines))
    assert not any(differences), "\n\n".join(filter(None, differences))


def test_what_changes_objects_leaves_the_same(sides: tuple[Side, Side]) -> None:
    lines = [line for line in _lines() if any(word in CHANGING for word in line.split())]
    assert len(lines) > 200
    differences = [_difference(sides, line) for line in lines]
    assert not any(differences), "\n\n".join(filter(None, differences))
    for line in ("get all -A", "export ks --all", "export source git --all -n apps", "export hr --all -n apps"):
        assert not _difference(sides, line)
