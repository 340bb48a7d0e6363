"""Lists and watches."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from pyflux.sandbox import selectors, tables
from pyflux.sandbox.api.http import JSON, Accepted, Request, Response
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.builtin import zero
from pyflux.sandbox.status import ApiError, Obj, Qualified, expired, forbidden_field, invalid, not_supported
from pyflux.sandbox.storage import Event, Record, Table, make_record

BOOKMARK_SECONDS = 10.0
QUEUE = 20000
END_OF_LIST = "k8s.io/initial-events-end"


@dataclass
class Filter:
    """What a list or watch selects."""

    namespace: str | None
    labels: list[selectors.Requirement]
    fields: list[tuple[tuple[str, ...], bool, str]]
    engine: Engine
    kind: Kind

    def matches(self, record: Record) -> bool:
        """Whether the record is selected."""
        if self.namespace is not None and record.namespace != self.namespace:
            return False
        if self.labels and not selectors.match_labels(self.labels, record.labels):
            return False
        if self.fields:
            names = {("metadata", "name"): record.name, ("metadata", "namespace"): record.namespace}
            rest = []
            for path, equal, value in self.fields:
                if path in names:
                    if (names[path] == value) is not equal:
                        return False
                else:
                    rest.append((path, equal, value))
            return not rest or selectors.match_fields(rest, record.load())
        return True


def make_filter(engine: Engine, kind: Kind, namespace: str | None, request: Request, name: str = "") -> Filter:
    """The filter of a request; ApiError 400 for a selector that cannot be parsed."""
    labels = selectors.parse_labels(request.one("labelSelector"))
    text = request.one("fieldSelector")
    if kind.group == "events.k8s.io":
        text = text.replace("regarding.", "involvedObject.").replace("reportingController", "reportingComponent")
    custom = kind.custom
    fields = selectors.parse_fields(
        text, kind.resource, custom.selectable if custom else None, custom is not None and custom.selecting
    )
    if name:
        fields.append((("metadata", "name"), True, name))
    return Filter(namespace if kind.namespaced else None, labels, fields, engine, kind)


Encoder = Callable[[Record], bytes]


def item_encoder(engine: Engine, kind: Kind, bare: bool) -> Encoder:
    """How a record becomes the JSON of one object; `bare` leaves out apiVersion and kind."""
    converts = kind.custom is not None and kind.custom.converts
    if converts or kind.group == "events.k8s.io" or (kind.group, kind.version) == ("autoscaling", "v1"):

        def convert(record: Record) -> bytes:
            obj = engine.load(kind, record)
            if bare:
                obj = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}
            return orjson.dumps(obj)

        return convert
    if bare:
        return lambda record: record.data
    prefix = kind.prefix
    return lambda record: prefix + record.data[1:]


def partial(engine: Engine, kind: Kind, record: Record) -> Obj:
    """PartialObjectMetadata of a record."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": record.load()["metadata"]}


def number(request: Request, name: str) -> int:
    """A numeric query parameter, 0 when it is not given; ApiError 400 for anything else."""
    text = request.one(name)
    try:
        return int(text or 0)
    except ValueError:
        raise ApiError(400, f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _version(request: Request, name: str = "resourceVersion") -> int:
    text = request.one(name)
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        text = f'invalid resource version: resourceVersion: Invalid value: "{text}": {why}'
        raise ApiError(400, text) from None


def _token(version: int, record: Record) -> str:
    start = f"{record.namespace}/{record.name}\0" if record.namespace else f"{record.name}\0"
    raw = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _start(token: str) -> tuple[int, str, str]:
    try:
        raw = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        space, _, name = raw["start"].rstrip("\0").rpartition("/")
        return int(raw["rv"]), space, name
    except (ValueError, KeyError, TypeError):
        raise ApiError(
            400, "invalid continue token: continue key is not valid: illegal base64 data at input byte 4"
        ) from None


def select(engine: Engine, chosen: Filter, request: Request) -> tuple[list[Record], Obj]:
    """The records of a list and the list's metadata."""
    table_wanted = "as=Table" in request.headers.get("accept", "")
    _check_match(request)
    table = engine.store.table(chosen.kind.resource)
    version = engine.store.version
    asked = _version(request)
    limit = max(number(request, "limit"), 0)
    if asked > version:
        raise _too_large(asked, version)
    if request.one("resourceVersionMatch") == "Exact" and asked != version and asked < table.oldest:
        raise expired("The resourceVersion for the provided list is too old.")
    records = [r for r in table.select(chosen.namespace) if chosen.matches(r)]
    token = request.one("continue")
    if token:
        version, space, name = _start(token)
        if version < table.oldest:
            raise _token_expired()
        records = [r for r in records if (r.namespace, r.name) > (space, name)]
    meta: Obj = {"resourceVersion": str(version)}
    if chosen.kind.custom is not None and not table_wanted:
        meta["continue"] = ""
    if limit and len(records) > limit:
        meta["continue"] = _token(version, records[limit - 1])
        if not chosen.labels and not chosen.fields:
            meta["remainingItemCount"] = len(records) - limit
        records = records[:limit]
    return records, meta


def _check_match(request: Request) -> None:
    """422 for a resourceVersionMatch that makes no sense."""
    match, version = request.one("resourceVersionMatch"), request.one("resourceVersion")
    if not match:
        return
    field = "resourceVersionMatch"
    if request.one("continue"):
        cause = forbidden_field(field, "resourceVersionMatch is forbidden when continue is provided")
    elif match not in ("Exact", "NotOlderThan"):
        cause = not_supported(field, match, ["Exact", "NotOlderThan", ""])
    elif not version:
        cause = forbidden_field(field, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    elif match == "Exact" and version == "0":
        cause = forbidden_field(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    else:
        return
    raise invalid(Qualified("meta.k8s.io", "ListOptions"), "", [cause])


def _token_expired() -> ApiError:
    return expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
        "the results."
    )


def _too_large(asked: int, version: int) -> ApiError:
    text = f"Too large resource version: {asked}, current: {version}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, f"Timeout: {text}", "Timeout", {"causes": [cause], "retryAfterSeconds": 1})


def wanted_form(request: Request) -> Accepted:
    """The first form of the Accept header that this server has; 406 when there is none."""
    from pyflux.sandbox.api.http import accepted

    header = request.headers.get("accept", "") or "*/*"
    media = (JSON, "*/*", "application/*", "application/yaml")
    known = False
    for entry in accepted(header):
        known = known or entry.media in media
        if entry.transform in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            if entry.media in media[:3] and entry.group == "meta.k8s.io" and entry.version in ("v1", "v1beta1"):
                return entry
            continue
        if entry.transform:
            continue
        if entry.media in media:
            return Accepted(entry.media)
    types = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    if not known:
        raise ApiError(406, f"406: Not Acceptable\n\nAvailable representations: {types}", details={})
    raise ApiError(406, f"only the following media types are accepted: {types}")


async def list_response(engine: Engine, kind: Kind, chosen: Filter, request: Request) -> Response:
    """A list in the form the client accepts."""
    form = wanted_form(request)
    records, meta = select(engine, chosen, request)
    await engine.store.settled()
    if form.transform == "Table":
        include = request.one("includeObject", "Metadata")
        body = tables.table(engine, kind, records, meta, include, True, form.api_version)
        return Response(orjson.dumps(body) + b"\n")
    if form.transform:
        items = [partial(engine, kind, r) for r in records]
        head = {"kind": "PartialObjectMetadataList", "apiVersion": form.api_version, "metadata": meta}
        return Response(orjson.dumps({**head, "items": items}) + b"\n")
    encode = item_encoder(engine, kind, kind.bare_items)
    head = {"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": meta}
    start = orjson.dumps(head)[:-1] + b',"items":['
    return Response(start + b",".join([encode(r) for r in records]) + b"]}\n")


class Watch:
    """One watch: replays, then follows."""

    def __init__(self, engine: Engine, kind: Kind, chosen: Filter, request: Request) -> None:
        self.engine = engine
        self.kind = kind
        self.chosen = chosen
        self.request = request
        self.form = wanted_form(request)
        self.table: Table = engine.store.table(kind.resource)
        self.queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)
        self.overflow = False
        self.bookmarks = request.flag("allowWatchBookmarks")
        self.encode = item_encoder(engine, kind, False)
        self.include = request.one("includeObject", "Metadata")
        self.first_row = True
        seconds = number(request, "timeoutSeconds")
        self.deadline = time.monotonic() + (seconds or 1800 * (1 + random.random()))  # noqa: S311 - a spread
        try:
            self.version = _version(request)
        except ApiError as error:
            # A watch says it in other words than a list.
            raise ApiError(500, error.message.removeprefix("invalid resource version: "), "") from None

    def listen(self, event: Event) -> None:
        """Takes an event from the store."""
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.overflow = True

    async def stream(self) -> AsyncIterator[bytes]:
        """The lines of the answer."""
        await self.engine.store.settled()
        self.table.listeners.add(self.listen)
        try:
            initial = self.request.one("sendInitialEvents")
            wants_list = initial == "true" or (not initial and self.version == 0)
            if wants_list:
                yield self._initial(initial == "true")
            elif self.version:
                if self.version < self.table.oldest:
                    yield self._gone()
                    return
                replay = b"".join(self._line(e) for e in tuple(self.table.history) if e.version > self.version)
                yield replay
            async for chunk in self._follow():
                yield chunk
        finally:
            self.table.listeners.discard(self.listen)

    async def _follow(self) -> AsyncIterator[bytes]:
        next_bookmark = time.monotonic() + BOOKMARK_SECONDS
        while not self.overflow:
            now = time.monotonic()
            if now >= self.deadline:
                return
            wait = min(self.deadline, next_bookmark) - now
            try:
                event = await asyncio.wait_for(self.queue.get(), max(wait, 0.01))
            except TimeoutError:
                if time.monotonic() >= self.deadline:
                    return
                next_bookmark = time.monotonic() + BOOKMARK_SECONDS
                if self.bookmarks:
                    yield self._bookmark({})
                elif (
                    self.kind.custom is not None
                    and self.engine.registry.find(self.kind.group, self.kind.version, self.kind.plural) is None
                ):
                    return
                continue
            lines = [self._line(event)]
            while not self.queue.empty():
                lines.append(self._line(self.queue.get_nowait()))
            data = b"".join(lines)
            if data:
                yield data

    def _initial(self, mark_end: bool) -> bytes:
        records = [r for r in self.table.select(self.chosen.namespace) if self.chosen.matches(r)]
        out = [self._encode("ADDED", r, None) for r in records]
        if mark_end:
            out.append(self._bookmark({END_OF_LIST: "true"}))
        return b"".join(out)

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        meta: Obj = {"resourceVersion": str(self.engine.store.committed)}
        if annotations:
            meta["annotations"] = annotations
        obj: Obj = {"kind": self.kind.kind, "apiVersion": self.kind.api_version}
        if self.form.transform == "Table":
            table = tables.table(self.engine, self.kind, [], meta, "None")
            return orjson.dumps({"type": "BOOKMARK", "object": table}) + b"\n"
        if self.form.transform:
            obj = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        elif self.kind.custom is None:
            obj |= zero(self.kind.schema)
        obj["metadata"] = meta
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _gone(self) -> bytes:
        text = f"too old resource version: {self.version} ({self.table.oldest})"
        return orjson.dumps({"type": "ERROR", "object": expired(text).status()}) + b"\n"

    def _line(self, event: Event) -> bytes:
        """The line of an event as this watch sees it: entering and leaving a selection adds and deletes."""
        chosen = self.chosen
        now = event.kind != "DELETED" and chosen.matches(event.record)
        before = event.previous is not None and chosen.matches(event.previous)
        if event.kind == "DELETED":
            if not before:
                return b""
            return self._encode("DELETED", event.record, event)
        if now:
            return self._encode("MODIFIED" if before else "ADDED", event.record, event)
        if before and event.previous is not None:
            # What leaves the selection is sent as it last was in it, at the version at which it left.
            return self._encode("DELETED", make_record(event.previous.load(), event.version), None)
        return b""

    def _encode(self, kind: str, record: Record, event: Event | None) -> bytes:
        if self.form.transform:
            return self._transformed(kind, record)
        key = (kind, self.kind.api_version)
        if event is not None:
            cached = event.cache.get(key)
            if cached is not None:
                return cached
        line = b'{"type":"' + kind.encode() + b'","object":' + self.encode(record) + b"}\n"
        if event is not None:
            event.cache[key] = line
        return line

    def _transformed(self, kind: str, record: Record) -> bytes:
        obj: Any
        if self.form.transform == "Table":
            meta = {"resourceVersion": str(record.version)}
            obj = tables.table(self.engine, self.kind, [record], meta, self.include, self.first_row)
            self.first_row = False
        else:
            obj = partial(self.engine, self.kind, record)
        return orjson.dumps({"type": kind, "object": obj}) + b"\n"
