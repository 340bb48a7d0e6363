"""The sandbox's Git server: `http://127.0.0.1:PORT/NAME.git`, clone and push.

Uses `git http-backend` where git is installed, else dulwich. A push to a repository that does not exist
creates it. It listens on loopback only and asks for no password.
"""

from __future__ import annotations

import gzip
import io
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from pyflux.errors import PyfluxError

log = logging.getLogger("sandbox")
BODY_LIMIT = 1 << 30
_PATH = re.compile(r"^/((?:[A-Za-z0-9_][A-Za-z0-9._-]*/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]*?\.git)(/.*)\Z")
_NAME = re.compile(r"^(?:[A-Za-z0-9_][A-Za-z0-9._-]*/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_ALLOWED = re.compile(r"^/(info/refs|git-upload-pack|git-receive-pack|HEAD|objects/.+)\Z")


def repository_path(folder: Path, name: str) -> Path:
    """Where the repository of this name lives; PyfluxError for a name that cannot be one."""
    if not _NAME.match(name) or ".." in name:
        raise PyfluxError(f"invalid repository name '{name}'", hint="use letters, digits, '.', '_' and '-'")
    return folder / (name if name.endswith(".git") else f"{name}.git")


def create_repository(folder: Path, name: str, branch: str = "main") -> Path:
    """Makes an empty bare repository, or finds it; returns its path."""
    from pyflux.git.server import create_bare

    path = repository_path(folder, name)
    create_bare(path, branch)
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news."""
        log.debug("git: a transfer broke", exc_info=True)


class GitServer:
    """Serves a folder of bare repositories from a thread."""

    def __init__(self, folder: Path, port: int, use_git: bool | None = None) -> None:
        self.folder = folder
        found = shutil.which("git") if use_git is not False else None
        if found is not None and not _has_backend(found):
            found = None
        self.git = found
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _Server(("127.0.0.1", port), handler)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.2,), daemon=True)
        self._app: Any = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Serves until `close()`."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving; transfers under way are cut."""
        self._http.shutdown()
        self._http.server_close()

    def ensure(self, name: str) -> None:
        """Creates a repository on its first push."""
        with self._lock:
            create_repository(self.folder, name)

    @property
    def app(self) -> Any:
        """The dulwich back end."""
        if self._app is None:
            from pyflux.git.server import smart_http

            self._app = smart_http(self.folder)
        return self._app


def _has_backend(git: str) -> bool:
    try:
        out = subprocess.run([git, "--exec-path"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return out.returncode == 0 and (Path(out.stdout.strip()) / "git-http-backend").exists()


class _Handler(BaseHTTPRequestHandler):
    owner: GitServer
    protocol_version = "HTTP/1.1"
    server_version = "pyflux-sandbox"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("git: " + format, *args)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        found = _PATH.match(unquote(parts.path))
        if found is None or ".." in parts.path or not _ALLOWED.match(found.group(2)):
            self._text(404, "not a repository\n")
            return
        name, rest = found.groups()
        body = self._body()
        if body is None:
            self.close_connection = True
            self._text(413, "the request is too large\n")
            return
        with body:
            service = parse_qs(parts.query).get("service", [""])[0]
            if not (self.owner.folder / name / "HEAD").exists():
                if service != "git-receive-pack":
                    self._text(404, "no such repository; push to create it\n")
                    return
                self.owner.ensure(name)
            environ = self._environ(f"/{name}{rest}", parts.query, body)
            if self.owner.git is not None:
                self._backend(environ, body)
            else:
                self._dulwich(environ, body)

    def _body(self) -> IO[bytes] | None:
        """The whole body, chunks joined and gzip undone; None when it is too large."""
        out: Any = tempfile.SpooledTemporaryFile(max_size=8 << 20)  # noqa: SIM115 - handed to the caller
        size = 0
        for chunk in self._chunks():
            size += len(chunk)
            if size > BODY_LIMIT:
                out.close()
                return None
            out.write(chunk)
        out.seek(0)
        if self.headers.get("Content-Encoding") in ("gzip", "x-gzip") and size:
            with gzip.open(out) as packed:
                data = packed.read(BODY_LIMIT + 1)
            out.close()
            return None if len(data) > BODY_LIMIT else io.BytesIO(data)
        made: IO[bytes] = out
        return made

    def _chunks(self) -> Any:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
                if not size:
                    while self.rfile.readline().strip():
                        pass
                    return
                yield self.rfile.read(size)
                self.rfile.readline()
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            data = self.rfile.read(min(left, 1 << 16))
            if not data:
                return
            left -= len(data)
            yield data

    def _environ(self, path: str, query: str, body: IO[bytes]) -> dict[str, Any]:
        body.seek(0, os.SEEK_END)
        size = body.tell()
        body.seek(0)
        return {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(size),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
        }

    def _backend(self, environ: dict[str, Any], body: IO[bytes]) -> None:
        assert self.owner.git is not None
        env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", ""),
            "GIT_PROJECT_ROOT": str(self.owner.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": environ["HTTP_GIT_PROTOCOL"],
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            **environ,
        }
        with tempfile.TemporaryFile() as given:
            shutil.copyfileobj(body, given)
            given.seek(0)
            child = subprocess.Popen(
                [self.owner.git, "http-backend"],
                env=env,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert child.stdout is not None
            try:
                headers, status = _cgi_headers(child.stdout)
                self._stream(status, headers, iter(lambda: child.stdout.read(1 << 16), b""))  # type: ignore[union-attr]
            finally:
                child.stdout.close()
                child.wait()

    def _dulwich(self, environ: dict[str, Any], body: IO[bytes]) -> None:
        environ |= {"wsgi.input": body, "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO()}
        answer: dict[str, Any] = {}
        written = io.BytesIO()

        def start(status: str, headers: list[tuple[str, str]], _info: Any = None) -> Any:
            answer["status"], answer["headers"] = int(status.split()[0]), headers
            return written.write

        made = self.owner.app(environ, start)
        chunks = list(made)
        self._stream(answer["status"], answer["headers"], iter([written.getvalue(), *chunks]))

    def _stream(self, status: int, headers: list[tuple[str, str]], chunks: Any) -> None:
        self.send_response(status)
        for key, value in headers:
            if key.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(key, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if chunk:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def _text(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _cgi_headers(out: IO[bytes]) -> tuple[list[tuple[str, str]], int]:
    headers, status = [], 200
    while line := out.readline().strip():
        key, _, value = line.decode("latin-1").partition(":")
        if key.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((key, value.strip()))
    return headers, status
