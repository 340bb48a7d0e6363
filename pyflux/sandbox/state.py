"""The folder of one sandbox: what is in it, and its settings."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from pyflux.errors import PyfluxError
from pyflux.sandbox.certs import make_certificates, write_private

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
DEFAULT_NAME = "pyflux"


def home(environ: dict[str, str] | None = None) -> Path:
    """The folder of all sandboxes: PYFLUX_HOME/sandbox, or XDG_STATE_HOME/pyflux/sandbox."""
    env = dict(os.environ) if environ is None else environ
    if env.get("PYFLUX_HOME"):
        return Path(env["PYFLUX_HOME"]).absolute() / "sandbox"
    base = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".local" / "state")
    return Path(base).absolute() / "pyflux" / "sandbox"


@dataclass
class Settings:
    """What stays the same over restarts: ports and the admin's token."""

    api_port: int
    git_port: int
    token: str


@dataclass(frozen=True)
class State:
    """One sandbox by name."""

    name: str
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig, mode 0600."""
        return self.folder / "kubeconfig"

    @property
    def log(self) -> Path:
        """What the daemon prints."""
        return self.folder / "sandbox.log"

    @property
    def controllers_log(self) -> Path:
        """What the controllers print."""
        return self.folder / "controllers.log"

    @property
    def pid_file(self) -> Path:
        """JSON of the running daemon: pid and its start time."""
        return self.folder / "daemon.json"

    @property
    def controllers_pid_file(self) -> Path:
        """JSON of the running controllers: pid."""
        return self.folder / "controllers.json"

    @property
    def lock_file(self) -> Path:
        """Held by the daemon while it runs."""
        return self.folder / "daemon.lock"

    @property
    def database(self) -> Path:
        """The objects."""
        return self.folder / "objects.db"

    @property
    def repositories(self) -> Path:
        """The bare Git repositories."""
        return self.folder / "git"

    @property
    def settings_file(self) -> Path:
        """The Settings, mode 0600."""
        return self.folder / "settings.json"

    def exists(self) -> bool:
        """Whether the sandbox was ever started."""
        return self.settings_file.exists()

    def settings(self) -> Settings:
        """The settings; a PyfluxError when there are none."""
        try:
            return Settings(**json.loads(self.settings_file.read_text()))
        except FileNotFoundError:
            raise PyfluxError(
                f"sandbox '{self.name}' does not exist", hint=f"start it with: pyflux sandbox start --name {self.name}"
            ) from None
        except (ValueError, TypeError) as error:
            raise PyfluxError(
                f"the settings of sandbox '{self.name}' are damaged: {error}", hint="delete it and start again"
            ) from None

    def prepare(self) -> Settings:
        """Makes the folder, settings, certificates and kubeconfig that are missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if not self.exists():
            api, git = free_port(), free_port()
            made = Settings(api, git, secrets.token_urlsafe(32))
            write_private(self.settings_file, json.dumps(asdict(made)).encode())
        settings = self.settings()
        make_certificates(self.folder)
        self.write_kubeconfig(settings)
        self.repositories.mkdir(exist_ok=True)
        return settings

    def move_ports(self, settings: Settings) -> Settings:
        """Takes new ports when another program has taken the old ones."""
        made = Settings(
            settings.api_port if port_is_free(settings.api_port) else free_port(),
            settings.git_port if port_is_free(settings.git_port) else free_port(),
            settings.token,
        )
        if made != settings:
            write_private(self.settings_file, json.dumps(asdict(made)).encode())
            self.write_kubeconfig(made)
        return made

    def write_kubeconfig(self, settings: Settings) -> None:
        """The admin's kubeconfig."""
        ca = base64.b64encode((self.folder / "ca.crt").read_bytes()).decode()
        name = f"pyflux-{self.name}" if self.name != DEFAULT_NAME else "pyflux-sandbox"
        server = f"https://127.0.0.1:{settings.api_port}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": ca}}],
            "users": [{"name": name, "user": {"token": settings.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        # JSON is YAML, and needs no library to write.
        write_private(self.kubeconfig, (json.dumps(config, indent=2) + "\n").encode())


def state(name: str = DEFAULT_NAME, environ: dict[str, str] | None = None) -> State:
    """The sandbox of this name, which may not exist."""
    if not _NAME.match(name):
        raise PyfluxError(
            f"invalid sandbox name '{name}'", hint="use lower case letters, digits and '-', at most 63 of them"
        )
    return State(name, home(environ) / name)


def names(environ: dict[str, str] | None = None) -> list[str]:
    """The sandboxes that exist."""
    folder = home(environ)
    return sorted(p.parent.name for p in folder.glob("*/settings.json")) if folder.exists() else []


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether the port can be bound on loopback."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
