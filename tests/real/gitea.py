"""A real Gitea on loopback: a Git hosting service with an API, users, tokens and deploy keys."""

from __future__ import annotations

import base64
import http.client
import json
import os
import pwd
import secrets
import subprocess
from pathlib import Path
from typing import Any

from tests.real.processes import (
    OneServer,
    Server,
    ServerError,
    binary,
    free_port,
    missing,
    temporary_folder,
)

USERNAME = "owner"
_UNPRIVILEGED = "nobody"

_CONFIG = """\
RUN_MODE = prod
RUN_USER = {user}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
DOMAIN = 127.0.0.1
SSH_DOMAIN = 127.0.0.1
START_SSH_SERVER = true
SSH_LISTEN_HOST = 127.0.0.1
SSH_PORT = {ssh_port}
SSH_LISTEN_PORT = {ssh_port}
BUILTIN_SSH_SERVER_USER = git
STATIC_ROOT_PATH = {static}
APP_DATA_PATH = {folder}/data
OFFLINE_MODE = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
[service]
DISABLE_REGISTRATION = true
[log]
MODE = console
LEVEL = warn
[cron]
ENABLED = false
[actions]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
"""


class Gitea(OneServer):
    """A running Gitea at `url` with one administrator: `username`, `password`, `token` (every scope)."""

    def __init__(self) -> None:
        reason = self.missing()
        if reason:
            raise ServerError(reason)
        self.folder: Path = temporary_folder("pyflux-gitea-")
        self.port, self.ssh_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.username, self.password = USERNAME, secrets.token_urlsafe(16)
        # Gitea refuses to run as root.
        account = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._uid = account.pw_uid if os.geteuid() == 0 else None
        (self.folder / "app.ini").write_text(
            _CONFIG.format(
                user=account.pw_name,
                port=self.port,
                ssh_port=self.ssh_port,
                folder=self.folder,
                static=binary("gitea-static"),
                secret=secrets.token_hex(16),
            )
        )
        if self._uid is not None:
            for path in (self.folder, self.folder / "app.ini"):
                os.chown(path, self._uid, account.pw_gid)
        self._command = [str(binary("gitea")), "--config", str(self.folder / "app.ini")]
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "USER": account.pw_name,
            "GITEA_WORK_DIR": str(self.folder),
            "TMPDIR": str(self.folder),
        }
        self._admin("migrate")
        created = self._admin(
            "admin", "user", "create", "--admin", "--username", self.username,
            "--password", self.password, "--email", "owner@example.com", "--must-change-password=false",
            "--access-token", "--access-token-scopes", "all",
        )  # fmt: skip
        self.token = _token_in(created)
        self._server = Server(
            "gitea",
            [*self._command, "web"],
            self.folder / "gitea.log",
            env=self._environment,
            cwd=self.folder,
            user=self._uid,
        )
        self._server.wait_until(self._answers, 60, 0.1)

    @staticmethod
    def missing() -> str | None:
        """Why it cannot run here, or None when it can."""
        return missing("gitea", "gitea-static")

    def _admin(self, *arguments: str) -> str:
        result = subprocess.run(
            [*self._command, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else [],
            timeout=120,
            check=False,
        )
        if result.returncode:
            raise ServerError(f"gitea {arguments[0]} failed: {result.stdout}{result.stderr}")
        return result.stdout

    def _answers(self) -> bool:
        try:
            return self.api("GET", "/version")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """One request to the API below /api/v1 as the administrator: the status code and the decoded answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        credentials = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", payload, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(data) if data.strip() else None


def _token_in(output: str) -> str:
    """The token in what `gitea admin user create --access-token` prints: the word of 40 hex digits."""
    for word in output.split():
        if len(word) == 40 and all(digit in "0123456789abcdef" for digit in word):
            return word
    raise ServerError("gitea did not print an access token")
