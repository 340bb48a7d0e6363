"""What a control plane does beside the API: garbage collection, namespaces, definitions, protections.

The hook sees every change at once; the work is done in later turns of the loop, each object by itself, as
another client of the engine would do it.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections import deque
from datetime import UTC, datetime, timedelta

from pyflux.sandbox import crds, namespaces
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.options import Options
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.status import ApiError, Obj

log = logging.getLogger("sandbox")
EVENT_SECONDS = 3600
EXPIRE_EVERY = 60.0
STUCK_SECONDS = 0.5
"""How long the content of a namespace has to go before the namespace says what is left."""
BACKGROUND = {"propagationPolicy": "Background"}
DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions"
_PROTECTED = {
    "/persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "/persistentvolumes": "kubernetes.io/pv-protection",
}
_GC = Options(manager="kube-controller-manager")
_API = Options(manager="kube-apiserver")
Task = tuple[str, tuple[str, ...]]


class Controllers:
    """Runs on the engine's loop; `start()` also makes good what a crash left undone."""

    def __init__(self, engine: Engine, ca: str = "") -> None:
        self.engine = engine
        self.ca = ca
        self._queue: deque[Task] = deque()
        self._queued: set[Task] = set()
        self._stuck: set[str] = set()
        self._wake = asyncio.Event()
        engine.hooks.append(self._changed)

    def _changed(self, kind: Kind, old: Obj | None, new: Obj | None) -> None:
        meta = (new or old or {}).get("metadata") or {}
        where = (kind.resource, meta.get("namespace", ""), meta["name"])
        if kind.resource == DEFINITIONS:
            self._definition_changed(old, new)
        if new is None:
            self._add("dependents", meta.get("uid", ""))
            for owner in meta.get("ownerReferences") or []:
                self._add("owner", owner["uid"])
            if meta.get("namespace"):
                self._add("namespace", meta["namespace"])
            if kind.custom is not None:
                self._add("definition", f"{kind.plural}.{kind.group}")
            return
        if kind.resource == "/namespaces":
            self._add("account", meta["name"])
            if meta.get("deletionTimestamp"):
                self._add("namespace", meta["name"])
        if meta.get("deletionTimestamp"):
            self._add("finalize", *where)
            if (
                meta.get("namespace")
                and old is not None
                and old["metadata"].get("finalizers") != meta.get("finalizers")
            ):
                self._add("namespace", meta["namespace"])
        elif old is None and meta.get("ownerReferences"):
            self._add("orphaned", *where)

    def _definition_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            crds.remove(self.engine.registry, old or {})
        elif any(
            c["type"] == "Established" and c["status"] == "True"
            for c in (new.get("status") or {}).get("conditions") or []
        ):
            # Names accepted: served at once, as is every later change of the schemas.
            if old is None or old.get("spec") != new.get("spec") or not _is_established(old):
                crds.serve(self.engine.registry, new)
            if _needs_status(new):
                self._add("establish", new["metadata"]["name"])
        else:
            self._add("establish", new["metadata"]["name"])

    def _add(self, kind: str, *what: str) -> None:
        task = (kind, what)
        if task not in self._queued:
            self._queued.add(task)
            self._queue.append(task)
            self._wake.set()

    def start(self) -> None:
        """Serves the stored definitions and takes up unfinished work."""
        for record in self.engine.store.table(DEFINITIONS).select(None):
            obj = record.load()
            if _is_established(obj):
                crds.serve(self.engine.registry, obj)
            self._add("establish", record.name)
        uids = self.engine.store.by_uid
        for resource, record in list(self.engine.store.everything()):
            if b'"deletionTimestamp":"' in record.data:
                self._add("finalize", resource, record.namespace, record.name)
                if resource == "/namespaces":
                    self._add("namespace", record.name)
            if record.owners and not any(uid in uids for uid in record.owners):
                self._add("orphaned", resource, record.namespace, record.name)
        for record in self.engine.store.table("/namespaces").select(None):
            self._add("account", record.name)

    def expire_events(self, before: str) -> int:
        """Deletes the events last seen before a time (RFC 3339, UTC); how many there were."""
        kind = self._kind("/events")
        gone = 0
        for record in list(self.engine.store.table("/events").records.values()):
            obj = record.load()
            series = obj.get("series") or {}
            times = (obj.get("lastTimestamp"), obj.get("eventTime"), series.get("lastObservedTime"))
            seen = max(t for t in (*times, obj["metadata"]["creationTimestamp"]) if t)
            if kind is not None and seen < before:
                self.engine.delete(kind, record.namespace, record.name, {}, copy.copy(_GC))
                gone += 1
        return gone

    async def expire(self) -> None:
        """Lets events go after an hour, as a real cluster does, until cancelled."""
        while True:
            await asyncio.sleep(EXPIRE_EVERY)
            before = datetime.now(UTC) - timedelta(seconds=EVENT_SECONDS)
            self.expire_events(before.strftime("%Y-%m-%dT%H:%M:%SZ"))

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                task = self._queue.popleft()
                self._queued.discard(task)
                try:
                    self._work(*task)
                except ApiError as error:
                    log.debug("%s: %s", task, error.message)
                except Exception:
                    log.exception("%s", task)
                if len(self._queue) % 20 == 0:
                    await self.engine.store.settled()
                    await asyncio.sleep(0)

    def _work(self, kind: str, what: tuple[str, ...]) -> None:
        if kind == "dependents":
            self._collect(what[0])
        elif kind == "owner":
            self._owner_done(what[0])
        elif kind == "orphaned":
            self._check_owners(*what)
        elif kind == "finalize":
            self._finalize(*what)
        elif kind == "namespace":
            self._empty_namespace(what[0])
        elif kind == "stuck":
            self._tell_stuck(what[0])
        elif kind == "account":
            self._namespace_defaults(what[0])
        elif kind == "establish":
            self._establish(what[0])
        elif kind == "definition":
            self._definition_done(what[0])

    # Garbage collection

    def _kind(self, resource: str) -> Kind | None:
        return self.engine.registry.by_resource(resource)

    def _collect(self, uid: str) -> None:
        """The owner is gone: dependents lose it, and those with no other owner go."""
        for resource, namespace, name in self.engine.store.dependents(uid):
            self._check_owners(resource, namespace, name)

    def _owner_exists(self, owner: Obj, namespace: str) -> bool:
        group, _, version = owner.get("apiVersion", "").rpartition("/")
        kind = self.engine.registry.by_kind(group, version, owner.get("kind", ""))
        if kind is None:
            return True
        record = self.engine.store.get(kind.resource, namespace if kind.namespaced else "", owner.get("name", ""))
        return record is not None and record.uid == owner.get("uid")

    def _check_owners(self, resource: str, namespace: str, name: str) -> None:
        kind, obj = self._kind(resource), self.engine.find(resource, namespace, name)
        if kind is None or obj is None:
            return
        owners = obj["metadata"].get("ownerReferences") or []
        left = [o for o in owners if self._owner_exists(o, namespace)]
        if not owners or len(left) == len(owners):
            return
        if left:
            self._patch_meta(kind, obj, ownerReferences=left)
        elif not obj["metadata"].get("deletionTimestamp"):
            self.engine.delete(kind, namespace, name, dict(BACKGROUND), _GC)

    def _patch_meta(self, kind: Kind, obj: Obj, **fields: object) -> None:
        def mutate(current: Obj) -> Obj:
            for key, value in fields.items():
                if value:
                    current["metadata"][key] = value
                else:
                    current["metadata"].pop(key, None)
            return current

        meta = obj["metadata"]
        self.engine.patch(kind, meta.get("namespace", ""), meta["name"], mutate, copy.copy(_GC))

    def _finalize(self, resource: str, namespace: str, name: str) -> None:
        """Carries out the finalizers that belong to the control plane."""
        kind, obj = self._kind(resource), self.engine.find(resource, namespace, name)
        if kind is None or obj is None or not obj["metadata"].get("deletionTimestamp"):
            return
        finalizers = list(obj["metadata"].get("finalizers") or [])
        if "orphan" in finalizers:
            self._orphan(obj["metadata"]["uid"])
            finalizers.remove("orphan")
        elif "foregroundDeletion" in finalizers:
            if not self._foreground(obj["metadata"]["uid"]):
                finalizers.remove("foregroundDeletion")
        elif _PROTECTED.get(resource) in finalizers:
            finalizers.remove(_PROTECTED[resource])
        elif "customresourcecleanup.apiextensions.k8s.io" in finalizers:
            self._definition_done(name)
            return
        if finalizers != (obj["metadata"].get("finalizers") or []):
            self._patch_meta(kind, obj, finalizers=finalizers)

    def _orphan(self, uid: str) -> None:
        for resource, namespace, name in self.engine.store.dependents(uid):
            kind, obj = self._kind(resource), self.engine.find(resource, namespace, name)
            if kind is not None and obj is not None:
                left = [o for o in obj["metadata"].get("ownerReferences") or [] if o["uid"] != uid]
                self._patch_meta(kind, obj, ownerReferences=left)

    def _foreground(self, uid: str) -> bool:
        """Deletes what blocks the owner; whether any of it is still there."""
        blocking = False
        for resource, namespace, name in self.engine.store.dependents(uid):
            kind, obj = self._kind(resource), self.engine.find(resource, namespace, name)
            if kind is None or obj is None:
                continue
            owners = obj["metadata"].get("ownerReferences") or []
            mine = next(o for o in owners if o["uid"] == uid)
            others = [o for o in owners if o["uid"] != uid and self._owner_exists(o, namespace)]
            if others:
                continue
            if not obj["metadata"].get("deletionTimestamp"):
                self.engine.delete(kind, namespace, name, {"propagationPolicy": "Foreground"}, _GC)
            if mine.get("blockOwnerDeletion") and self.engine.find(resource, namespace, name) is not None:
                blocking = True
        return blocking

    def _owner_done(self, uid: str) -> None:
        """A dependent went: its owner may have been waiting for it."""
        where = self.engine.store.by_uid.get(uid)
        if where is not None:
            record = self.engine.store.get(*where)
            if record is not None and b'"foregroundDeletion"' in record.data:
                self._finalize(*where)

    # Namespaces

    def _empty_namespace(self, name: str) -> None:
        """Deletes the content of a namespace that is going, then lets it go."""
        obj = self.engine.find("/namespaces", "", name)
        kind = self._kind("/namespaces")
        if obj is None or kind is None or not obj["metadata"].get("deletionTimestamp"):
            return
        left = 0
        for resource, table in list(self.engine.store.tables.items()):
            held = self._kind(resource)
            if held is None or not held.namespaced:
                continue
            for record in table.select(name):
                if b'"deletionTimestamp":"' not in record.data:
                    self.engine.delete(held, name, record.name, dict(BACKGROUND), _GC)
                left += (name, record.name) in table.records
        if left:
            self._tell_later(name)
        else:
            spec = {**(obj.get("spec") or {}), "finalizers": []}
            self.engine.update(kind, "", name, {**obj, "spec": spec}, copy.copy(_GC), "finalize")

    def _tell_later(self, name: str) -> None:
        """Says what is left of a namespace once the rest had its time to go."""
        if name not in self._stuck:
            self._stuck.add(name)
            asyncio.get_running_loop().call_later(STUCK_SECONDS, self._add, "stuck", name)

    def _tell_stuck(self, name: str) -> None:
        self._stuck.discard(name)
        obj, kind = self.engine.find("/namespaces", "", name), self._kind("/namespaces")
        if obj is None or kind is None:
            return
        told = namespaces.conditions(obj, *namespaces.remaining(self.engine, name))
        status = {**(obj.get("status") or {}), "conditions": told}
        if status != obj.get("status"):
            self.engine.update(kind, "", name, {**obj, "status": status}, copy.copy(_GC), "status")

    def _namespace_defaults(self, name: str) -> None:
        """The service account and the certificate that every namespace has."""
        obj = self.engine.find("/namespaces", "", name)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return
        if self.engine.find("/configmaps", name, "kube-root-ca.crt") is None:
            note = "The certificate authority of this sandbox's API server."
            meta = {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": note}}
            made: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": self.ca}}
            self._make("/configmaps", name, made)
        if self.engine.find("/serviceaccounts", name, "default") is None:
            account: Obj = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
            self._make("/serviceaccounts", name, account)

    def _make(self, resource: str, namespace: str, obj: Obj) -> None:
        kind = self._kind(resource)
        if kind is not None:
            self.engine.create(kind, namespace, obj, copy.copy(_GC))

    # Definitions

    def _establish(self, name: str) -> None:
        """Accepts the names of a definition and serves it."""
        kind, obj = self._kind(DEFINITIONS), self.engine.find(DEFINITIONS, "", name)
        if kind is None or obj is None:
            return
        if obj["metadata"].get("deletionTimestamp"):
            return
        status = crds.established(obj)
        if (obj.get("status") or {}) != status:
            self.engine.update(kind, "", name, {**obj, "status": status}, copy.copy(_API), "status")
            obj = self.engine.find(DEFINITIONS, "", name) or obj
        if "customresourcecleanup.apiextensions.k8s.io" not in (obj["metadata"].get("finalizers") or []):
            finalizers = [*(obj["metadata"].get("finalizers") or []), "customresourcecleanup.apiextensions.k8s.io"]
            self._patch_meta(kind, obj, finalizers=finalizers)

    def _definition_done(self, name: str) -> None:
        """Deletes the objects of a definition that is going, then lets it go."""
        kind, obj = self._kind(DEFINITIONS), self.engine.find(DEFINITIONS, "", name)
        if kind is None or obj is None or not obj["metadata"].get("deletionTimestamp"):
            return
        resource = f"{obj['spec']['group']}/{obj['spec']['names']['plural']}"
        held = self._kind(resource)
        left = 0
        table = self.engine.store.table(resource)
        for record in table.select(None):
            if held is not None and b'"deletionTimestamp":"' not in record.data:
                self.engine.delete(held, record.namespace, record.name, dict(BACKGROUND), _GC)
            left += (record.namespace, record.name) in table.records
        finalizers = obj["metadata"].get("finalizers") or []
        if not left and "customresourcecleanup.apiextensions.k8s.io" in finalizers:
            rest = [f for f in finalizers if f != "customresourcecleanup.apiextensions.k8s.io"]
            self._patch_meta(kind, obj, finalizers=rest)


def _is_established(obj: Obj) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _needs_status(obj: Obj) -> bool:
    status = obj.get("status") or {}
    storing = {v["name"] for v in obj["spec"]["versions"] if v.get("storage")}
    return status.get("acceptedNames") != obj["spec"]["names"] or not storing <= set(status.get("storedVersions") or [])
