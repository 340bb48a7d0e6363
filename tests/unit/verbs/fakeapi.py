"""A small Kubernetes API in memory, for tests of the verbs: objects of any kind, watches, pod logs, no rules.

It knows collections by path, so it needs no list of kinds; discovery answers for what `resources` names.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyflux.catalog import kinds
from pyflux.catalog.resources import Resource, built_in

Obj = dict[str, Any]

BUILT_IN = [
    found
    for api_version, kind in (
        ("v1", "Namespace"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Event"),
        ("v1", "Pod"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    )
    if (found := built_in(api_version, kind)) is not None
]
SHORT_NAMES = {"configmaps": ["cm"], "pods": ["po"], "deployments": ["deploy"], "namespaces": ["ns"]}


class FakeApi:
    """The server; `with FakeApi() as api` runs it on a free port of the loopback."""

    def __init__(self, resources: list[Resource] | None = None) -> None:
        self.resources = [*BUILT_IN, *(resources or [kind.resource for kind in kinds.KINDS])]
        self.objects: dict[tuple[str, str, str], Obj] = {}
        """By collection path without namespace ("/api/v1/pods"), namespace, name."""
        self.requests: list[tuple[str, str]] = []
        """(method, path with query) of all requests so far."""
        self.bodies: list[tuple[str, str, Any]] = []
        self.logs: dict[str, str] = {}
        """Log text by pod name."""
        self.refuse: dict[str, tuple[int, str]] = {}
        """(status, message) for requests whose path starts with the key."""
        self.on_patch: Callable[[Obj], None] | None = None
        """Plays a controller: called with an object after it was patched."""
        self._version = 0
        self._history: list[tuple[int, str, str, Obj]] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> FakeApi:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def kubeconfig(self, path: Path) -> Path:
        """Writes a kubeconfig for this server."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        path.write_text(json.dumps(config))
        return path

    def resource(self, api_version: str, kind: str) -> Resource:
        return next(r for r in self.resources if r.api_version == api_version and r.kind == kind)

    def add(self, *objects: Obj) -> None:
        """Stores objects as they are; the API's own metadata is filled in."""
        for obj in objects:
            found = self.resource(obj["apiVersion"], obj["kind"])
            stored = copy.deepcopy(obj)
            stored["metadata"].setdefault("uid", f"uid-{len(self.objects)}")
            stored["metadata"].setdefault("creationTimestamp", "2026-01-02T03:04:05Z")
            stored["metadata"].setdefault("generation", 1)
            key = (found.path(), stored["metadata"].get("namespace", ""), stored["metadata"]["name"])
            self._store("ADDED", key, stored)

    def find(self, kind: str, name: str, namespace: str = "flux-system") -> Obj:
        """A stored object. Raises StopIteration."""
        return next(
            obj
            for (_, space, own), obj in self.objects.items()
            if own == name and space in (namespace, "") and obj["kind"] == kind
        )

    def remove(self, kind: str, name: str, namespace: str = "flux-system") -> None:
        for key, obj in list(self.objects.items()):
            if obj["kind"] == kind and key[1:] == (namespace, name):
                self._store("DELETED", key, obj)

    def _store(self, event: str, key: tuple[str, str, str], obj: Obj) -> None:
        with self._changed:
            self._version += 1
            obj["metadata"]["resourceVersion"] = str(self._version)
            if event == "DELETED":
                self.objects.pop(key, None)
            else:
                self.objects[key] = obj
            self._history.append((self._version, event, key[0], copy.deepcopy(obj)))
            self._changed.notify_all()

    # -- answers

    def discovery(self, path: str) -> Obj | None:
        if path == "/version":
            return {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            groups: dict[str, list[str]] = {}
            for resource in self.resources:
                if resource.group and resource.version not in groups.setdefault(resource.group, []):
                    groups[resource.group].append(resource.version)
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [
                    {
                        "name": group,
                        "versions": [{"groupVersion": f"{group}/{v}", "version": v} for v in versions],
                        "preferredVersion": {"groupVersion": f"{group}/{versions[0]}", "version": versions[0]},
                    }
                    for group, versions in groups.items()
                ],
            }
        version = path.removeprefix("/apis/").removeprefix("/api/")
        entries = [r for r in self.resources if r.api_version == version]
        if not entries:
            return None
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version,
            "resources": [
                {
                    "name": r.plural,
                    "singularName": r.kind.lower(),
                    "kind": r.kind,
                    "namespaced": r.namespaced,
                    "shortNames": SHORT_NAMES.get(r.plural)
                    or next((list(k.short) for k in kinds.KINDS if k.name == r.kind), []),
                    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
                }
                for r in entries
            ],
        }

    def locate(self, path: str) -> tuple[Resource, str, str, str] | None:
        """(resource, namespace, name, subresource) of a path."""
        for resource in self.resources:
            prefix = resource.path().removesuffix("/" + resource.plural)
            if not path.startswith(prefix + "/"):
                continue
            parts = path.removeprefix(prefix + "/").split("/")
            namespace = ""
            if parts[0] == "namespaces" and len(parts) > 2:
                namespace, parts = parts[1], parts[2:]
            if parts[0] == resource.plural:
                parts += [""] * 3
                return resource, namespace, parts[1], parts[2]
        return None

    def matching(self, resource: Resource, namespace: str, query: dict[str, str]) -> list[Obj]:
        return [
            obj
            for (path, space, _), obj in sorted(self.objects.items())
            if path == resource.path() and (not namespace or space == namespace) and _selected(obj, query)
        ]

    def events(self, resource: Resource, namespace: str, query: dict[str, str]) -> Any:
        """(type, object) for a watch, until its time limit."""
        deadline = time.monotonic() + float(query.get("timeoutSeconds") or 60)
        seen = int(query.get("resourceVersion") or 0)
        if not query.get("resourceVersion"):
            with self._changed:
                seen = self._version
            for obj in self.matching(resource, namespace, query):
                yield "ADDED", obj
        while True:
            with self._changed:
                fresh = [entry for entry in self._history if entry[0] > seen]
                if not fresh:
                    if time.monotonic() > deadline:
                        return
                    self._changed.wait(0.05)
                    continue
            for version, event, path, obj in fresh:
                seen = version
                space = obj["metadata"].get("namespace", "")
                if path == resource.path() and (not namespace or space == namespace) and _selected(obj, query):
                    yield event, obj


def _selected(obj: Obj, query: dict[str, str]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, query.get("labelSelector", "").split(",")):
        if "!=" in term:
            key, value = term.split("!=")
            if labels.get(key) == value:
                return False
        else:
            key, value = term.replace("==", "=").split("=")
            if labels.get(key) != value:
                return False
    for term in filter(None, re.split(r"(?<!\\),", query.get("fieldSelector", ""))):
        path, value = term.split("=", 1)
        value = re.sub(r"\\(.)", r"\1", value)
        found: Any = obj
        for part in path.split("."):
            found = (found or {}).get(part)
        if found != value:
            return False
    return True


def merge(target: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _json(self, body: Any, status: int = 200) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _status(self, status: int, reason: str, message: str, details: Obj | None = None) -> None:
            body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason}
            self._json(body | {"code": status, "message": message, "details": details or {}}, status)

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null") if length else None
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            api.requests.append((self.command, self.path))
            if body is not None:
                api.bodies.append((self.command, url.path, body))
            for prefix, (status, message) in api.refuse.items():
                if url.path.startswith(prefix):
                    reason = {401: "Unauthorized", 403: "Forbidden"}.get(status, "InternalError")
                    self._status(status, reason, message, {"name": "x"})
                    return
            if self.command == "GET" and (found := api.discovery(url.path)) is not None:
                self._json(found)
                return
            where = api.locate(url.path)
            if where is None:
                self.send_response(404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", "19")
                self.end_headers()
                self.wfile.write(b"404 page not found\n")
                return
            self._object(*where, query, body)

        def _object(
            self, resource: Resource, namespace: str, name: str, sub: str, query: dict[str, str], body: Any
        ) -> None:
            if not name and self.command == "POST":
                stored = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
                stored["metadata"] = {**stored["metadata"], "namespace": namespace} if namespace else stored["metadata"]
                api.add(stored)
                self._json(api.find(resource.kind, stored["metadata"]["name"], namespace), 201)
                return
            if not name:
                if query.get("watch") in ("true", "1"):
                    self._watch(resource, namespace, query)
                    return
                items = api.matching(resource, namespace, query)
                meta = {"resourceVersion": str(api._version)}
                self._json(
                    {
                        "apiVersion": resource.api_version,
                        "kind": f"{resource.kind}List",
                        "metadata": meta,
                        "items": items,
                    }
                )
                return
            key = (resource.path(), namespace, name)
            obj = api.objects.get(key)
            if obj is None:
                self._status(404, "NotFound", f'{resource.group_resource} "{name}" not found', {"name": name})
                return
            if sub == "log":
                self._log(name, query)
                return
            if self.command == "DELETE":
                api._store("DELETED", key, obj)
                self._json({"kind": "Status", "apiVersion": "v1", "status": "Success"})
                return
            if self.command in ("PATCH", "PUT"):
                changed = merge(obj, body) if self.command == "PATCH" else body
                if changed.get("spec") != obj.get("spec"):
                    changed["metadata"]["generation"] = obj["metadata"]["generation"] + 1
                api._store("MODIFIED", key, changed)
                if api.on_patch is not None and not sub:
                    api.on_patch(changed)
                obj = api.objects[key]
            self._json(obj)

        def _stream(self, pieces: Any) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True

        def _watch(self, resource: Resource, namespace: str, query: dict[str, str]) -> None:
            self._stream(
                json.dumps({"type": event, "object": obj}).encode() + b"\n"
                for event, obj in api.events(resource, namespace, query)
            )

        def _log(self, name: str, query: dict[str, str]) -> None:
            lines = api.logs.get(name, "").splitlines(keepends=True)
            if "tailLines" in query:
                lines = lines[-int(query["tailLines"]) :] if int(query["tailLines"]) else []
            self._stream([line.encode() for line in lines])

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    return Handler
