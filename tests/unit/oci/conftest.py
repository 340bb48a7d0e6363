from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pyflux.cli import main
from pyflux.env import Env

sys.path.insert(0, str(Path(__file__).parent))

from fakeregistry import Registry, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ran = tuple[int, str, str]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as running:
        yield running


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Runs pyflux in this process with a home of its own: exit code, stdout, stderr."""
    home = tmp_path / "home"
    home.mkdir()

    def call(*argv: str, stdin: str = "", **environ: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        env = Env(
            stdout=out,
            stderr=err,
            stdin=io.StringIO(stdin),
            environ={"HOME": str(home), "PATH": "/usr/bin:/bin", **environ},
            sleep=lambda _: None,
            now=lambda: 1_700_000_000.0,
        )
        code = main.run(list(argv), env)
        return code, out.getvalue(), err.getvalue()

    return call


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    folder = tmp_path / "manifests"
    (folder / "apps").mkdir(parents=True)
    (folder / "a.yaml").write_text("kind: A\n")
    (folder / "apps" / "b.yaml").write_text("kind: B\n" * 50)
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    for path, mode in ((folder, 0o755), (folder / "apps", 0o755), (folder / "run.sh", 0o755)):
        path.chmod(mode)
    for name in ("a.yaml", "apps/b.yaml", "logo.png"):
        (folder / name).chmod(0o644)
    return folder
