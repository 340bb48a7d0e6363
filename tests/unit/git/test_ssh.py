"""Git over SSH against a real sshd, with host keys, agents' absence, jump hosts and bad keys."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflux.git.auth import Auth
from pyflux.git.errors import GitError, GitUnreachable, HostKeyRefused, KeyUnusable, LoginRefused, RepositoryMissing
from pyflux.git.refs import list_refs
from pyflux.git.source import Ref, fetch_commit
from pyflux.git.ssh import fingerprint, host_pattern, known_keys, public_key, scan_host_keys
from pyflux.git.workcopy import Person, WorkCopy
from tests.real.sshd import SSHGitServer


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The .ssh folder of the test's own home."""
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir(mode=0o700)
    return folder


def key_auth(server: SSHGitServer) -> Auth:
    return Auth(private_key=server.client_key.read_bytes(), known_hosts=server.known_hosts.encode())


def test_push_and_fetch(ssh_server: SSHGitServer, tmp_path: Path) -> None:
    repository = ssh_server.create("fleet")
    url, auth = ssh_server.url_of("fleet"), key_auth(ssh_server)
    work = WorkCopy(url, "main", auth)
    work.refresh()
    # larger than any buffer on the way
    work.commit({"big.bin": bytes(range(256)) * 40_000, "a.yaml": b"a: 1"}, "One", Person("Flux", ""))
    work.push()
    repository.git("fsck", "--strict")
    out = tmp_path / "out"
    out.mkdir()
    assert fetch_commit(url, Ref(branch="main"), auth, into=str(out)).revision.commit == repository.head()
    assert (out / "big.bin").stat().st_size == 256 * 40_000
    work.close()


def test_scan_shows_every_kind_of_key(ssh_server: SSHGitServer, home: Path) -> None:
    lines = scan_host_keys("127.0.0.1", ssh_server.port)
    assert set(lines) == set(ssh_server.known_hosts.splitlines())
    only = scan_host_keys("127.0.0.1", ssh_server.port, algorithms=("ssh-ed25519",))
    assert [line.split()[1] for line in only] == ["ssh-ed25519"]
    (home / "known_hosts").write_text(ssh_server.known_hosts)
    assert scan_host_keys("127.0.0.1", ssh_server.port) == lines
    with pytest.raises(GitError, match="SSH key scan for host"):
        scan_host_keys("127.0.0.1", ssh_server.port, algorithms=("ecdsa-sha2-nistp521",))


def test_a_host_that_shows_other_keys_than_the_known_ones(ssh_server: SSHGitServer, home: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    words = (tmp_path / "other.pub").read_text().split()[:2]
    (home / "known_hosts").write_text(f"[127.0.0.1]:{ssh_server.port} {' '.join(words)}\n")
    with pytest.raises(HostKeyRefused, match="is not the one in"):
        scan_host_keys("127.0.0.1", ssh_server.port)
    with pytest.raises(HostKeyRefused):
        list_refs(ssh_server.url_of("fleet"), Auth(private_key=ssh_server.client_key.read_bytes()))


def test_fingerprints_are_those_of_ssh_keygen(ssh_server: SSHGitServer, home: Path, tmp_path: Path) -> None:
    assert known_keys("127.0.0.1", ssh_server.port) == set()
    (home / "known_hosts").write_text(ssh_server.known_hosts)
    assert len(known_keys("127.0.0.1", ssh_server.port)) == 3
    assert known_keys("127.0.0.1", 22) == set()
    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(home / "known_hosts")], check=True, capture_output=True, text=True
    ).stdout
    shown = [fingerprint(line) for line in ssh_server.known_hosts.splitlines()]
    assert [line.split()[1] for line in listed.splitlines()] == [text.split()[0] for text in shown]
    assert shown[0].endswith(" (ssh-ed25519)")


def test_an_unknown_host(ssh_server: SSHGitServer, home: Path) -> None:
    with pytest.raises(HostKeyRefused) as caught:
        list_refs(ssh_server.url_of("fleet"), Auth(private_key=ssh_server.client_key.read_bytes()))
    assert f"ssh-keyscan -p {ssh_server.port} 127.0.0.1" in caught.value.hint
    with pytest.raises(HostKeyRefused, match="no known_hosts"):
        list_refs(ssh_server.url_of("fleet"), Auth(ssh_user_files=False))


def test_keys_that_do_not_work(ssh_server: SSHGitServer, home: Path, tmp_path: Path) -> None:
    ssh_server.create("fleet")
    url, known = ssh_server.url_of("fleet"), ssh_server.known_hosts.encode()
    path = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "pass word", "-f", str(path)], check=True)
    pem = path.read_bytes()
    cases = [
        (Auth(private_key=pem, known_hosts=known), KeyUnusable, "is encrypted"),
        (Auth(private_key=pem, passphrase="wrong", known_hosts=known), KeyUnusable, "passphrase is wrong"),
        (Auth(private_key=b"nonsense", known_hosts=known), KeyUnusable, "cannot be read"),
        (Auth(private_key=pem, passphrase="pass word", known_hosts=known), LoginRefused, "refused the SSH login"),
        (Auth(known_hosts=known), LoginRefused, "refused the SSH login"),
    ]
    for auth, kind, text in cases:
        with pytest.raises(kind, match=text):
            list_refs(url, auth)
    ssh_server.authorize(path.with_suffix(".pub").read_text())
    assert list_refs(url, cases[3][0]).empty
    assert public_key(pem, "pass word").split() == path.with_suffix(".pub").read_text().split()[:2]


def test_what_is_not_there(ssh_server: SSHGitServer) -> None:
    with pytest.raises(RepositoryMissing):
        list_refs(ssh_server.url_of("nothing"), key_auth(ssh_server))
    with pytest.raises(GitUnreachable):
        list_refs("ssh://git@127.0.0.1:1/x", key_auth(ssh_server))


def test_proxy_command_and_names_of_ssh_config(ssh_server: SSHGitServer, home: Path, tmp_path: Path) -> None:
    ssh_server.create("fleet").commit({"a": "1"})
    log = tmp_path / "used"
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import socket, sys, threading, os\n"
        f"open({str(log)!r}, 'w').write(sys.argv[1])\n"
        f"s = socket.create_connection(('127.0.0.1', {ssh_server.port}))\n"
        "def up():\n"
        "    while data := os.read(0, 65536): s.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := s.recv(65536): os.write(1, data)\n"
    )
    (home / "config").write_text(
        f"Host fleet\n  HostName git.internal\n  User {ssh_server.user}\n  IdentityFile {ssh_server.client_key}\n"
        f"  ProxyCommand {sys.executable} {relay} %h\n"
    )
    lines = ssh_server.known_hosts.replace(f"[127.0.0.1]:{ssh_server.port}", "git.internal")
    (home / "known_hosts").write_text(lines)
    assert "refs/heads/main" in list_refs("ssh://fleet/fleet.git", Auth()).targets
    assert log.read_text() == "git.internal"


@pytest.fixture
def jump(tmp_path: Path) -> Iterator[tuple[int, list[tuple[str, int]], str]]:
    """A jump host: its port, the connections that were made through it, and its known_hosts line."""
    import asyncssh

    through: list[tuple[str, int]] = []

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
            through.append((dest_host, dest_port))
            return True

    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def start() -> int:
        server = await asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key])
        return int(server.sockets[0].getsockname()[1])

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    public = " ".join(key.export_public_key().decode().split()[:2])
    yield port, through, f"{host_pattern('127.0.0.1', port)} {public}\n"
    loop.call_soon_threadsafe(loop.stop)


def test_jump_hosts(ssh_server: SSHGitServer, home: Path, jump: tuple[int, list[tuple[str, int]], str]) -> None:
    port, through, line = jump
    ssh_server.create("fleet").commit({"a": "1"})
    (home / "config").write_text(
        f"Host behind\n  HostName 127.0.0.1\n  Port {ssh_server.port}\n  User {ssh_server.user}\n"
        f"  IdentityFile {ssh_server.client_key}\n  ProxyJump me@127.0.0.1:{port}\n"
    )
    (home / "known_hosts").write_text(ssh_server.known_hosts + line)
    url = f"ssh://behind:{ssh_server.port}/fleet.git"
    assert "refs/heads/main" in list_refs(url, Auth()).targets
    assert through == [("127.0.0.1", ssh_server.port)]
