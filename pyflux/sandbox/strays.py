"""Controllers that outlived their daemon: kill -9 of the daemon leaves its child behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from pyflux.sandbox.certs import write_private
from pyflux.sandbox.state import State

END_SECONDS = 10.0


def remember(state: State, pid: int) -> None:
    """Notes the process of the controllers."""
    write_private(state.controllers_pid_file, json.dumps({"pid": pid}).encode())


def forget(state: State) -> None:
    """The controllers ended."""
    state.controllers_pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> str:
    """What a process was started with; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        pass
    try:
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout


def end_strays(state: State) -> bool:
    """Ends controllers that a killed daemon left behind; whether there were any.

    The process is known by the sandbox's kubeconfig on its command line, as its number may have been given away.
    """
    try:
        pid = int(json.loads(state.controllers_pid_file.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    found = str(state.kubeconfig) in command_line(pid)
    if found:
        _end(pid)
    forget(state)
    return found


def _end(pid: int) -> None:
    deadline = time.monotonic() + END_SECONDS
    try:
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
