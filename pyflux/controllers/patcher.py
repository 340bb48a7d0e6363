"""Writes back what a reconciler changed on its object: finalizers in one patch, status in another, nothing in vain."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pyflux.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]


class Patcher:
    """One object during one reconciliation. `seen` hears every answer of the API server."""

    def __init__(
        self, client: Client, resource: Resource, obj: Obj, manager: str, seen: Callable[[Obj], None] | None = None
    ) -> None:
        self._client = client
        self._resource = resource
        self._manager = manager
        self._seen = seen
        self.obj = obj
        self._finalizers = list(obj["metadata"].get("finalizers") or [])
        self._status = copy.deepcopy(obj.get("status") or {})

    def patch(self) -> None:
        """Sends what differs from what was read or sent before. Raises KubeError."""
        metadata = self.obj["metadata"]
        status = self.obj.get("status") or {}
        if status != self._status:
            body = {"status": _difference(self._status, status)}
            try:
                answer = self._send(body, "status")
            except NotFound:
                if not metadata.get("deletionTimestamp"):
                    raise
                return
            self._status = copy.deepcopy(status)
            self._learn(answer)
        finalizers = list(metadata.get("finalizers") or [])
        if finalizers != self._finalizers:
            try:
                answer = self._send({"metadata": {"finalizers": finalizers}}, "")
            except NotFound:
                if not metadata.get("deletionTimestamp"):
                    raise
                return
            self._finalizers = finalizers
            self._learn(answer)

    def _send(self, body: Obj, subresource: str) -> Obj:
        metadata = self.obj["metadata"]
        return self._client.patch(
            self._resource,
            metadata["name"],
            metadata.get("namespace", ""),
            body,
            subresource=subresource,
            field_manager=self._manager,
        )

    def _learn(self, answer: Obj) -> None:
        self.obj["metadata"]["resourceVersion"] = answer["metadata"]["resourceVersion"]
        if self._seen is not None:
            self._seen(answer)


def _difference(before: Obj, after: Obj) -> Obj:
    """The merge patch that makes `after` of `before`."""
    patch: Obj = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if old == value and key in before:
            continue
        patch[key] = _difference(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return patch
