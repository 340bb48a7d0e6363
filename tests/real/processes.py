"""Starting the real servers: where their binaries are, free ports, and processes that never outlive us."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).resolve().parent
BIN_DIR = HERE / ".bin"

# Below the range the kernel hands out by itself, so that no client connection takes a port
# between our finding it free and the server's binding it.
_PORTS = range(20000, 32000)
_taken_ports: set[int] = set()


class ServerError(Exception):
    """A real server did not start or did not become ready; the message has the end of its log."""


def binary(name: str) -> Path:
    """The built program of a part, from `.bin/` beside this file or the folder in PYFLUX_REAL_BIN."""
    return Path(os.environ.get("PYFLUX_REAL_BIN") or BIN_DIR) / name


def missing(*names: str) -> str | None:
    """Why the named parts cannot run, as one line for a skip reason, or None when all are there."""
    absent = [name for name in names if not os.access(binary(name), os.X_OK)]
    if not absent:
        return None
    return f"real servers not built: {', '.join(absent)} (run `make real`; needs Go)"


def free_port() -> int:
    """A loopback port that nothing listens on and that this process has not handed out before."""
    for _ in range(200):
        port = random.choice(_PORTS)
        if port in _taken_ports:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken_ports.add(port)
        return port
    raise ServerError("no free port found on 127.0.0.1")


class _Reaper:
    """Our end of the pipe to reaper.py, which ends what we leave behind when we are killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def tell(self, line: str) -> None:
        """Pass one line on, starting the reaper first when there is none."""
        with self._lock:
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-S", "-E", str(HERE / "reaper.py")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    start_new_session=True,
                )
                self._owner = os.getpid()
                atexit.register(self._close)
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _close(self) -> None:
        if self._process is not None and self._owner == os.getpid() and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(10)


_reaper = _Reaper()


def temporary_folder(prefix: str = "pyflux-real-") -> Path:
    """A private folder (mode 0700) that is removed when this process ends, even by SIGKILL."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    _reaper.tell(f"dir {folder}")
    return folder


class Server:
    """One running program in a process group of its own, its output in a log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [os.fspath(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        _reaper.tell(f"+{self.process.pid}")

    def alive(self) -> bool:
        """Whether the program is still running."""
        return self.process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], timeout: float, interval: float = 0.03) -> None:
        """Poll until ready() holds; ServerError when the program ends first or the time is up (seconds)."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive():
                code = self.process.returncode
                raise ServerError(f"{self.name} ended with exit code {code} while starting:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} was not ready after {timeout:g} s:\n{self.tail()}")
            time.sleep(interval)

    def stop(self, grace: float = 5.0) -> None:
        """End the whole process group: SIGTERM, then SIGKILL after the grace period in seconds."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except (ProcessLookupError, PermissionError):
                pass
            try:
                self.process.wait(grace)
                break
            except subprocess.TimeoutExpired:
                continue
        try:  # children that the program left in its group
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        _reaper.tell(f"-{self.process.pid}")


def stop_all(servers: Sequence[Server], grace: float = 5.0) -> None:
    """End the servers last started first, all of them told before any is waited for."""
    for server in reversed(servers):
        if server.alive():
            server.process.terminate()
    for server in reversed(servers):
        server.stop(grace)


def listening(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def remove_folder(folder: Path) -> None:
    """Remove a temporary folder, also the read-only files that Git and the module cache leave."""
    shutil.rmtree(folder, ignore_errors=True)


class OneServer:
    """A server with a folder of its own, as a context: at the end it is stopped and the folder removed."""

    folder: Path
    _server: Server

    def stop(self) -> None:
        """Stop it; nothing is kept."""
        self._server.stop()
        remove_folder(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
