"""A kind's objects as they are now, kept up to date by a watch; handlers hear of every change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pyflux.controllers.queue import Key
from pyflux.errors import Gone, KubeError, NoMatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]
    Handler = Callable[[Obj | None, Obj | None], None]

WATCH_SECONDS = 290.0
_PAUSE = 1.0
_LONGEST_PAUSE = 15.0


def key_of(obj: Obj) -> Key:
    """The object's place."""
    metadata = obj["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


class Informer:
    """One kind in one namespace or all. `get` gives the newest known object, which callers must not change."""

    def __init__(
        self, client: Client, resource: Resource, *, namespace: str = "", labels: str = "", log: Callable[[str], None]
    ) -> None:
        self._client = client
        self.resource = resource
        self._namespace = namespace
        self._labels = labels
        self._log = log
        self._objects: dict[Key, Obj] = {}
        self._newer: dict[Key, Obj] = {}
        self._lock = threading.Lock()
        self._handlers: list[Handler] = []
        self.synced = threading.Event()
        """Set after the first complete list, or when the kind is not installed."""
        self._stop = threading.Event()

    def on_change(self, handler: Handler) -> None:
        """`handler(before, after)` is called in the watch's thread; before is None at first, after is None at last."""
        self._handlers.append(handler)

    def get(self, key: Key) -> Obj | None:
        with self._lock:
            return self._newer.get(key) or self._objects.get(key)

    def all(self) -> list[Obj]:
        with self._lock:
            return list(self._objects.values())

    def offer(self, obj: Obj) -> None:
        """An answer to a write: `get` gives it until the watch has brought it, and handlers hear of it then."""
        key = key_of(obj)
        with self._lock:
            known = self._newer.get(key) or self._objects.get(key)
            if known is not None and _version(obj) > _version(known):
                self._newer[key] = _slim(obj)

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"watch-{self.resource.plural}", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        pause, said = _PAUSE, ""
        while not self._stop.is_set():
            try:
                version = self._list()
                self.synced.set()
                pause, said = _PAUSE, ""
                self._watch(version)
            except Gone:
                continue
            except NoMatch:
                # the CRD may be installed any moment, by a bootstrap that waits for its objects
                self.synced.set()
                pause = _PAUSE
            except KubeError as error:
                if str(error) != said:
                    said = str(error)
                    self._log(f"cannot watch {self.resource.plural}: {error}")
            self._stop.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _list(self) -> str:
        listing = self._client.list(self.resource, self._namespace, labels=self._labels, chunk=500)
        found = {key_of(obj): obj for obj in listing.items}
        with self._lock:
            gone = [key for key in self._objects if key not in found]
        for key in gone:
            self._take("DELETED", self.get(key) or {})
        for obj in found.values():
            self._take("MODIFIED", obj)
        return listing.resource_version

    def _watch(self, version: str) -> None:
        while not self._stop.is_set():
            for kind, obj in self._client.watch(
                self.resource,
                self._namespace,
                labels=self._labels,
                resource_version=version,
                timeout=WATCH_SECONDS,
            ):
                version = obj["metadata"]["resourceVersion"]
                if self._stop.is_set():
                    return
                if kind != "BOOKMARK":
                    self._take(kind, obj)

    def _take(self, kind: str, obj: Obj) -> None:
        if not obj:
            return
        key = key_of(obj)
        with self._lock:
            before = self._objects.get(key)
            newer = self._newer.get(key)
            if kind == "DELETED" or (newer is not None and _version(obj) >= _version(newer)):
                self._newer.pop(key, None)
            if kind == "DELETED":
                after = None
                self._objects.pop(key, None)
            else:
                after = _slim(obj)
                self._objects[key] = after
        for handler in self._handlers:
            handler(before, after)


def _slim(obj: Obj) -> Obj:
    obj["metadata"].pop("managedFields", None)
    return obj


def _version(obj: Obj) -> int:
    text = str(obj["metadata"].get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0
