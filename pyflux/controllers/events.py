"""Kubernetes events about reconciliations, sent by one thread; the same event again counts up the first."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import Resource
from pyflux.controllers.conditions import now
from pyflux.errors import KubeError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

EVENTS = Resource("", "v1", "events", "Event", True)
_PENDING = 10_000
_REMEMBERED = 4096
_SAME_WITHIN = 600.0
_LONGEST = 1024
_NOTE = "event.toolkit.fluxcd.io/"


class Recorder:
    """Takes events from any thread and never waits for the API server; a flood is dropped, not queued without end."""

    def __init__(self, client: Client, log: Callable[[str], None]) -> None:
        self._client = client
        self._log = log
        self._pending: queue.Queue[Obj | None] = queue.Queue(_PENDING)
        self._known: dict[tuple[str, ...], tuple[str, int, float]] = {}
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Sends what is pending, for at most `grace` seconds."""
        try:
            self._pending.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(grace)

    def event(
        self, component: str, obj: Obj, kind: str, reason: str, message: str, annotations: dict[str, str] | None = None
    ) -> None:
        """`kind` is Normal or Warning."""
        metadata = obj["metadata"]
        own = (metadata.get("annotations") or {}).items()
        notes = {**(annotations or {}), **{name: value for name, value in own if name.startswith(_NOTE)}}
        stamp = now()
        body: Obj = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{time.time_ns():x}",
                "namespace": metadata.get("namespace") or "default",
            },
            "involvedObject": {
                "apiVersion": obj["apiVersion"],
                "kind": obj["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace", ""),
                "resourceVersion": metadata.get("resourceVersion", ""),
                "uid": metadata.get("uid", ""),
            },
            "type": kind,
            "reason": reason,
            "message": message if len(message) <= _LONGEST else message[: _LONGEST - 3] + "...",
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "source": {"component": component},
            "reportingComponent": component,
        }
        if notes:
            body["metadata"]["annotations"] = notes
        try:
            self._pending.put_nowait(body)
        except queue.Full:
            self._log("too many events, some are dropped")

    def _run(self) -> None:
        while (body := self._pending.get()) is not None:
            try:
                self._send(body)
            except KubeError as error:
                self._log(f"cannot record an event: {error}")

    def _send(self, body: Obj) -> None:
        involved = body["involvedObject"]
        same = (
            *(str(involved[field]) for field in ("kind", "namespace", "name", "uid")),
            *(body[field] for field in ("type", "reason", "message")),
            body["source"]["component"],
        )
        name, count, seen = self._known.pop(same, ("", 0, 0.0))
        if name and time.monotonic() - seen < _SAME_WITHIN:
            change: Obj = {"count": count + 1, "lastTimestamp": body["lastTimestamp"]}
            if "annotations" in body["metadata"]:
                change["metadata"] = {"annotations": body["metadata"]["annotations"]}
            try:
                self._client.patch(EVENTS, name, body["metadata"]["namespace"], change, field_manager=same[-1])
                self._known[same] = (name, count + 1, time.monotonic())
                return
            except NotFound:
                pass
        self._client.create(EVENTS, body, field_manager=same[-1])
        self._known[same] = (body["metadata"]["name"], 1, time.monotonic())
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
