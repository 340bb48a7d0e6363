"""Requests to the API as values: pure code, so that what is sent can be tested without a network."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.resources import Resource

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
# what may stand in a path or query value as it is
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/:")


def quote(text: str) -> str:
    """Percent-encodes a path or query value."""
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in text.encode())


class Request:
    """One request: method, path, query, body and what the answer's object is about (for error messages)."""

    __slots__ = ("accept", "body", "content_type", "method", "path", "query", "resource")

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        resource: Resource | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = {key: value for key, value in (query or {}).items() if value}
        self.body = body
        self.content_type = content_type
        self.accept = accept
        self.resource = resource

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        path = quote(self.path)
        return path + "?" + "&".join(f"{k}={quote(v)}" for k, v in self.query.items()) if self.query else path

    @property
    def repeatable(self) -> bool:
        """True where sending it twice does no harm."""
        return self.method == "GET" or (self.method == "PATCH" and self.content_type == PATCH_TYPES["apply"])

    def encode(self, base: str, headers: list[tuple[str, str]]) -> bytes:
        """The bytes to send: request line, `headers`, the request's own headers, body."""
        lines = [f"{self.method} {base}{self.target} HTTP/1.1", f"Accept: {self.accept}"]
        lines += [f"{name}: {_clean(value)}" for name, value in headers]
        if self.body is not None:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode("utf-8") + (self.body or b"")


def _clean(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def listing(
    resource: Resource,
    namespace: str = "",
    *,
    labels: str = "",
    fields: str = "",
    limit: int = 0,
    token: str = "",
    resource_version: str = "",
) -> Request:
    """A list of one kind, in a namespace or everywhere; a chunk of it with `limit` and `token`."""
    query = {
        "labelSelector": labels,
        "fieldSelector": fields,
        "limit": str(limit) if limit else "",
        "continue": token,
        "resourceVersion": resource_version,
    }
    return Request("GET", resource.path(namespace), query=query, resource=resource)


def watching(
    resource: Resource,
    namespace: str = "",
    *,
    labels: str = "",
    fields: str = "",
    resource_version: str = "",
    timeout: int = 0,
    bookmarks: bool = True,
) -> Request:
    """A watch; `timeout` in seconds asks the server to end it."""
    query = {
        "watch": "true",
        "labelSelector": labels,
        "fieldSelector": fields,
        "resourceVersion": resource_version,
        "timeoutSeconds": str(timeout) if timeout else "",
        "allowWatchBookmarks": "true" if bookmarks else "",
    }
    return Request("GET", resource.path(namespace), query=query, resource=resource)


def reading(resource: Resource, name: str, namespace: str = "", subresource: str = "") -> Request:
    return Request("GET", resource.path(namespace, name, subresource), resource=resource)


def creating(resource: Resource, obj: dict[str, Any], *, dry_run: bool = False, manager: str = "") -> Request:
    query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
    namespace = obj.get("metadata", {}).get("namespace", "")
    return Request("POST", resource.path(namespace), query=query, body=_json(obj), resource=resource)


def replacing(
    resource: Resource,
    obj: dict[str, Any],
    *,
    subresource: str = "",
    dry_run: bool = False,
    manager: str = "",
) -> Request:
    meta = obj["metadata"]
    path = resource.path(meta.get("namespace", ""), meta["name"], subresource)
    query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
    return Request("PUT", path, query=query, body=_json(obj), resource=resource)


def patching(
    resource: Resource,
    name: str,
    namespace: str,
    body: Any,
    *,
    type: str = "merge",
    subresource: str = "",
    dry_run: bool = False,
    manager: str = "",
    force: bool = False,
    validation: str = "",
) -> Request:
    """A patch of type merge, json, strategic or apply (server-side apply, which JSON satisfies as YAML)."""
    query = {
        "fieldManager": manager,
        "force": "true" if force else "",
        "dryRun": "All" if dry_run else "",
        "fieldValidation": validation,
    }
    path = resource.path(namespace, name, subresource)
    return Request("PATCH", path, query=query, body=_json(body), content_type=PATCH_TYPES[type], resource=resource)


def deleting(
    resource: Resource,
    name: str,
    namespace: str = "",
    *,
    propagation: str = "",
    uid: str = "",
    dry_run: bool = False,
) -> Request:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if propagation:
        options["propagationPolicy"] = propagation
    if uid:
        options["preconditions"] = {"uid": uid}
    if dry_run:
        options["dryRun"] = ["All"]
    return Request("DELETE", resource.path(namespace, name), body=_json(options), resource=resource)
