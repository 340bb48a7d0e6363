"""SSH: host key scans, and the channel that dulwich speaks Git through. Needs no ssh program.

asyncssh reads the user's ssh_config (Host, ProxyJump, ProxyCommand, IdentityFile, UserKnownHostsFile …),
uses the agent, and checks host keys. Its event loop runs in one thread of its own, started on first use.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflux.git.deadline import left
from pyflux.git.errors import GitError, GitUnreachable, HostKeyRefused, KeyUnusable, LoginRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeVar

    from pyflux.git.auth import Auth
    from pyflux.git.urls import RemoteUrl

    T = TypeVar("T")

CONNECT_TIMEOUT = 30.0
READ_TIMEOUT = 120.0
SCANNED = ("ecdsa-sha2-nistp256", "ssh-ed25519", "rsa-sha2-512")
"""Host key algorithms that a scan asks for, one connection each: the kinds that Git hosts offer."""
_BUFFER = 4 << 20

_loop: asyncio.AbstractEventLoop | None = None
_loop_lock = threading.Lock()


def _run(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """Runs `work` on the SSH thread and waits for it, at most `timeout` seconds."""
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="ssh", daemon=True).start()
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout), _loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _classify(where: str, why: BaseException) -> GitError:
    import asyncssh

    if isinstance(why, asyncssh.HostKeyNotVerifiable):
        return HostKeyRefused(
            f"the host key of {where} is not known, or is not the known one",
            hint="compare it with what the host's owner publishes, then add it to ~/.ssh/known_hosts: "
            + _keyscan(where),
        )
    if isinstance(why, asyncssh.PermissionDenied):
        return LoginRefused(
            f"{where} refused the SSH login", hint="check the user name, and that the host knows the public key"
        )
    if isinstance(why, asyncssh.KeyEncryptionError | asyncssh.KeyImportError):
        return KeyUnusable(f"the SSH key for {where} cannot be used: {why}")
    if isinstance(why, asyncssh.KeyExchangeFailed):
        return GitError(f"{where} and this program share no SSH algorithm: {why.reason}")
    if isinstance(why, TimeoutError | asyncio.TimeoutError):
        return GitUnreachable(f"{where} cannot be reached: no answer in time")
    if isinstance(why, OSError):
        if isinstance(why, socket.gaierror):
            return GitUnreachable(f"{where} cannot be reached: the name does not resolve")
        reason = os.strerror(why.errno).lower() if why.errno else str(why)
        return GitUnreachable(f"{where} cannot be reached: {reason}")
    if isinstance(why, asyncssh.Error):
        return GitUnreachable(f"the SSH connection to {where} broke: {why.reason}")
    return GitError(f"SSH to {where} failed: {why}")


def _keyscan(where: str) -> str:
    host, colon, port = where.rpartition(":")
    return f"ssh-keyscan -p {port} {host}" if colon else f"ssh-keyscan {where}"


def _where(host: str, port: int) -> str:
    return host if port == 22 else f"{host}:{port}"


# --- host keys ---------------------------------------------------------------------------------------


def host_pattern(host: str, port: int = 22) -> str:
    """How known_hosts writes a host: bare for port 22, else [host]:port."""
    return host if port == 22 else f"[{host}]:{port}"


def scan_host_keys(
    host: str,
    port: int = 22,
    *,
    algorithms: tuple[str, ...] = (),
    timeout: float = CONNECT_TIMEOUT,
    user_files: bool = True,
) -> list[str]:
    """known_hosts lines for the host's keys, one a key type, from real SSH handshakes.

    With `user_files`, ssh_config is honoured (jump hosts too), and a host that the user's known_hosts knows
    must show a key from there. Raises HostKeyRefused, GitUnreachable, GitError.
    """
    import asyncssh

    async def one(algorithm: str) -> Any:
        config: dict[str, Any] = {} if user_files else {"config": None}
        return await asyncssh.get_server_host_key(host, port, server_host_key_algs=[algorithm], **config)

    async def every() -> list[Any]:
        asked = algorithms or SCANNED
        return await asyncio.gather(*(one(algorithm) for algorithm in asked), return_exceptions=True)

    where = _where(host, port)
    try:
        found = _run(every(), timeout)
    except Exception as why:
        raise _scan_failed(where, _classify(where, why)) from None
    keys = [key for key in found if key is not None and not isinstance(key, BaseException)]
    if not keys:
        failures = [why for why in found if isinstance(why, BaseException)]
        likely = next((w for w in failures if not isinstance(w, asyncssh.KeyExchangeFailed)), None)
        likely = likely or (failures[0] if failures else ConnectionError("no key was offered"))
        raise _scan_failed(where, _classify(where, likely))
    lines = [f"{host_pattern(host, port)} {_public(key)}" for key in keys]
    if user_files:
        _check_known(host, port, keys)
    return list(dict.fromkeys(lines))


def _scan_failed(where: str, why: GitError) -> GitError:
    return type(why)(f"SSH key scan for host {where} failed, error: {why.message}", hint=why.hint)


def _public(key: Any) -> str:
    words = key.export_public_key("openssh").decode().split()
    return f"{words[0]} {words[1]}"


def known_keys(host: str, port: int = 22) -> set[str]:
    """The host's keys ("TYPE KEY") in the user's known_hosts; empty where it is not known."""
    import asyncssh

    try:
        trusted = asyncssh.match_known_hosts(asyncssh.read_known_hosts(str(_known_hosts())), host, "", port)[0]
    except (OSError, ValueError):
        return set()
    return {_public(key) for key in trusted}


def _known_hosts() -> Path:
    return Path.home() / ".ssh" / "known_hosts"


def fingerprint(line: str) -> str:
    """What people compare of a known_hosts line: "SHA256:… (ssh-ed25519)"."""
    import base64
    import hashlib

    _, kind, key = line.split()[:3]
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')} ({kind})"


def _check_known(host: str, port: int, keys: list[Any]) -> None:
    """A host that the user already knows must not show other keys now."""
    known = known_keys(host, port)
    if known and known.isdisjoint(_public(key) for key in keys):
        raise HostKeyRefused(
            f"the host key of {_where(host, port)} is not the one in {_known_hosts()}",
            hint="someone may be between you and the host; if its key was changed, remove the old line there",
        )


# --- a command on the other side ---------------------------------------------------------------------


class Channel:
    """One remote command, as blocking reads and writes: what dulwich wants of an SSH vendor."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._ready = threading.Condition()
        self._data = bytearray()
        self._ended = False
        self._broken: BaseException | None = None
        self._paused = False
        self._errors = bytearray()
        self.connection: Any = None
        self.channel: Any = None

    # called on the SSH thread
    def received(self, data: bytes, is_error: bool) -> None:
        with self._ready:
            (self._errors if is_error else self._data).extend(data)
            if not is_error and len(self._data) > _BUFFER and not self._paused:
                self._paused = True
                self.channel.pause_reading()
            self._ready.notify_all()

    def ended(self, why: BaseException | None) -> None:
        with self._ready:
            self._ended = True
            self._broken = self._broken or why
            self._ready.notify_all()

    # called by dulwich
    def read(self, size: int) -> bytes:
        with self._ready:
            waited = self._ready.wait_for(lambda: len(self._data) >= size or self._ended, left(READ_TIMEOUT))
            if not waited:
                raise GitUnreachable(f"{self._where} stopped answering")
            taken = bytes(self._data[:size])
            del self._data[:size]
            if self._paused and len(self._data) < _BUFFER // 2:
                self._paused = False
                assert _loop is not None
                _loop.call_soon_threadsafe(self.channel.resume_reading)
            if len(taken) < size and self._broken is not None:
                raise _classify(self._where, self._broken)
            return taken

    def write(self, data: bytes) -> int:
        async def send() -> None:
            self.channel.write(bytes(data))

        try:
            _run(send(), left(READ_TIMEOUT))
        except OSError as why:
            raise GitUnreachable(f"the SSH connection to {self._where} broke: {why}") from None
        return len(data)

    def can_read(self) -> bool:
        with self._ready:
            return bool(self._data) or self._ended

    @property
    def stderr(self) -> io.BytesIO:
        return io.BytesIO(bytes(self._errors))

    def error_text(self) -> str:
        """What the other side wrote to stderr so far."""
        return self._errors.decode(errors="replace").strip()

    def close(self) -> None:
        async def shut() -> None:
            if self.channel is not None:
                self.channel.close()
            if self.connection is not None:
                self.connection.close()
                await self.connection.wait_closed()

        try:
            _run(shut(), 10.0)
        except (OSError, TimeoutError):
            pass


class Vendor:
    """dulwich's idea of an SSH implementation, made of asyncssh."""

    def __init__(self, url: RemoteUrl, auth: Auth) -> None:
        self._url = url
        self._auth = auth
        self.last: Channel | None = None

    def run_command(
        self,
        host: str,
        command: bytes,
        username: str | None = None,
        port: int | None = None,
        protocol_version: int | None = None,
        **_other: Any,
    ) -> Channel:
        where = _where(self._url.host, self._url.port)
        channel = Channel(where)
        version = 2 if protocol_version is None else protocol_version
        variables = {"GIT_PROTOCOL": f"version={version}"} if version else {}
        try:
            _run(_open(self._url, self._auth, command.decode(), variables, channel), left(CONNECT_TIMEOUT))
        except GitError:
            raise
        except Exception as why:
            raise _classify(where, why) from None
        self.last = channel
        return channel


async def _open(url: RemoteUrl, auth: Auth, command: str, variables: dict[str, str], target: Channel) -> None:
    import asyncssh

    class Session(asyncssh.SSHClientSession[bytes]):
        def data_received(self, data: bytes, datatype: Any) -> None:
            target.received(data, datatype == asyncssh.EXTENDED_DATA_STDERR)

        def eof_received(self) -> bool:
            target.ended(None)
            return False

        def connection_lost(self, exc: Exception | None) -> None:
            target.ended(exc)

    target.connection = await asyncssh.connect(url.host, url.port, **_options(url, auth))
    make: Callable[[], Any] = Session
    target.channel, _session = await target.connection.create_session(make, command, env=variables, encoding=None)


def _options(url: RemoteUrl, auth: Auth) -> dict[str, Any]:
    options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, "login_timeout": CONNECT_TIMEOUT}
    user = url.username or auth.username
    if user:
        options["username"] = user
    if auth.private_key:
        options["client_keys"] = [load_private_key(auth.private_key, auth.passphrase)]
        options["agent_path"] = None
    elif not auth.ssh_user_files:
        options["client_keys"] = None
        options["agent_path"] = None
    if auth.password and not auth.private_key:
        options["password"] = auth.password
    if auth.known_hosts is not None:
        options["known_hosts"] = auth.known_hosts
    if auth.host_key_algorithms:
        options["server_host_key_algs"] = list(auth.host_key_algorithms)
    if not auth.ssh_user_files:
        options["config"] = None
        options.setdefault("username", "git")
        if auth.known_hosts is None:
            raise HostKeyRefused(f"the host key of {_where(url.host, url.port)} cannot be checked: no known_hosts")
    return options


def load_private_key(pem: bytes, passphrase: str = "") -> Any:
    """The asyncssh key in `pem`. Raises KeyUnusable for a wrong passphrase or an unknown format."""
    import asyncssh

    try:
        return asyncssh.import_private_key(pem, passphrase or None)
    except asyncssh.KeyEncryptionError:
        raise KeyUnusable("the private key cannot be decrypted: the passphrase is wrong") from None
    except asyncssh.KeyImportError as why:
        if (not passphrase and b"ENCRYPTED" in pem) or "passphrase" in str(why).lower():
            raise KeyUnusable("the private key is encrypted: passphrase required") from None
        raise KeyUnusable(f"the private key cannot be read: {why}") from None


def public_key(pem: bytes, passphrase: str = "") -> str:
    """The public half of a private key as an authorized_keys line, newline included, without a comment."""
    return _public(load_private_key(pem, passphrase)) + "\n"
