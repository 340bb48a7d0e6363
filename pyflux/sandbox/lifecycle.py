"""Starting, stopping and looking at sandboxes. Nothing here imports the server."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pyflux
from pyflux.errors import PyfluxError
from pyflux.sandbox.state import State
from pyflux.sandbox.strays import command_line, end_strays

START_SECONDS = 60.0
STOP_SECONDS = 20.0
ROOM = 1 << 20
"""With fewer free bytes, a failed start is put down to the full disk: there may not even be room for the log."""
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ ")


@dataclass(frozen=True)
class Status:
    """What a sandbox is doing; addresses are empty before the first start."""

    name: str
    exists: bool
    running: bool
    ready: bool
    pid: int
    server: str
    git: str
    folder: Path
    kubeconfig: Path


def default_controllers(state: State) -> list[str]:
    """The command line of pyflux's own controllers against a sandbox."""
    storage = str(state.folder / "artifacts")
    return [
        sys.executable, "-m", "pyflux", "controllers", "run", "--kubeconfig", str(state.kubeconfig),
        "--storage-path", storage, "--alone", "--allow-file-urls",
    ]  # fmt: skip


def running(state: State) -> bool:
    """Whether a daemon holds the sandbox's lock, which ends with its process however that ends."""
    try:
        descriptor = os.open(state.lock_file, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def pid_of(state: State) -> int:
    """The daemon's process id, 0 when it has not said.

    A file that a killed daemon left behind may name another program by now, which is not taken for the daemon.
    """
    try:
        pid = int(json.loads(state.pid_file.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return 0
    return pid if str(state.folder) in command_line(pid) else 0


def ready(state: State) -> bool:
    """Whether the API server answers that it is ready."""
    try:
        settings = state.settings()
        context = ssl.create_default_context(cafile=str(state.folder / "ca.crt"))
        connection = http.client.HTTPSConnection("127.0.0.1", settings.api_port, context=context, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, PyfluxError, http.client.HTTPException):
        return False


def status(state: State) -> Status:
    """Looks at a sandbox."""
    exists = state.exists()
    up = running(state)
    server = git = ""
    if exists:
        settings = state.settings()
        server = f"https://127.0.0.1:{settings.api_port}"
        git = f"http://127.0.0.1:{settings.git_port}"
    return Status(
        state.name,
        exists,
        up,
        up and ready(state),
        pid_of(state) if up else 0,
        server,
        git,
        state.folder,
        state.kubeconfig,
    )


def command(state: State, controllers: list[str]) -> list[str]:
    """The daemon's command line."""
    return [
        sys.executable, "-m", "pyflux.sandbox.server", "--folder", str(state.folder),
        "--controllers", json.dumps(controllers),
    ]  # fmt: skip


def _environ() -> dict[str, str]:
    """The environment of the daemon: the package must be found from any folder."""
    root = str(Path(pyflux.__file__).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in (root, path) if p)}


def start(state: State, controllers: list[str] | None = None, timeout: float = START_SECONDS) -> bool:
    """Starts a sandbox in the background and waits until it is ready.

    `controllers` is the command line of the controllers, empty for none, None for pyflux's own. Returns
    False when it ran already. Raises PyfluxError with the end of the log when it does not come up.
    """
    if running(state):
        _await_ready(state, None, timeout)
        return False
    _make_folder(state)
    wanted = default_controllers(state) if controllers is None else controllers
    descriptor = os.open(state.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as out:
        child = subprocess.Popen(
            command(state, wanted), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            cwd="/", env=_environ(),
        )  # fmt: skip
    _await_ready(state, child, timeout)
    return True


def _make_folder(state: State) -> None:
    try:
        state.folder.mkdir(parents=True, exist_ok=True)
        state.folder.chmod(0o700)
    except OSError as error:
        raise PyfluxError(
            f"the folder {state.folder} of sandbox '{state.name}' cannot be made: {error.strerror}",
            hint="set PYFLUX_HOME to a folder that can be written",
        ) from None


def _await_ready(state: State, child: subprocess.Popen[bytes] | None, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        # The process number is written when the server listens; asking before would only slow its start.
        if pid_of(state) and ready(state):
            return
        code = child.poll() if child is not None else None
        if code == 3:
            # Another start was faster.
            child = None
        elif code is not None:
            why = _last_line(state.log)
            if shutil.disk_usage(state.folder).free < ROOM:
                why = f"no space is left on the disk of {state.folder}"
            raise PyfluxError(f"sandbox '{state.name}' did not start: {why}", hint=f"see {state.log}")
        time.sleep(0.02)
    raise PyfluxError(f"sandbox '{state.name}' is not ready after {timeout:g} seconds", hint=f"see {state.log}")


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return _STAMP.sub("", lines[-1]) if lines else "it said nothing"


def run_foreground(state: State, controllers: list[str] | None = None) -> int:
    """Runs a sandbox as this process's child until it ends; returns its exit code."""
    if running(state):
        raise PyfluxError(
            f"sandbox '{state.name}' runs already", hint=f"stop it with: pyflux sandbox stop --name {state.name}"
        )
    _make_folder(state)
    wanted = default_controllers(state) if controllers is None else controllers
    child = subprocess.Popen(command(state, wanted), stdin=subprocess.DEVNULL, cwd="/", env=_environ())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The child got the same signal and ends by itself.
            continue


def stop(state: State, timeout: float = STOP_SECONDS) -> bool:
    """Stops a sandbox, with everything on disk; False when it did not run."""
    if not running(state):
        end_strays(state)
        return False
    pid = pid_of(state)
    deadline = time.monotonic() + timeout
    while not pid and time.monotonic() < deadline and running(state):
        time.sleep(0.05)
        pid = pid_of(state)
    if pid:
        _signal(pid, signal.SIGTERM)
    while running(state):
        if time.monotonic() > deadline:
            if pid:
                _signal(pid, signal.SIGKILL)
            if time.monotonic() > deadline + 5:
                raise PyfluxError(f"sandbox '{state.name}' (process {pid}) does not stop")
        time.sleep(0.02)
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        raise PyfluxError(f"process {pid} belongs to another user") from None


def delete(state: State) -> bool:
    """Stops a sandbox and removes everything of it; False when there was none."""
    if not state.folder.exists():
        return False
    stop(state)

    def gone(_function: object, _path: str, failure: BaseException) -> None:
        # Another delete, or the last writes of the one that stopped, may have been faster.
        if not isinstance(failure, FileNotFoundError):
            raise failure

    if sys.version_info >= (3, 12):
        shutil.rmtree(state.folder, onexc=gone)
    else:
        shutil.rmtree(state.folder, onerror=lambda f, p, info: gone(f, p, info[1]))
    return True


def create_repository(state: State, name: str) -> str:
    """Makes an empty repository in the sandbox; returns its address."""
    from pyflux.sandbox.gitserver import create_repository as create

    path = create(state.repositories, name)
    relative = path.relative_to(state.repositories)
    return f"http://127.0.0.1:{state.settings().git_port}/{relative}"
