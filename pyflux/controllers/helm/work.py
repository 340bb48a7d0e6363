"""Helm's SDK from the outside: a child process for one piece of work, with a time limit for every step."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable

    Obj = dict[str, Any]

MANAGER = "helm-controller"
"""The child's own name: Helm's SDK manages fields under the name of its program."""
GRACE = 15.0
"""Seconds beyond Helm's own time limit before the child is ended."""
STEP = 60.0
"""Seconds for steps that have no limit of their own: loading, rendering."""
_LOOK = 0.5
_NOT_READY = re.compile(r"resource (\S+) not ready\. status: (\w+)(?:, message: .*)?")


class HelmFailed(PyfluxError):
    """Helm refused or failed; the message is Helm's."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class HelmEnded(HelmFailed):
    """The child ended, or had to be ended, in the middle of its work."""


def is_installed() -> bool:
    """Whether the extra `helm` is there."""
    return importlib.util.find_spec("helm_python") is not None


def whole_seconds(length: float) -> int:
    """A time limit as Helm's SDK takes it."""
    return max(1, math.ceil(length))


class Helm:
    """One child process; starts with the first call and ends with the block. `stopping()` is asked while it works."""

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        self.opening: Callable[[], Obj] | None = None
        """Gives the arguments of the child's `open`: cluster and namespace. Asked for when the child starts."""
        self._stopping = stopping
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._errors: Any = None
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._folder = tempfile.TemporaryDirectory(prefix="pyflux-helm-")
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
            home = self._folder.name
            environ = {
                **os.environ,
                "PYTHONHOME": sys.base_prefix,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                # Helm's files of the user, such as plugins and registry logins, are none of a controller's business
                **{name: os.path.join(home, name.lower()) for name in _HELM_FOLDERS},
            }
            environ.pop("KUBECONFIG", None)
            self._process = subprocess.Popen(
                [MANAGER, "-m", "pyflux.controllers.helm.child"],
                executable=sys.executable,
                env=environ,
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        return self._process

    def call(self, op: str, limit: float = STEP, **arguments: Any) -> Any:
        """What an operation of the child gives. `limit` is in seconds. Raises HelmFailed."""
        if self._process is None and self.opening is not None:
            opening, self.opening = self.opening(), None
            self.call("open", **opening)
        process = self._start()
        assert process.stdin is not None
        if process.stdin.closed:
            raise HelmEnded("the controllers are stopping")
        try:
            process.stdin.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise self._ended() from None
        answer = json.loads(self._line(process, time.monotonic() + limit + GRACE))
        if "error" in answer:
            raise HelmFailed(in_flux_words(answer["error"]), answer.get("kind", ""))
        return answer["result"]

    def _line(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        assert process.stdout is not None
        assert process.stdin is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if selector.select(_LOOK):
                    data = os.read(process.stdout.fileno(), 1 << 20)
                    if not data:
                        raise self._ended()
                    self._unread += data
                elif time.monotonic() > deadline:
                    self._kill()
                    raise HelmEnded("context deadline exceeded")
                elif self._stopping() and not process.stdin.closed:
                    # the child cancels what it does; Helm then notes the release as failed
                    process.stdin.close()
                    deadline = min(deadline, time.monotonic() + GRACE)
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _ended(self) -> HelmEnded:
        process = self._process
        assert process is not None
        self._kill()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        why = f": {lines[-1]}" if lines else ""
        return HelmEnded(f"Helm's SDK ended unexpectedly with code {process.returncode}{why}")

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Ends the child and removes its files."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                process.wait(2.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._errors.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


_HELM_FOLDERS = (
    *("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HELM_REGISTRY_CONFIG"),
    *("HELM_REPOSITORY_CACHE", "HELM_REPOSITORY_CONFIG"),
)


def in_flux_words(message: str) -> str:
    """Helm's message about objects that did not become ready, as helm-controller's own waiting puts it."""
    found = _NOT_READY.findall(message)
    late = message.rstrip().endswith("context deadline exceeded")
    shown = [f"{subject} status: '{status}'" for subject, status in found if late or status == "Failed"]
    if not shown:
        return message
    return f"{'timeout waiting for' if late else 'failed early due to stalled resources'}: [{', '.join(shown)}]"
