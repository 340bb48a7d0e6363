"""What the reconcilers of sources share: finalizer, announcing, storage, the outcome and its events."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.core import DONE, FINALIZER, Result, requested_at, title
from pyflux.controllers.patcher import Patcher
from pyflux.controllers.queue import WorkQueue
from pyflux.controllers.source.outcome import (
    BUILD_FAILED,
    FETCH_FAILED,
    IN_STORAGE,
    INCLUDE_UNAVAILABLE,
    OUTDATED,
    STORAGE_FAILED,
    SourceFailed,
    SourceWaiting,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.core import Options
    from pyflux.controllers.events import Recorder
    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import Key
    from pyflux.controllers.source.storage import Storage
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

COMPONENT = "source-controller"
GROUP = "source.toolkit.fluxcd.io"
_FAILURES = (FETCH_FAILED, BUILD_FAILED, INCLUDE_UNAVAILABLE, STORAGE_FAILED)
NEW_ARTIFACT = "NewArtifact"


class SourceController:
    """One kind of source. Subclasses say how its artifact is made."""

    kind = ""

    def __init__(
        self, informer: Informer, storage: Storage, recorder: Recorder, options: Options, log: Callable[[str], None]
    ) -> None:
        self.name = self.kind.lower()
        self.queue = WorkQueue()
        self.resource = kind_named(self.kind).resource
        self.informer = informer
        self.storage = storage
        self.recorder = recorder
        self.options = options
        self.log = log

    def produce(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[str, str]:
        """Brings the artifact up to date; message and reason of its event. Raises SourceFailed."""
        raise NotImplementedError

    def is_static(self, obj: Obj, patcher: Patcher) -> bool:
        """True for an object that needs no reconciliation."""
        return False

    def reconcile(self, client: Client, key: Key) -> Result:
        found = self.informer.get(key)
        if found is None:
            return DONE
        obj = copy.deepcopy(found)
        obj.setdefault("status", {})
        metadata = obj["metadata"]
        patcher = Patcher(client, self.resource, obj, COMPONENT, self.informer.offer)
        if metadata.get("deletionTimestamp"):
            self.storage.remove_all(obj)
            self.drop_finalizer(obj, patcher)
            return DONE
        if self.is_static(obj, patcher):
            return DONE
        if FINALIZER not in (metadata.get("finalizers") or []):
            metadata["finalizers"] = [*(metadata.get("finalizers") or []), FINALIZER]
            patcher.patch()
        if obj["spec"].get("suspend"):
            return DONE
        return self._run(client, obj, patcher)

    @staticmethod
    def drop_finalizer(obj: Obj, patcher: Patcher) -> None:
        metadata = obj["metadata"]
        metadata["finalizers"] = [name for name in metadata.get("finalizers") or [] if name != FINALIZER]
        patcher.patch()

    def _run(self, client: Client, obj: Obj, patcher: Patcher) -> Result:
        before = copy.deepcopy(obj)
        error: SourceFailed | None = None
        message = reason = ""
        try:
            self._announce(obj, patcher)
            self._check_storage(obj, patcher)
            message, reason = self.produce(client, obj, patcher)
        except SourceFailed as failed:
            error = failed
            self.log(f"{title(obj)}: {failed}")
            kind = "Normal" if isinstance(failed, SourceWaiting) else "Warning"
            self.recorder.event(COMPONENT, obj, kind, failed.reason, failed.message)
        result = settle(obj, error, self.options)
        patcher.patch()
        if error is None:
            self._notify(before, obj, message, reason)
        return result

    @staticmethod
    def _announce(obj: Obj, patcher: Patcher) -> None:
        status = obj["status"]
        generation, observed = obj["metadata"]["generation"], status.get("observedGeneration", 0)
        conditions.progressive(obj, "reconciliation in progress")
        if generation != observed:
            conditions.progressive(obj, f"processing object: new generation {observed} -> {generation}")
            patcher.patch()
        elif requested_at(obj) != (status.get("lastHandledReconcileAt") or ""):
            patcher.patch()
        conditions.remove(obj, STORAGE_FAILED)

    def _check_storage(self, obj: Obj, patcher: Patcher) -> None:
        status = obj["status"]
        artifact = status.get("artifact")
        collected = self.storage.collect(obj, artifact) if artifact else 0
        if collected:
            text = f"garbage collected {collected} artifacts"
            self.recorder.event(COMPONENT, obj, "Normal", "GarbageCollectionSucceeded", text)
        missing = bool(artifact) and not self.storage.intact(artifact)
        if missing:
            del status["artifact"]
            status.pop("url", None)
        if not status.get("artifact"):
            text = "building artifact: disappeared from storage" if missing else "building artifact"
            conditions.progressive(obj, text, drift=True)
            conditions.remove(obj, IN_STORAGE)
            patcher.patch()
        else:
            artifact["url"] = self.storage.url(artifact["path"])

    @staticmethod
    def outdated(obj: Obj, patcher: Patcher, reason: str, text: str) -> None:
        """Something newer is on its way."""
        if obj["status"].get("artifact"):
            conditions.put(obj, OUTDATED, "True", reason, text)
        conditions.progressive(obj, f"building artifact: {text}", drift=True)
        patcher.patch()

    def store(self, obj: Obj, revision: str, name: str, path: str, lasting: str) -> None:
        """Keeps a file as the source's artifact, served under its own and a lasting name. Raises SourceFailed."""
        try:
            artifact = self.storage.put(obj, revision, name, path)
            obj["status"]["artifact"] = artifact
            obj["status"]["url"] = self.storage.link(obj, artifact, lasting)
        except OSError as why:
            text = f"unable to save artifact to storage: {why.strerror or why}"
            raise SourceFailed(STORAGE_FAILED, "ArchiveOperationFailed", text) from None
        conditions.remove(obj, OUTDATED, STORAGE_FAILED)

    def _notify(self, before: Obj, obj: Obj, message: str, reason: str) -> None:
        artifact = obj["status"]["artifact"]
        notes = {f"{GROUP}/revision": artifact["revision"], f"{GROUP}/digest": artifact["digest"]}
        old = ((before.get("status") or {}).get("artifact") or {}).get("digest")
        if old == artifact["digest"]:
            if not any(conditions.get(before, kind) for kind in _FAILURES):
                return
            reason = conditions.SUCCEEDED if reason == NEW_ARTIFACT else reason
        self.recorder.event(COMPONENT, obj, "Normal", reason, message, notes)
        self.log(f"{title(obj)}: {message}")
