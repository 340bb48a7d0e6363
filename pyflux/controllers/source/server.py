"""Serves artifacts over HTTP to whatever controller applies them: files of the storage, read only, no listings."""

from __future__ import annotations

import os
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyflux.errors import ConfigError

if TYPE_CHECKING:
    from pyflux.controllers.source.storage import Storage

_PATH = re.compile(r"/([a-z0-9]+/[a-z0-9.-]+/[a-z0-9.-]+/[A-Za-z0-9._+-]+\.(?:tar\.gz|tgz|yaml))\Z")
_SILENCE = 60.0


class ArtifactServer:
    """One HTTP server for one storage."""

    def __init__(self, storage: Storage, address: str) -> None:
        host, port = split_address(address)
        try:
            self._server = _Server((host, port), _handler(storage))
        except OSError as error:
            raise ConfigError(
                f"cannot serve artifacts on {address}: {error.strerror or error}",
                hint="choose another address with --storage-addr, or port 0 for a free one",
            ) from None
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.5,), name="artifacts", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # without the base class's look-up of the host's name, which can take seconds
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        # a client that went away is no news
        pass


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "host:port"; an empty host is every interface. Raises ConfigError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"'{address}' is not an address of the form host:port")
    return host.strip("[]"), int(port)


def _handler(storage: Storage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SILENCE

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            found = _PATH.match(unquote(self.path.partition("?")[0]))
            path = storage.local({"path": found[1]}) if found and ".." not in found[1].split("/") else ""
            if not path or not os.path.isfile(path) or os.path.islink(path):
                self.send_error(404)
                return
            with open(path, "rb") as file:
                self.send_response(200)
                kind = "text/yaml" if path.endswith(".yaml") else "application/gzip"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
                self.end_headers()
                if body:
                    shutil.copyfileobj(file, self.wfile, 1 << 18)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
