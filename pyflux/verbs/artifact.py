"""What the artifact verbs share: logins, ignore rules, stdin, links resolved."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.oci import credentials, providers, reference
from pyflux.oci.client import PULL, Repository
from pyflux.oci.transport import Transport
from pyflux.render import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyflux.env import Call, Env

    Excluded = Callable[[str, bool], bool]

_READ = 1 << 20


def address(call: Call, missing: str) -> str:
    """The artifact's address from the first argument, without oci://. Raises PyfluxError."""
    if not call.args:
        raise PyfluxError(missing)
    return reference.parse_url(call.args[0])


@contextlib.contextmanager
def open_repository(
    env: Env, call: Call, target: reference.Reference, *, insecure: bool, actions: str = PULL
) -> Iterator[Repository]:
    """The repository of `target`, with the login that the flags ask for. Raises PyfluxError."""
    transport = Transport(
        environ=env.environ,
        insecure=insecure,
        deadline=env.monotonic() + env.kube.timeout,
        monotonic=env.monotonic,
        sleep=env.sleep,
        debug=env.log.plain if call.values.get("debug") else None,
    )
    try:
        login = _login(env, call, target)
        yield Repository(target, transport, login, actions=actions, plain=insecure)
    finally:
        transport.close()


def _login(env: Env, call: Call, target: reference.Reference) -> credentials.Credentials:
    provider, creds = call.str("provider"), call.str("creds")
    if provider != "generic":
        env.log.action("logging in to registry with provider credentials")
        try:
            return providers.login(provider, target.registry, env.environ, env.kube.timeout)
        except PyfluxError as why:
            raise PyfluxError(
                f"error during login with provider: could not login to provider {provider} "
                f"with url {target}: {why.message}",
                hint=why.hint,
            ) from why
    if creds:
        env.log.action("logging in to registry with credentials")
        return credentials.from_text(creds)
    return credentials.find(env.environ, target.registry, target.repository)


def excluded(call: Call) -> Excluded:
    """Whether a path of the artifact is left out: --ignore-paths, then --add-ignore-paths."""
    lines = call.strings("ignore-paths") + call.strings("add-ignore-paths")
    return ignore.Ignore(ignore.parse("\n".join(lines))).excludes


@contextlib.contextmanager
def local_path(env: Env, call: Call) -> Iterator[str]:
    """--path, made ready: `-` read from stdin into a file, links resolved where asked. Raises PyfluxError."""
    path = call.str("path")
    if not path:
        raise PyfluxError('invalid path ""')
    with contextlib.ExitStack() as stack:
        if path == "-":
            path = stack.enter_context(_stdin_file(env))
        if not os.path.exists(path):
            raise PyfluxError(f"invalid path '{path}', must point to an existing directory or file")
        if call.values.get("resolve-symlinks"):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pyflux-artifact-"))
            path = resolve_links(path, folder)
        yield path


@contextlib.contextmanager
def _stdin_file(env: Env) -> Iterator[str]:
    binary = getattr(env.stdin, "buffer", None)
    data: bytes = binary.read() if binary is not None else env.stdin.read().encode()
    with tempfile.TemporaryDirectory(prefix="pyflux-artifact-") as folder:
        # a name that is always the same keeps the artifact's digest the same
        path = os.path.join(folder, "stdin.yaml")
        with open(path, "wb") as file:
            file.write(data.rstrip(b"\r\n"))
        yield path


def resolve_links(path: str, folder: str) -> str:
    """Copies `path` into `folder` with every link replaced by what it points to; the copy's path.

    Raises PyfluxError.
    """
    source = os.path.abspath(path)
    try:
        if os.path.isdir(source):
            _copy_folder(source, folder, [])
            return folder
        target = os.path.join(folder, os.path.basename(source))
        _copy_file(os.path.realpath(source, strict=True), target)
        return target
    except OSError as why:
        raise PyfluxError(f"resolving symlinks failed: {why.filename or path}: {why.strerror or why}") from why


def _copy_folder(source: str, target: str, above: list[str]) -> None:
    real = os.path.realpath(source, strict=True)
    if real in above:
        return  # a link to a folder that holds it
    for name in sorted(os.listdir(source)):
        found, copy = os.path.join(source, name), os.path.join(target, name)
        status = os.stat(found)
        if stat.S_ISDIR(status.st_mode):
            os.makedirs(copy, mode=status.st_mode & 0o777, exist_ok=True)
            _copy_folder(os.path.realpath(found), copy, [*above, real])
        elif stat.S_ISREG(status.st_mode):
            _copy_file(found, copy)


def _copy_file(source: str, target: str) -> None:
    mode = os.stat(source).st_mode & 0o777
    with open(source, "rb") as read, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        shutil.copyfileobj(read, out, _READ)
