"""Git over HTTP as hosting services serve it: `git http-backend` behind a small threaded server.

python tests/real/githttp.py FOLDER [--port N] [--username U]   # password from GIT_HTTP_PASSWORD
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import ssl
import subprocess
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

if __package__ in (None, ""):  # run as a script: make the tests importable as they are under pytest
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.real.gitrepos import BareRepository, git_environment
from tests.real.pki import write_serving_pair
from tests.real.processes import remove_folder, temporary_folder

_TIMEOUT_SECONDS = 120


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    root: Path
    credentials: tuple[str, str] | None = None
    requests: list[tuple[str, str]]


class _Handler(BaseHTTPRequestHandler):
    """One request, handed to `git http-backend` by the rules of CGI."""

    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._body()
        self.server.requests.append((self.command, self.path))
        user = self._user()
        if user is None:
            self._answer(
                HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="git"'}, b"authentication required\n"
            )
            return
        result = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            env=self._environment(user, len(body)),
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        self._relay(result.stdout)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _user(self) -> str | None:
        """The authenticated user, "anonymous" where no password is asked for, None when it is wrong."""
        if self.server.credentials is None:
            return "anonymous"
        username, password = self.server.credentials
        expected = base64.b64encode(f"{username}:{password}".encode()).decode()
        given = self.headers.get("Authorization", "")
        return username if hmac.compare_digest(given, f"Basic {expected}") else None

    def _environment(self, user: str, length: int) -> dict[str, str]:
        url = urlsplit(self.path)
        environment = {
            **git_environment(),
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_USER": user,
        }
        for header, name in (("Git-Protocol", "GIT_PROTOCOL"), ("Content-Encoding", "HTTP_CONTENT_ENCODING")):
            if value := self.headers.get(header):
                environment[name] = value
        return environment

    def _relay(self, output: bytes) -> None:
        head, _, body = output.partition(b"\r\n\r\n")
        status, headers = 200, {}
        for line in head.decode().splitlines():
            name, _, value = line.partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            elif name.lower() != "content-length":
                headers[name] = value
        self._answer(status, headers, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the requests are kept in `GitHTTPServer.requests`."""


class GitHTTPServer:
    """Serves the bare repositories below a folder on 127.0.0.1, from a thread of this process.

    With `username` and `password` every request needs them (HTTP basic auth); with `tls` the server
    speaks HTTPS with a certificate of its own CA, whose file is `ca`. `requests` lists (method, path).
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        port: int = 0,
    ) -> None:
        self.root = root or temporary_folder("pyflux-git-")
        self._own_folders = [] if root else [self.root]
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.root = self.root
        self._http.requests = []
        if username is not None and password is not None:
            self._http.credentials = (username, password)
        self.ca: Path | None = None
        if tls:
            folder = temporary_folder("pyflux-git-tls-")
            self._own_folders.append(folder)
            write_serving_pair(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self.ca = folder / "ca.crt"
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def requests(self) -> list[tuple[str, str]]:
        """The method and path of every request so far."""
        return self._http.requests

    def create(self, name: str, branch: str = "main") -> BareRepository:
        """Create an empty bare repository NAME.git below the root."""
        return BareRepository.create(self.root / f"{name}.git", branch)

    def url_of(self, name: str) -> str:
        """The clone address of a repository, without credentials."""
        return f"{self.url}/{quote(name)}.git"

    def stop(self) -> None:
        """Stop serving; repositories in a folder of the caller's stay."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
        for folder in self._own_folders:
            remove_folder(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the bare Git repositories below a folder over HTTP")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--username", help="ask for this user; the password is in GIT_HTTP_PASSWORD")
    options = parser.parse_args()
    password = os.environ.get("GIT_HTTP_PASSWORD", "") if options.username else None
    with GitHTTPServer(
        options.folder.resolve(), username=options.username, password=password, port=options.port
    ) as server:
        print(server.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
