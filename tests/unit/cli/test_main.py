"""What `run` makes of failures that no command foresees."""

from __future__ import annotations

import errno
import io
import tempfile

import pytest

from pyflux.cli import main
from pyflux.env import Env


def said(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[str]:
    def dispatch(env: Env, argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(main, "dispatch", dispatch)
    stderr = io.StringIO()
    assert main.run([], Env(stdout=io.StringIO(), stderr=stderr, environ={})) == 1
    return stderr.getvalue().splitlines()


def test_a_full_disk_says_where_temporary_files_are(monkeypatch: pytest.MonkeyPatch) -> None:
    way_out = f"  temporary files are in {tempfile.gettempdir()}; TMPDIR names another folder for them"
    assert said(monkeypatch, OSError(errno.ENOSPC, "No space left on device")) == [
        "✗ No space left on device",
        way_out,
    ]


def test_a_file_of_the_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "out.tgz")
    assert said(monkeypatch, error) == ["✗ out.tgz: No space left on device"]
