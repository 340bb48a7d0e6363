"""A real OCI registry on loopback, for pushes and pulls of artifacts."""

from __future__ import annotations

import os
from pathlib import Path

from tests.real.processes import (
    OneServer,
    Server,
    ServerError,
    binary,
    free_port,
    listening,
    missing,
    temporary_folder,
)

USERNAME = "flux"
PASSWORD = "registry-secret"
# bcrypt (the only scheme the registry takes) of the password above.
_HTPASSWD = "flux:$2b$04$5QTJdlmOKH21ZBUjooU6uuQUUUFVjsYt0LGi.yvLu/rEETAxLc8CW\n"

_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_AUTH = "auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"


class Registry(OneServer):
    """A running registry over plain HTTP at `address` (host:port); with `auth` it asks for USERNAME and PASSWORD."""

    def __init__(self, *, auth: bool = False) -> None:
        reason = missing("registry")
        if reason:
            raise ServerError(reason)
        self.folder: Path = temporary_folder("pyflux-registry-")
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        config = self.folder / "config.yml"
        config.write_text((_CONFIG + (_AUTH if auth else "")).format(folder=self.folder, port=port))
        (self.folder / "htpasswd").write_text(_HTPASSWD)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "OTEL_TRACES_EXPORTER": "none"}
        self._server = Server(
            "registry", [binary("registry"), "serve", config], self.folder / "registry.log", env=environment
        )
        self._server.wait_until(lambda: listening(port), 15)
