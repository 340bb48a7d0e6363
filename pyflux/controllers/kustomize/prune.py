"""Deletes what is no longer wanted: only objects that carry this Kustomization's labels and did not opt out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflux.controllers.kustomize.apply import DELETED, SKIPPED, Change
from pyflux.controllers.kustomize.objects import GROUP, OWNER_NAME, OWNER_NAMESPACE, marked
from pyflux.errors import KubeError, NotFound, PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyflux.controllers.kustomize.objects import Entry
    from pyflux.controllers.queue import Key
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_PAUSE = 0.5


class PruneFailed(PyfluxError):
    """Some objects are still there: `survivors`. `changes` is what became of the others."""

    def __init__(self, message: str, changes: list[Change], survivors: list[Entry]) -> None:
        super().__init__(message)
        self.changes = changes
        self.survivors = survivors


def delete_all(client: Client, owner: Key, entries: Sequence[Entry]) -> list[Change]:
    """Deletes objects in the reverse of the order in which they were applied. Raises PruneFailed."""
    changes: list[Change] = []
    survivors: list[Entry] = []
    errors = []
    for entry in sorted(entries, key=lambda entry: entry.id.order, reverse=True):
        try:
            changes.append(Change(entry.id, entry.version, _delete(client, owner, entry)))
        except KubeError as error:
            survivors.append(entry)
            errors.append(f"{entry.id.subject} {error};")
    if errors:
        raise PruneFailed(f"delete failed, errors: {''.join(errors)}", changes, survivors)
    return changes


def _delete(client: Client, owner: Key, entry: Entry) -> str:
    identity = entry.id
    try:
        resource = client.resource_for(entry.api_version, identity.kind)
        obj = client.get(resource, identity.name, identity.namespace)
    except NotFound:
        return DELETED
    except KubeError as error:
        raise type(error)(f"query failed: {error}", status=error.status, reason=error.reason) from None
    if not _may_delete(obj, owner):
        return SKIPPED
    try:
        client.delete(
            resource,
            identity.name,
            identity.namespace,
            propagation="Background",
            uid=obj["metadata"].get("uid", ""),
        )
    except NotFound:
        pass
    except KubeError as error:
        raise type(error)(f"delete failed: {error}", status=error.status, reason=error.reason) from None
    return DELETED


def _may_delete(obj: Obj, owner: Key) -> bool:
    labels = obj["metadata"].get("labels") or {}
    if labels.get(OWNER_NAME) != owner.name or labels.get(OWNER_NAMESPACE) != owner.namespace:
        return False
    return not (
        marked(obj, f"{GROUP}/prune", "disabled")
        or marked(obj, f"{GROUP}/reconcile", "disabled")
        or marked(obj, f"{GROUP}/ssa", "Ignore")
    )


def await_gone(client: Client, changes: Sequence[Change], timeout: float, stopped: Callable[[float], bool]) -> bool:
    """Waits until deleted objects are really gone; False when `timeout` seconds were not enough.

    `stopped(seconds)` waits that long and tells whether the process is stopping.
    """
    waiting = [change.entry for change in changes if change.action == DELETED]
    deadline = time.monotonic() + timeout
    while waiting:
        waiting = [entry for entry in waiting if _exists(client, entry)]
        if waiting and (time.monotonic() > deadline or stopped(_PAUSE)):
            return False
    return True


def _exists(client: Client, entry: Entry) -> bool:
    try:
        client.get(client.resource_for(entry.api_version, entry.id.kind), entry.id.name, entry.id.namespace)
    except NotFound:
        return False
    return True
