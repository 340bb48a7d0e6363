"""A registry in a thread: the parts of the distribution API that artifacts need, kept in memory."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Registry:
    """What was pushed, what was asked, and how the registry behaves."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.login = ("", "")
        """User and password it asks for; open without a user."""
        self.bearer = False
        """Ask for the login at a token server, not here."""
        self.token = "t0ken"
        self.fail_next: list[int] = []
        """Statuses that the next requests below /v2/NAME get."""
        self.page = 1000
        self.patch_limit = 0
        """Bytes that one PATCH may have, 0 for any number."""
        self.address = ""

    def tags(self, name: str) -> list[str]:
        return sorted(tag for repo, tag in self.manifests if repo == name and not tag.startswith("sha256:"))


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())

    def authorized(self) -> bool:
        user, password = self.registry.login
        given = self.headers.get("Authorization", "")
        if not user:
            return True
        if self.registry.bearer:
            return given == f"Bearer {self.registry.token}"
        return given == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def serve_token(self, query: dict[str, list[str]]) -> None:
        user, password = self.registry.login
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.refuse(401, "UNAUTHORIZED", "authentication required")
            return
        self.answer(200, json.dumps({"token": self.registry.token, "scope": query.get("scope")}).encode())

    def handle_request(self) -> None:
        registry, parts = self.registry, urlsplit(self.path)
        query = parse_qs(parts.query)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        registry.requests.append((self.command, self.path, dict(self.headers)))
        if parts.path == "/token":
            self.serve_token(query)
            return
        if not self.authorized():
            where = f"http://{registry.address}/token"
            challenge = f'Bearer realm="{where}",service="fake"' if registry.bearer else 'Basic realm="fake"'
            self.answer(401, b"", WWW_Authenticate=challenge)
            return
        if parts.path == "/v2/":
            self.answer(200, b"{}")
            return
        if registry.fail_next:
            self.refuse(registry.fail_next.pop(0), "UNKNOWN", "try again")
            return
        found = re.fullmatch(r"/v2/(.+)/(blobs/uploads|blobs|manifests|tags)/(.*)", parts.path)
        if not found:
            self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
            return
        name, what, rest = found.groups()
        {
            "blobs/uploads": self.serve_upload,
            "blobs": self.serve_blob,
            "manifests": self.serve_manifest,
            "tags": self.serve_tags,
        }[what](name, rest, query, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_request

    def serve_upload(self, name: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        uploads = self.registry.uploads
        if self.command == "POST":
            key = f"u{len(uploads)}"
            uploads[key] = b""
            self.answer(202, Location=f"/v2/{name}/blobs/uploads/{key}?_state=secret")
        elif self.command == "PATCH":
            limit = self.registry.patch_limit
            if limit and len(body) > limit:
                self.answer(413)
                return
            wanted = self.headers.get("Content-Range")
            if wanted and wanted != f"{len(uploads[rest])}-{len(uploads[rest]) + len(body) - 1}":
                self.answer(416)
                return
            uploads[rest] += body
            self.answer(202, Location=f"/v2/{name}/blobs/uploads/{rest}?_state=secret")
        else:
            data = uploads.pop(rest) + body
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            if query.get("digest") != [digest]:
                self.refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
                return
            self.registry.blobs[digest] = data
            self.answer(201)

    def serve_blob(self, name: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        data = self.registry.blobs.get(rest)
        if data is None:
            self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        else:
            self.answer(200, data, Content_Type="application/octet-stream")

    def serve_manifest(self, name: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        manifests = self.registry.manifests
        if self.command == "PUT":
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            manifests[name, rest] = manifests[name, digest] = (self.headers["Content-Type"], body)
            self.answer(201, Docker_Content_Digest=digest)
            return
        found = manifests.get((name, rest))
        if found is None:
            self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return
        digest = f"sha256:{hashlib.sha256(found[1]).hexdigest()}"
        self.answer(200, found[1], Content_Type=found[0], Docker_Content_Digest=digest)

    def serve_tags(self, name: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        tags = self.registry.tags(name)
        if not tags:
            self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
            return
        last = query.get("last", [""])[0]
        rest_of = [tag for tag in tags if tag > last]
        page, more = rest_of[: self.registry.page], rest_of[self.registry.page :]
        headers = {"Link": f'</v2/{name}/tags/list?n={self.registry.page}&last={page[-1]}>; rel="next"'} if more else {}
        self.answer(200, json.dumps({"name": name, "tags": page}).encode(), **headers)


@contextmanager
def serving() -> Iterator[Registry]:
    """A running registry; its `address` is HOST:PORT."""
    registry = Registry()
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
