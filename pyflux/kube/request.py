"""Requests to the API as values: pure code, so that what is sent can be tested without a network."""

from __future__ import annotations

import json

from pyflux.errors import Invalid

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
_BAD_REQUEST = 400
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/:")


def quote(text: str) -> str:
    """Percent-encodes a path or query value. What was no UTF-8 on the command line is sent as the bytes it was."""
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def one(resource: Resource, namespace: str, name: str, subresource: str = "") -> str:
    """The path of one object. Raises Invalid where the name or the namespace would make another path of it.

    Without a name it would be the path of the whole collection, which a DELETE empties.
    """
    if not name:
        raise Invalid("resource name may not be empty", status=_BAD_REQUEST)
    check_segment("resource name", name)
    return resource.path(checked(namespace), name, subresource)


def checked(namespace: str) -> str:
    """The namespace itself. Raises Invalid where it is no single part of a path."""
    check_segment("namespace", namespace)
    return namespace


def check_segment(what: str, text: str) -> None:
    """Raises Invalid, in the words of Kubernetes' client, for what cannot be one part of a path."""
    faults = [f"may not be '{text}'"] if text in (".", "..") else []
    faults += [f"may not contain '{sign}'" for sign in "/%" if sign in text]
    if faults:
        from pyflux.catalog.gotext import quote as quoted

        raise Invalid(f"invalid {what} {quoted(text)}: [{' '.join(faults)}]", status=_BAD_REQUEST)


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
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + (self.body or b"")


def _clean(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        # as in Go's JSON, what is no UTF-8 becomes the sign for that
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


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
    return Request("GET", resource.path(checked(namespace)), query=query, resource=resource)


def by_name(name: str) -> str:
    """The field selector for the object of that name."""
    for sign in "\\,=":
        name = name.replace(sign, "\\" + sign)
    return f"metadata.name={name}"


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
    return Request("GET", resource.path(checked(namespace)), query=query, resource=resource)


def reading(resource: Resource, name: str, namespace: str = "", subresource: str = "") -> Request:
    return Request("GET", one(resource, namespace, name, subresource), resource=resource)


def creating(resource: Resource, obj: dict[str, Any], *, dry_run: bool = False, manager: str = "") -> Request:
    query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
    namespace = obj.get("metadata", {}).get("namespace", "")
    return Request("POST", resource.path(checked(namespace)), query=query, body=_json(obj), resource=resource)


def replacing(
    resource: Resource,
    obj: dict[str, Any],
    *,
    subresource: str = "",
    dry_run: bool = False,
    manager: str = "",
) -> Request:
    meta = obj["metadata"]
    path = one(resource, meta.get("namespace", ""), meta["name"], subresource)
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
    path = one(resource, namespace, name, subresource)
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
    return Request("DELETE", one(resource, namespace, name), body=_json(options), resource=resource)
