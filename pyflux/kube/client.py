"""The kube client: objects are plain JSON dicts, requests are values, errors are `pyflux.errors.KubeError`s.

One client is for one thread; `fork()` gives another thread its own connection.
"""

from __future__ import annotations

import json
import time

from pyflux.catalog.resources import Resource, built_in
from pyflux.errors import Gone, KubeError, NoMatch, NotFound, Unauthorized, Unreachable, kube_error
from pyflux.kube import request as req
from pyflux.kube.listing import loads, read_list, read_object
from pyflux.kube.transport import Connection, Cut, Dropped, Response, is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from pyflux.kube.config import Target
    from pyflux.kube.request import Request
    from pyflux.kube.transport import Reader

    Obj = dict[str, Any]

_RETRY_STATUS = frozenset((429, 502, 503, 504))
_ATTEMPTS = 4
# API groups of components that are not installed unless they are asked for
_EXTRA = {
    "image.toolkit.fluxcd.io": " --components-extra=image-reflector-controller,image-automation-controller",
    "source.extensions.fluxcd.io": " --components-extra=source-watcher",
}


class Listing:
    """The objects of a list, with apiVersion and kind filled in, and the resourceVersion to watch from."""

    __slots__ = ("items", "resource_version")

    def __init__(self, items: list[Obj], resource_version: str) -> None:
        self.items = items
        self.resource_version = resource_version


class Client:
    """One cluster as one identity. `timeout` is the longest silence in seconds."""

    def __init__(self, target: Target, *, timeout: float = 300.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self._target = target
        self._timeout = timeout
        self._sleep = sleep
        self._connection = Connection(target, timeout)
        self._resources: dict[tuple[str, str], Resource] = {}
        self._headers: list[tuple[str, str]] | None = None

    @property
    def server(self) -> str:
        return self._target.server

    @property
    def context(self) -> str:
        """Name of the kubeconfig context; empty where there is none."""
        return self._target.context

    @property
    def target(self) -> Target:
        """Where it goes and as whom; holds secrets."""
        return self._target

    def login(self) -> list[tuple[str, str]]:
        """The headers that say who is asking; holds secrets. Raises KubeError where credentials cannot be had."""
        return list(self._login())

    def close(self) -> None:
        self._connection.close()

    def fork(self) -> Client:
        """The same cluster and identity over a connection of its own, for another thread."""
        self._login()
        other = Client(self._target, timeout=self._timeout, sleep=self._sleep)
        other._resources = self._resources
        return other

    def impersonate(self, user: str, groups: Sequence[str] = ()) -> Client:
        """The same cluster as somebody else."""
        self._login()
        target = self._target.copy()
        target.impersonate = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        other = Client(target, timeout=self._timeout, sleep=self._sleep)
        other._resources = self._resources
        return other

    # -- sending

    def _login(self) -> list[tuple[str, str]]:
        """The headers of every request; fetches credentials that have to be fetched, once."""
        if self._headers is not None:
            return self._headers
        target = self._target
        if not target.fetched and (target.exec_plugin is not None or target.auth_provider is not None):
            from pyflux.kube.auth import resolve

            resolve(target)
        token = target.token
        if target.token_file:
            try:
                with open(target.token_file, encoding="utf-8") as file:
                    token = file.read().strip()
            except OSError as error:
                raise Unauthorized(f"cannot read the token file {target.token_file}: {error.strerror}") from None
        headers = [("Host", self._connection.authority), ("User-Agent", "pyflux")]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif target.username:
            from base64 import b64encode

            login = b64encode(f"{target.username}:{target.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {login}"))
        headers += target.impersonate
        if target.compression and not is_loopback(self._connection.host):
            headers.append(("Accept-Encoding", "gzip"))
        self._headers = headers
        return headers

    def _renew(self) -> bool:
        """Whether a login that was taken so far and is refused now could be fetched anew, and is another by that.

        Tokens of exec plugins live for minutes, and those of service accounts are written anew every hour.
        """
        target = self._target
        if not target.accepted or not (target.exec_plugin or target.auth_provider or target.token_file):
            return False
        before = (self._headers, target.cert)
        target.accepted = target.fetched = False
        self._headers = None
        changed = (self._login(), target.cert) != before
        self._connection.close()
        return changed

    def send(self, request: Request, reader: Reader | None = None, *, attempts: int = _ATTEMPTS) -> Response:
        """Sends one request, again where that is safe and may help. Raises KubeError for 400 and above.

        `reader` turns the body into the answer's `value` while it comes in.
        """
        attempt = 0
        while True:
            data = request.encode(self._connection.base, self._login())
            attempt += 1
            used = self._connection.is_open
            try:
                self._connection.send(data)
                response = self._connection.response(reader)
            except Dropped as error:
                # an idle connection that the server closed is not a failure: nothing was read of it
                if (request.repeatable and attempt < attempts) or (used and attempt == 1):
                    if not used:
                        self._sleep(0.1 * 2**attempt)
                    continue
                raise self._connection.unreachable(OSError(str(error))) from None
            except Cut:
                if request.repeatable and attempt < attempts:
                    self._sleep(0.1 * 2**attempt)
                    continue
                raise
            if response.status == 401 and self._renew():
                continue
            self._target.accepted = self._target.accepted or response.status != 401
            if response.status in _RETRY_STATUS and attempt < attempts and self._may_repeat(request, response):
                self._sleep(min(_retry_after(response) or 0.2 * 2**attempt, 10.0))
                continue
            if response.status >= 400:
                raise error_of(request, response)
            return response

    @staticmethod
    def _may_repeat(request: Request, response: Response) -> bool:
        return response.status == 429 or request.repeatable

    def send_many(
        self, requests: Sequence[Request], readers: Sequence[Reader | None] | None = None
    ) -> list[Response | KubeError]:
        """Sends repeatable requests at once over the one connection (HTTP pipelining) and reads the answers in order.

        `readers` has one for each request (see `send`). An error stands in its request's place. Where a server or proxy
        between does not take pipelined requests, what is left is sent one by one.
        """
        headers = self._login()
        base = self._connection.base
        how = readers or [None] * len(requests)
        answers: list[Response | KubeError] = []
        try:
            self._connection.send(b"".join(request.encode(base, headers) for request in requests))
            for request, reader in zip(requests, how, strict=True):
                response = self._connection.response(reader)
                if response.status in _RETRY_STATUS or (response.status == 401 and self._target.accepted):
                    break
                self._target.accepted = self._target.accepted or response.status != 401
                answers.append(error_of(request, response) if response.status >= 400 else response)
                if not self._connection.is_open:
                    break
        except (Dropped, Cut):
            pass
        if len(answers) < len(requests):
            self._connection.close()
        attempts = _ATTEMPTS
        for index in range(len(answers), len(requests)):
            try:
                answers.append(self.send(requests[index], how[index], attempts=attempts))
            except Unreachable:
                raise
            except KubeError as error:
                answers.append(error)
                if error.status in _RETRY_STATUS:
                    # one was given its time, and the server has had enough: the others are not to take as much again
                    attempts = 1
        return answers

    # -- reading

    def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        chunk: int = 0,
        resource_version: str = "",
        slim: Callable[[Obj], None] | None = None,
    ) -> Listing:
        """All objects of a kind, in `chunk`s where given; `slim` takes out of each what is not needed."""
        reader = _reader(resource, slim)
        items: list[Obj] = []
        token = ""
        while True:
            request = req.listing(
                resource,
                namespace,
                labels=labels,
                fields=fields,
                limit=chunk,
                token=token,
                resource_version="" if token else resource_version,
            )
            body = self.send(request, reader).value
            items += body.get("items") or []
            meta = body.get("metadata") or {}
            token = meta.get("continue") or ""
            if not token:
                return Listing(items, str(meta.get("resourceVersion") or ""))

    def list_many(
        self,
        resources: Sequence[tuple[Resource, str]],
        *,
        labels: str = "",
        fields: str = "",
        slim: Callable[[Obj], None] | None = None,
    ) -> list_of[Listing | KubeError]:
        """Lists of several (resource, namespace) pairs side by side; an error stands in its list's place."""
        readers = [_reader(resource, slim) for resource, _ in resources]
        requests = [req.listing(resource, namespace, labels=labels, fields=fields) for resource, namespace in resources]
        found: list_of[Listing | KubeError] = []
        for answer in self.send_many(requests, readers):
            if isinstance(answer, KubeError):
                found.append(answer)
                continue
            body = answer.value
            version = str((body.get("metadata") or {}).get("resourceVersion") or "")
            found.append(Listing(body.get("items") or [], version))
        return found

    def get(self, resource: Resource, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        """One object. Raises NotFound."""
        return self._object(req.reading(resource, name, namespace, subresource))

    def get_many(self, names: Sequence[tuple[Resource, str, str]]) -> list_of[Obj | KubeError]:
        """Several (resource, name, namespace) objects side by side; an error stands in its object's place."""
        requests: list_of[Request] = []
        refused: dict[int, KubeError] = {}
        for index, (resource, name, namespace) in enumerate(names):
            try:
                requests.append(req.reading(resource, name, namespace))
            except KubeError as error:
                refused[index] = error
        answers = iter(self.send_many(requests, [read_object] * len(requests)))
        found = [refused[index] if index in refused else next(answers) for index in range(len(names))]
        return [answer if isinstance(answer, KubeError) else answer.value for answer in found]

    def _object(self, request: Request) -> Obj:
        found: Obj = self.send(request, read_object).value
        return found

    # -- writing

    def create(self, resource: Resource, obj: Obj, *, dry_run: bool = False, field_manager: str = "flux") -> Obj:
        """Creates an object. Raises AlreadyExists, Invalid."""
        return self._object(req.creating(resource, obj, dry_run=dry_run, manager=field_manager))

    def replace(
        self,
        resource: Resource,
        obj: Obj,
        *,
        subresource: str = "",
        dry_run: bool = False,
        field_manager: str = "flux",
    ) -> Obj:
        """Puts a whole object. Raises Conflict where its resourceVersion is no longer the newest."""
        return self._object(
            req.replacing(resource, obj, subresource=subresource, dry_run=dry_run, manager=field_manager)
        )

    def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        body: Any,
        *,
        type: str = "merge",
        subresource: str = "",
        dry_run: bool = False,
        field_manager: str = "flux",
    ) -> Obj:
        """A merge, json or strategic patch."""
        return self._object(
            req.patching(
                resource,
                name,
                namespace,
                body,
                type=type,
                subresource=subresource,
                dry_run=dry_run,
                manager=field_manager,
            )
        )

    def apply(
        self,
        obj: Obj,
        *,
        force: bool = False,
        dry_run: bool = False,
        field_manager: str = "flux",
        subresource: str = "",
        resource: Resource | None = None,
        validation: str = "",
    ) -> Obj:
        """Server-side apply. Raises Conflict where another manager owns a field and `force` is off."""
        where = resource or self.resource_for(obj["apiVersion"], obj["kind"])
        meta = obj["metadata"]
        return self._object(
            req.patching(
                where,
                meta["name"],
                meta.get("namespace", ""),
                obj,
                type="apply",
                subresource=subresource,
                dry_run=dry_run,
                manager=field_manager,
                force=force,
                validation=validation,
            )
        )

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        propagation: str = "",
        uid: str = "",
        dry_run: bool = False,
    ) -> Obj:
        """Deletes an object; `propagation` is Background, Foreground or Orphan. Raises NotFound."""
        return self._object(req.deleting(resource, name, namespace, propagation=propagation, uid=uid, dry_run=dry_run))

    # -- watching

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        name: str = "",
        labels: str = "",
        fields: str = "",
        resource_version: str = "",
        timeout: float = 0.0,
        bookmarks: bool = True,
    ) -> Iterator[tuple[str, Obj]]:
        """(ADDED, MODIFIED, DELETED or BOOKMARK, object) as they happen, over a connection of its own.

        Ends when the server ends it, or after `timeout` seconds. Raises Gone where `resource_version` is too old.
        """
        request = req.watching(
            resource,
            namespace,
            labels=labels,
            fields=_name_selector(name, fields),
            resource_version=resource_version,
            timeout=max(1, round(timeout)) if timeout else 0,
            bookmarks=bookmarks,
        )
        for line in self._lines(request, timeout):
            try:
                event = json.loads(line)
            except ValueError:
                why = "the server closed the connection in the middle of an event"
                raise self._connection.unreachable(OSError(why)) from None
            kind, obj = event["type"], event["object"]
            if kind == "ERROR":
                raise kube_error(int(obj.get("code") or 500), obj.get("reason") or "", obj.get("message") or "")
            yield kind, obj

    def follow(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        name: str = "",
        labels: str = "",
        fields: str = "",
        timeout: float,
    ) -> Iterator[tuple[str, Obj]]:
        """What is there now as ADDED, then what happens, through reconnects, until `timeout` seconds are over."""
        deadline = time.monotonic() + timeout
        selector = _name_selector(name, fields)
        version, listed = "", False
        while (left := deadline - time.monotonic()) > 0:
            try:
                if not version:
                    listing = self.list(resource, namespace, labels=labels, fields=selector)
                    version, listed = listing.resource_version, True
                    for obj in listing.items:
                        yield "ADDED", obj
                for kind, obj in self.watch(
                    resource,
                    namespace,
                    labels=labels,
                    fields=selector,
                    resource_version=version,
                    timeout=left,
                ):
                    version = obj["metadata"]["resourceVersion"]
                    if kind != "BOOKMARK":
                        yield kind, obj
            except Gone:
                version = ""
            except KubeError as error:
                # a server that is started anew, or has too much to do, comes back
                if not listed or not error.passing:
                    raise
                if deadline - time.monotonic() <= 0:
                    return
                self._sleep(0.5)

    def _lines(self, request: Request, timeout: float) -> Iterator[bytes]:
        connection = Connection(self._target, self._timeout)
        try:
            while True:
                headers = [pair for pair in self._login() if pair[0] != "Accept-Encoding"]
                try:
                    connection.send(request.encode(connection.base, headers))
                    head = connection.head()
                except Dropped as error:
                    raise connection.unreachable(OSError(str(error))) from None
                if head.status != 401 or not self._renew():
                    break
                connection.close()
            if head.status >= 400:
                raise error_of(request, Response(head.status, head.headers, b"".join(connection.pieces(head))))
            # a silent stream is normal; the server ends it at its own time limit
            connection.set_timeout(timeout + 15.0 if timeout else 3600.0)
            rest = b""
            for piece in connection.pieces(head):
                rest += piece
                *lines, rest = rest.split(b"\n")
                yield from (line for line in lines if line)
            if rest:
                yield rest
        finally:
            connection.close()

    def stream(self, path: str, query: dict[str, str] | None = None) -> Iterator[bytes]:
        """Lines of a text answer as they come, such as a pod's log, over a connection of its own."""
        return self._lines(req.Request("GET", path, query=query, accept="*/*"), 0.0)

    # -- the rest

    def raw(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Response:
        """Any request. Raises KubeError for 400 and above."""
        return self.send(req.Request(method, path, query=query, body=body, content_type=content_type, accept=accept))

    def server_version(self) -> dict[str, str]:
        """What GET /version says: gitVersion, major, minor, …"""
        found: dict[str, str] = self._object(req.Request("GET", "/version"))
        return found

    def resource_for(self, api_version: str, kind: str) -> Resource:
        """Where objects of a kind are found: built-in table, then discovery (remembered). Raises NoMatch."""
        known = built_in(api_version, kind) or self._resources.get((api_version, kind))
        if known is not None:
            return known
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            body = self._object(req.Request("GET", path))
        except NotFound:
            raise _no_match(api_version, kind) from None
        for resource in _resources(api_version, body):
            self._resources[api_version, resource.kind] = resource
        found = self._resources.get((api_version, kind))
        if found is None:
            raise _no_match(api_version, kind)
        return found

    def discover(self) -> list_of[Resource]:
        """Every resource that the server has, in each group's preferred version."""
        groups = loads(self.raw("GET", "/apis").body).get("groups") or []
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
        requests = [req.Request("GET", f"/apis/{v}" if "/" in v else f"/api/{v}") for v in versions]
        found: list_of[Resource] = []
        for version, answer in zip(versions, self.send_many(requests), strict=True):
            # a group whose own server is down must not hide the others
            if not isinstance(answer, KubeError):
                found += _resources(version, loads(answer.body))
        return found


if TYPE_CHECKING:
    # inside Client, `list` is the method
    list_of = list


def _reader(resource: Resource, slim: Callable[[Obj], None] | None) -> Reader:
    """Reads a list's answer; its objects get the apiVersion and kind that lists of built-in kinds leave out."""
    api_version, kind = resource.api_version, resource.kind

    def keep(item: Obj) -> None:
        item.setdefault("apiVersion", api_version)
        item.setdefault("kind", kind)
        if slim is not None:
            slim(item)

    return lambda pieces: read_list(pieces, keep)


def _resources(api_version: str, body: Any) -> list[Resource]:
    group, _, version = api_version.rpartition("/")
    return [
        Resource(group, version, entry["name"], entry["kind"], bool(entry.get("namespaced")))
        for entry in body.get("resources") or []
        if "/" not in entry["name"]
    ]


def _name_selector(name: str, fields: str) -> str:
    mine = req.by_name(name) if name else ""
    return ",".join(part for part in (mine, fields) if part)


def _retry_after(response: Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdigit() else 0.0


def _no_match(api_version: str, kind: str) -> NoMatch:
    hint = ""
    if ".fluxcd.io/" in api_version:
        extra = _EXTRA.get(api_version.partition("/")[0], "")
        hint = f"its CRDs are not installed in this cluster; install them with: pyflux install{extra}"
    return NoMatch(f'no matches for kind "{kind}" in version "{api_version}"', status=404, reason="NotFound", hint=hint)


def error_of(request: Request, response: Response) -> KubeError:
    """The error for an answer of 400 and above, from the API's Status where it sent one."""
    status = response.status
    try:
        body = loads(response.body)
    except ValueError:
        body = None
    if not isinstance(body, dict) or body.get("kind") != "Status":
        if status == 404 and request.resource is not None:
            return _no_match(request.resource.api_version, request.resource.kind)
        text = response.body[:200].decode("utf-8", "replace").strip()
        return kube_error(status, "", f"the API server answered {status} to {request.method} {request.path}: {text}")
    details = body.get("details") or {}
    message = str(body.get("message") or "")
    if status == 404 and request.resource is not None and not details.get("name"):
        if request.method != "POST" or "could not find the requested resource" in message:
            return _no_match(request.resource.api_version, request.resource.kind)
    if status == 401:
        return kube_error(
            status,
            "Unauthorized",
            "the API server refused the login: Unauthorized",
            hint="the token or certificate of this kubeconfig user is wrong or has expired; log in again",
        )
    return kube_error(status, str(body.get("reason") or ""), message, details)
