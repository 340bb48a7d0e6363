"""Kinds that nobody reconciles here: their objects say so in their Ready condition, where pyflux runs alone."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.core import DONE, FINALIZER, Result, requested_at
from pyflux.controllers.patcher import Patcher
from pyflux.controllers.queue import WorkQueue

if TYPE_CHECKING:
    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import Key
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

KINDS = (
    *("OCIRepository", "Bucket", "HelmRepository", "HelmChart", "HelmRelease"),
    *("ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "ArtifactGenerator"),
)
REASON = "NotReconciled"
MANAGER = "pyflux-controllers"


class UnreconciledController:
    """Marks the objects of one kind as not reconciled."""

    def __init__(self, kind: str, informer: Informer) -> None:
        self.name = kind.lower()
        self.kind = kind
        self.queue = WorkQueue()
        self._informer = informer

    def reconcile(self, client: Client, key: Key) -> Result:
        found = self._informer.get(key)
        if found is None:
            return DONE
        obj = copy.deepcopy(found)
        patcher = Patcher(client, self._informer.resource, obj, MANAGER, self._informer.offer)
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp"):
            # nothing was done for the object, so nothing stands in its way
            kept = [name for name in metadata.get("finalizers") or [] if name != FINALIZER]
            metadata["finalizers"] = kept
            patcher.patch()
            return DONE
        if obj["spec"].get("suspend"):
            return DONE
        text = f"no controller reconciles objects of kind {self.kind} in this cluster: pyflux's controllers do not"
        status = obj.setdefault("status", {})
        conditions.put(obj, conditions.READY, "False", REASON, text)
        conditions.stalled(obj, REASON, text)
        status["observedGeneration"] = metadata["generation"]
        if requested_at(obj):
            status["lastHandledReconcileAt"] = requested_at(obj)
        patcher.patch()
        return DONE
