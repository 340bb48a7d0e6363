from __future__ import annotations

import hashlib
import http.server
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pyflux.verbs.plugin_catalog import host_platform

if TYPE_CHECKING:
    from collections.abc import Iterator


class Catalog:
    """A catalog over HTTP: `files` by path; `add` publishes a version of a plugin."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.base = ""
        self._versions: dict[str, list[dict[str, Any]]] = {}

    def add(
        self, plugin: str, version: str, data: bytes, *, file: str = "bin", checksum: str = "", **more: Any
    ) -> None:
        import json

        path = f"{plugin}-{version}-{file}"
        self.files[path] = data
        system, arch = host_platform()
        row = {
            "os": system,
            "arch": arch,
            "url": self.base + path,
            "checksum": checksum or f"sha256:{hashlib.sha256(data).hexdigest()}",
        } | {key: value for key, value in more.items() if key == "extractPath"}
        self._versions.setdefault(plugin, []).insert(0, {"version": version, "platforms": [row]})
        manifest = {
            "apiVersion": "cli.fluxcd.io/v1beta1",
            "kind": "Plugin",
            "name": plugin,
            "bin": f"flux-{plugin}",
            "versions": self._versions[plugin],
        } | {key: value for key, value in more.items() if key != "extractPath"}
        self.files[f"{plugin}.yaml"] = json.dumps(manifest).encode()
        entries = [{"name": known, "description": f"The {known} tool"} for known in sorted(self._versions)]
        listing = {"apiVersion": "cli.fluxcd.io/v1beta1", "kind": "PluginCatalog", "plugins": entries}
        self.files["catalog.yaml"] = json.dumps(listing).encode()


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    served = Catalog()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.files.get(self.path.lstrip("/"))
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.base = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join(5)
