"""The demo is a test: it checks what each of its steps must bring about, and ends with exit code 0."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path


def play(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "HOME": str(home), "PATH": "/usr/bin:/bin"}
    environ.pop("KUBECONFIG", None)
    return subprocess.run(
        [sys.executable, "-m", "pyflux", "sandbox", "demo", "--dir", str(folder)],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def running(folder: Path) -> list[str]:
    """Command lines of the processes that were started for the demo in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_the_demo_plays_and_leaves_the_repository_and_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = play(folder, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "# Resumed, it does." in done.stdout
    if importlib.util.find_spec("helm_python"):
        assert "Helm rollback to previous release monitoring/prometheus.v3" in done.stdout
    assert (folder / "fleet" / ".git").is_dir()
    assert (folder / "fleet" / "flux-system" / "gotk-sync.yaml").is_file()
    assert running(folder) == []


def test_a_folder_with_something_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = play(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "is there already and is not touched" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
