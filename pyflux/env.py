"""What a command may touch of the outside world: streams, environment, clock, messages, cluster options.

Verbs get an `Env` and a `Call`; they never use `sys.stdout`, never exit. Tests swap any part.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO

    # in `Call` these names are methods
    Text = str
    Truth = bool
    Number = int


class Log:
    """Messages for people, one line each, on stderr. The marks are flux's."""

    __slots__ = ("_stream",)

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def _write(self, mark: str, text: str) -> None:
        self._stream.write(f"{mark} {text}\n")
        self._stream.flush()

    def action(self, text: str) -> None:
        self._write("►", text)

    def generate(self, text: str) -> None:
        self._write("✚", text)

    def waiting(self, text: str) -> None:
        self._write("◎", text)

    def success(self, text: str) -> None:
        self._write("✔", text)

    def warning(self, text: str) -> None:
        self._write("⚠️", text)

    def failure(self, text: str) -> None:
        self._write("✗", text)

    def plain(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class KubeOptions:
    """Which cluster and identity to use: the values of the global flags, empty where not given."""

    __slots__ = (
        "as_groups",
        "as_uid",
        "as_user",
        "as_user_extra",
        "certificate_authority",
        "client_certificate",
        "client_key",
        "cluster",
        "context",
        "disable_compression",
        "insecure_skip_tls_verify",
        "kubeconfig",
        "namespace",
        "server",
        "timeout",
        "tls_server_name",
        "token",
        "user",
    )

    def __init__(self, namespace: str = "flux-system", kubeconfig: str = "", context: str = "") -> None:
        self.namespace = namespace
        self.kubeconfig = kubeconfig
        self.context = context
        self.cluster = ""
        self.user = ""
        self.server = ""
        self.token = ""
        self.as_user = ""
        self.as_uid = ""
        self.as_groups: list[str] = []
        self.as_user_extra: list[str] = []
        self.insecure_skip_tls_verify = False
        self.tls_server_name = ""
        self.certificate_authority = ""
        self.client_certificate = ""
        self.client_key = ""
        self.disable_compression = False
        self.timeout = 300.0
        """Seconds that the whole operation may take (`--timeout`)."""


def _nowhere() -> TextIO:
    """What is written to in the place of a stream that the caller has closed (`>&-`)."""
    return open(os.devnull, "w", encoding="utf-8")


class Env:
    """One command's world. `kube` says which cluster; `pyflux.kube.connect(env)` opens it."""

    __slots__ = (
        "environ",
        "kube",
        "log",
        "monotonic",
        "now",
        "sleep",
        "stderr",
        "stdin",
        "stdout",
        "verbose",
    )

    def __init__(
        self,
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        stdin: TextIO | None = None,
        environ: Mapping[str, str] | None = None,
        kube: KubeOptions | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stdout: TextIO = stdout or sys.stdout or _nowhere()
        self.stderr: TextIO = stderr or sys.stderr or _nowhere()
        self.stdin: TextIO = stdin if stdin is not None else sys.stdin
        self.environ: Mapping[str, str] = environ if environ is not None else os.environ
        self.kube = kube if kube is not None else KubeOptions()
        self.log = Log(self.stderr)
        self.verbose = False
        self.sleep = sleep
        self.now = now
        self.monotonic = monotonic

    def write(self, text: str) -> None:
        """Data for stdout, exactly as given. An OSError names stdout."""
        try:
            self.stdout.write(text)
        except OSError as error:
            error.filename = error.filename or "stdout"
            raise

    def fancy(self, stream: TextIO | None = None) -> bool:
        """True where colour and live views are welcome: a terminal, no NO_COLOR, a TERM that is not dumb."""
        target = stream if stream is not None else self.stderr
        able = self.environ.get("TERM", "") not in ("", "dumb", "unknown")
        return target.isatty() and able and not self.environ.get("NO_COLOR")

    def interactive(self) -> bool:
        """True where a question can be asked and answered."""
        return self.stdin.isatty()


_STR, _BOOL, _INT = str, bool, int


class Call:
    """A parsed command line: the command's path, its arguments and the value of every flag it has."""

    __slots__ = ("args", "changed", "path", "values")

    def __init__(
        self,
        path: tuple[Text, ...],
        args: list[Text] | None = None,
        values: dict[Text, Any] | None = None,
        changed: set[Text] | None = None,
    ) -> None:
        self.path = path
        """Canonical names, aliases resolved: ("get", "sources", "git")."""
        self.args = args or []
        self.values = values or {}
        self.changed = changed or set()
        """Names of the flags that were given on the command line."""

    def str(self, name: Text) -> Text:
        value = self.values[name]
        assert isinstance(value, _STR), name
        return value

    def bool(self, name: Text) -> Truth:
        value = self.values[name]
        assert isinstance(value, _BOOL), name
        return value

    def int(self, name: Text) -> Number:
        value = self.values[name]
        assert isinstance(value, _INT), name
        return value

    def strings(self, name: Text) -> list[Text]:
        value = self.values[name]
        assert isinstance(value, list), name
        return value

    def mapping(self, name: Text) -> dict[Text, Text]:
        value = self.values[name]
        assert isinstance(value, dict), name
        return value

    def duration(self, name: Text) -> Number:
        """A duration flag's value in nanoseconds (see `pyflux.catalog.duration`)."""
        return self.int(name)

    def seconds(self, name: Text) -> float:
        """A duration flag's value in seconds."""
        return self.int(name) / 1e9
