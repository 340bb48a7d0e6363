"""The ASGI application: authentication, routing and errors around the handlers."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from pyflux.sandbox import discovery, rbac
from pyflux.sandbox.api import auth
from pyflux.sandbox.api.http import (
    Request,
    Response,
    accepted,
    error_response,
    json_response,
    parse_query,
)
from pyflux.sandbox.api.resources import Resources, Target, options_of, read_object
from pyflux.sandbox.api.reviews import REVIEWS
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.openapi import OpenApi
from pyflux.sandbox.status import ApiError, page_not_found, path_not_found
from pyflux.sandbox.storage import FailedError
from pyflux.sandbox.version import VERSION

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("sandbox")
BODY_LIMIT = 3 * 1024 * 1024
_OPEN = ("/healthz", "/livez", "/readyz", "/version")


class App:
    """One API server."""

    def __init__(self, engine: Engine, token: str) -> None:
        self.engine = engine
        self.token = token
        self.resources = Resources(engine)
        self.openapi = OpenApi(engine.registry)
        self.stopping = asyncio.Event()
        self.ready = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read(receive)
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        request = Request(
            scope["method"], scope["path"], parse_query(scope["query_string"]), dict(headers), body or b"", auth.ADMIN
        )
        try:
            if body is None:
                raise ApiError(413, f"Request entity too large: limit is {BODY_LIMIT}")
            response = await self._answer(request, headers, scope)
        except ApiError as error:
            response = error_response(error, request.headers.get("accept", ""))
        except Exception as error:
            if not isinstance(error, FailedError):
                log.error("%s %s: %s", request.method, request.path, traceback.format_exc())
            response = error_response(
                ApiError(500, f"Internal error occurred: {error}", details={"causes": [{"message": str(error)}]})
            )
        await self._send(response, request, receive, send)

    async def _answer(self, request: Request, headers: list[tuple[str, str]], scope: Scope) -> Response:
        if request.path in _OPEN or request.path.startswith(("/readyz/", "/livez/", "/healthz/")):
            return self._open(request)
        request.user = auth.authenticate(self.engine, self.token, headers)
        return await self._route(request, _segments(scope))

    def _open(self, request: Request) -> Response:
        if request.path == "/version":
            return json_response(VERSION)
        if request.path.startswith("/readyz") and not self.ready:
            return Response(b"not ready", 500, "text/plain; charset=utf-8")
        return Response(b"ok", 200, "text/plain; charset=utf-8")

    async def _route(self, request: Request, parts: list[str]) -> Response:
        if parts and parts[0] == "api":
            if len(parts) == 1:
                return self._discover(request, core=True)
            if parts[1] != "v1":
                raise page_not_found()
            return await self._group(request, "", "v1", parts[2:])
        if parts and parts[0] == "apis":
            if len(parts) == 1:
                return self._discover(request, core=False)
            if len(parts) == 2:
                self._authorize(request, rbac.Attributes("get", path=request.path))
                found = discovery.group_object(self.engine.registry, parts[1])
                if found is None:
                    raise path_not_found()
                return json_response(found)
            if not discovery.served(self.engine.registry, parts[1], parts[2]):
                known = parts[1] in discovery.groups(self.engine.registry) and len(parts) > 3
                raise page_not_found() if known else path_not_found()
            return await self._group(request, parts[1], parts[2], parts[3:])
        self._authorize(request, rbac.Attributes(request.method.lower(), path=request.path))
        if parts and parts[0] == "openapi":
            return self.openapi.answer(parts[1:], request)
        if not parts:
            return json_response({"paths": self._paths()})
        raise path_not_found()

    def _paths(self) -> list[str]:
        out = ["/api", "/api/v1", "/apis"]
        for group, versions in discovery.groups(self.engine.registry).items():
            out.append(f"/apis/{group}")
            out += [f"/apis/{group}/{v}" for v in versions]
        return sorted([*out, *_OPEN, "/openapi/v2", "/openapi/v3"])

    def _discover(self, request: Request, core: bool) -> Response:
        self._authorize(request, rbac.Attributes("get", path=request.path))
        for entry in accepted(request.headers.get("accept", "")):
            if entry.transform == discovery.AGGREGATED and entry.version in ("v2", "v2beta1"):
                made = discovery.aggregated(self.engine.registry, core, entry.version)
                kind = f"application/json;g=apidiscovery.k8s.io;v={entry.version};as={discovery.AGGREGATED}"
                return json_response(made, content_type=kind)
        if core:
            address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": request.headers.get("host", "")}]
            return json_response({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address})
        return json_response(discovery.group_list(self.engine.registry))

    async def _group(self, request: Request, group: str, version: str, rest: list[str]) -> Response:
        if not rest:
            self._authorize(request, rbac.Attributes("get", path=request.path))
            found = discovery.resource_list(self.engine.registry, group, version)
            if found is None:
                raise page_not_found()
            return json_response(found)
        if rest[0] == "watch":
            rest = rest[1:]
            request.query["watch"] = ["true"]
            request.watch_path = True
        namespace, plural, name, subresource = _split(rest)
        review = REVIEWS.get((group, plural))
        if review is not None and version == "v1":
            return await self._review(request, group, plural, namespace)
        kind = self.engine.registry.find(group, version, plural)
        if kind is None or (namespace is not None and not kind.namespaced):
            raise page_not_found()
        if kind.namespaced and name and namespace is None:
            raise page_not_found()
        self._authorize(request, _attributes(request, group, plural, namespace, name, subresource))
        return await self.resources.handle(Target(kind, namespace, name, subresource), request)

    async def _review(self, request: Request, group: str, plural: str, namespace: str | None) -> Response:
        if request.method != "POST":
            raise ApiError(405, "the server does not allow this method on the requested resource", details={})
        name, _, answer = REVIEWS[(group, plural)]
        obj = read_object(request, options_of(request).field_validation != "Ignore")
        obj = {**obj, "kind": name, "apiVersion": f"{group}/v1", "metadata": obj.get("metadata") or {}}
        return json_response(answer(self.engine, request.user, obj), 201)

    def _authorize(self, request: Request, wanted: rbac.Attributes) -> None:
        if "system:masters" in request.user.groups:
            return
        if not rbac.allowed(self.engine, request.user, wanted):
            raise rbac.refusal(request.user, wanted)

    async def _send(self, response: Response, request: Request, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", response.content_type.encode()), (b"cache-control", b"no-cache, private")]
        headers += [(k.encode(), v.encode()) for k, v in response.headers]
        headers += [(b"warning", f'299 - "{_quote(w)}"'.encode()) for w in dict.fromkeys(request.warnings)]
        if response.stream is not None:
            await self._stream(response, headers, receive, send)
            return
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.code, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _stream(
        self, response: Response, headers: list[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        assert response.stream is not None
        await send({"type": "http.response.start", "status": response.code, "headers": headers})
        # An empty first chunk sends the headers, so that the client knows that the watch stands.
        await send({"type": "http.response.body", "body": b"", "more_body": True})

        async def pump() -> None:
            assert response.stream is not None
            async for chunk in response.stream:
                if chunk:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        tasks = [asyncio.create_task(t) for t in (pump(), gone(), self.stopping.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        failed = results[0]
        if isinstance(failed, Exception):
            log.error("a watch failed: %s", "".join(traceback.format_exception(failed)))
        await send({"type": "http.response.body", "body": b""})


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


async def _read(receive: Receive) -> bytes | None:
    """The body, or None when it is too large."""
    message = await receive()
    body = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= BODY_LIMIT else None
    chunks, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > BODY_LIMIT:
            chunks = []
    return b"".join(chunks) if size <= BODY_LIMIT else None


def _segments(scope: Scope) -> list[str]:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return [unquote(p) for p in raw.decode("latin-1").split("?")[0].split("/") if p]


def _split(rest: list[str]) -> tuple[str | None, str, str, str]:
    """namespace, plural, name and subresource of what follows the version."""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, tail = rest[1], rest[2:]
        return namespace, tail[0], tail[1] if len(tail) > 1 else "", "/".join(tail[2:])
    return None, rest[0], rest[1] if len(rest) > 1 else "", "/".join(rest[2:])


def _attributes(
    request: Request, group: str, plural: str, namespace: str | None, name: str, subresource: str
) -> rbac.Attributes:
    method = request.method
    if method == "GET":
        watching = request.flag("watch") and (request.watch_path or not name)
        verb = "watch" if watching else "get" if name else "list"
    elif method == "DELETE":
        verb = "delete" if name else "deletecollection"
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, method.lower())
    space = namespace or (name if plural == "namespaces" and not group else "")
    return rbac.Attributes(verb, group, plural, subresource, space, name)
