"""Which Kustomizations to look at when something else changes: their source, a dependency, their configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.core import requested, wants_work
from pyflux.controllers.informer import key_of
from pyflux.controllers.kustomize import depends
from pyflux.controllers.queue import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import WorkQueue

    Obj = dict[str, Any]

WATCH_LABEL = "reconcile.fluxcd.io/watch=Enabled"


class Triggers:
    """Keeps, for every Kustomization, what it depends on, and fills the queue."""

    def __init__(self, informer: Informer, queue: WorkQueue) -> None:
        self._informer = informer
        self._queue = queue
        self._users: dict[tuple[str, str, str], set[Key]] = {}
        self._uses: dict[Key, list[tuple[str, str, str]]] = {}
        informer.on_change(self._own_change)

    def watch_source(self, kind: str, informer: Informer) -> None:
        """Looks at the users of a source when its artifact changes."""

        def changed(before: Obj | None, after: Obj | None) -> None:
            artifact = _artifact(after)
            if after is None or artifact is None:
                return
            old = _artifact(before)
            if before is not None and old is not None and old.get("revision") == artifact.get("revision"):
                return
            key = key_of(after)
            for user in self._ordered(self._users.get((kind, *key), ())):
                if not self._has(user, artifact["revision"]):
                    self._queue.add(user)

        informer.on_change(changed)

    def watch_config(self, kind: str, informer: Informer) -> None:
        """Looks at the users of a ConfigMap or Secret when it changes."""

        def changed(_before: Obj | None, after: Obj | None) -> None:
            if after is not None:
                for user in self._ordered(self._users.get((kind, *key_of(after)), ())):
                    self._queue.add(user)

        informer.on_change(changed)

    def _has(self, key: Key, revision: str) -> bool:
        obj = self._informer.get(key)
        if obj is None or (obj.get("status") or {}).get("lastAttemptedRevision") != revision:
            return False
        return conditions.has(obj, conditions.READY) or conditions.has(obj, conditions.RECONCILING)

    def _ordered(self, keys: Iterable[Key]) -> list[Key]:
        """Dependencies before their dependents, as far as they can be ordered."""
        wanted = set(keys)
        result: list[Key] = []
        done: set[Key] = set()

        def visit(key: Key) -> None:
            if key in done:
                return
            done.add(key)
            obj = self._informer.get(key)
            for other in depends.keys(obj) if obj is not None else []:
                if other in wanted:
                    visit(other)
            result.append(key)

        for key in sorted(wanted):
            visit(key)
        return result

    def _own_change(self, before: Obj | None, after: Obj | None) -> None:
        obj = after or before
        assert obj is not None
        key = key_of(obj)
        if after is None:
            self._forget(key)
            self._queue.drop(key)
            return
        if before is None or before["metadata"].get("generation") != after["metadata"].get("generation"):
            self._forget(key)
            self._uses[key] = _uses(after)
            for use in self._uses[key]:
                self._users.setdefault(use, set()).add(key)
        if wants_work(before, after):
            self._queue.add(key, urgent=requested(before, after))
        if _became_ready(before, after):
            for user in self._ordered(self._users.get(("Kustomization", *key), ())):
                self._queue.add(user)

    def _forget(self, key: Key) -> None:
        for use in self._uses.pop(key, []):
            users = self._users.get(use)
            if users is not None:
                users.discard(key)
                if not users:
                    del self._users[use]


def _artifact(obj: Obj | None) -> Obj | None:
    found: Obj | None = ((obj or {}).get("status") or {}).get("artifact")
    return found


def _became_ready(before: Obj | None, after: Obj) -> bool:
    if before is None or not conditions.has(after, conditions.READY):
        return False
    old, new = before.get("status") or {}, after["status"]
    return not conditions.has(before, conditions.READY) or old.get("lastAppliedRevision") != new.get(
        "lastAppliedRevision"
    )


def _uses(obj: Obj) -> list[tuple[str, str, str]]:
    spec, namespace = obj["spec"], obj["metadata"]["namespace"]
    found = [depends.source_key(obj)]
    found += [("Kustomization", *key) for key in depends.keys(obj)]
    for reference in (spec.get("postBuild") or {}).get("substituteFrom") or []:
        found.append((reference["kind"], namespace, reference["name"]))
    for holder in ("decryption", "kubeConfig"):
        secret = (spec.get(holder) or {}).get("secretRef")
        if secret:
            found.append(("Secret", namespace, secret["name"]))
    config = (spec.get("kubeConfig") or {}).get("configMapRef")
    if config:
        found.append(("ConfigMap", namespace, config["name"]))
    return found
