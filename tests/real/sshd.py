"""Git over SSH: the system's own sshd on a high loopback port, serving bare repositories to one key."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from tests.real.gitrepos import BareRepository
from tests.real.processes import OneServer, Server, ServerError, free_port, listening, temporary_folder

# Repositories are asked for as /NAME.git; git-shell then allows Git's own services and nothing else.
_COMMAND = """\
#!/bin/sh
root={root}
unset GIT_DIR
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_COUNT=1
GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
service=${{SSH_ORIGINAL_COMMAND%% *}}
name=${{SSH_ORIGINAL_COMMAND#* }}
name=${{name#\\'}} name=${{name%\\'}} name=${{name#/}}
case $name in *..*|*\\'*) echo "no such repository" >&2; exit 1 ;; esac
exec git-shell -c "$service '$root/$name'"
"""

_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_ed25519
HostKey {folder}/host_ecdsa
HostKey {folder}/host_rsa
AuthorizedKeysFile {folder}/authorized_keys
ForceCommand {folder}/serve-git
AllowUsers {user}
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
AcceptEnv GIT_PROTOCOL
AllowTcpForwarding no
X11Forwarding no
PermitTTY no
MaxStartups 100
PidFile none
LogLevel VERBOSE
"""


def sshd_program() -> str | None:
    """The path of sshd, or None where OpenSSH's server is not installed."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


class SSHGitServer(OneServer):
    """A running sshd; `client_key` is the private key file it accepts, `known_hosts` its host key lines."""

    def __init__(self, root: Path | None = None) -> None:
        program = sshd_program()
        if program is None:
            raise ServerError(self.missing())
        self.folder = temporary_folder("pyflux-sshd-")
        self.root = root or self.folder / "repositories"
        self.root.mkdir(exist_ok=True)
        self.port = free_port()
        self.user = getpass.getuser()
        for kind in ("ed25519", "ecdsa", "rsa"):
            _generate_key(self.folder / f"host_{kind}", kind)
        self.client_key = self.folder / "client_ed25519"
        _generate_key(self.client_key, "ed25519")
        self.authorize(self.client_key.with_suffix(".pub").read_text())
        script = self.folder / "serve-git"
        script.write_text(_COMMAND.format(root=shlex.quote(str(self.root))))
        script.chmod(0o700)
        config = self.folder / "sshd_config"
        config.write_text(_CONFIG.format(port=self.port, folder=self.folder, user=self.user))
        if os.geteuid() == 0:  # where sshd drops its privileges to; packages make it at boot
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._server = Server("sshd", [program, "-D", "-e", "-f", config], self.folder / "sshd.log")
        self._server.wait_until(lambda: listening(self.port), 15)

    @staticmethod
    def missing() -> str | None:
        """Why it cannot run here, or None when it can."""
        return None if sshd_program() else "sshd not found (install OpenSSH's server: apt-get install openssh-server)"

    @property
    def known_hosts(self) -> str:
        """The server's keys as lines of a known_hosts file."""
        keys = [(self.folder / f"host_{kind}.pub").read_text().split()[:2] for kind in ("ed25519", "ecdsa", "rsa")]
        return "".join(f"[127.0.0.1]:{self.port} {kind} {key}\n" for kind, key in keys)

    def authorize(self, public_key: str) -> None:
        """Let the holder of one more key in (a line as in a .pub file)."""
        path = self.folder / "authorized_keys"
        known = path.read_text() if path.exists() else ""
        path.write_text(known + public_key.strip() + "\n")
        path.chmod(0o600)

    def create(self, name: str, branch: str = "main") -> BareRepository:
        """Create an empty bare repository NAME.git below the root."""
        return BareRepository.create(self.root / f"{name}.git", branch)

    def url_of(self, name: str) -> str:
        """The clone address of a repository."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}/{quote(name)}.git"

    def log(self) -> str:
        """What sshd wrote so far."""
        return self._server.tail(200)


def _generate_key(path: Path, kind: str) -> None:
    size = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "pyflux tests", "-f", str(path)],
        check=True,
        capture_output=True,
        timeout=60,
    )
