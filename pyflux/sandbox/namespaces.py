"""What keeps a namespace that is being deleted, as its conditions tell it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.status import Obj

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine

# Type, reason and message of the conditions that nothing stands against.
_DONE = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


def remaining(engine: Engine, name: str) -> tuple[Counter[str], Counter[str]]:
    """What is left: objects by resource (`deployments.apps`, `configmaps.`) and by finalizer."""
    resources: Counter[str] = Counter()
    finalizers: Counter[str] = Counter()
    for resource, table in list(engine.store.tables.items()):
        group, _, plural = resource.rpartition("/")
        for record in table.select(name):
            resources[f"{plural}.{group}"] += 1
            finalizers.update(record.load()["metadata"].get("finalizers") or [])
    return resources, finalizers


def conditions(obj: Obj, resources: Counter[str], finalizers: Counter[str]) -> list[Obj]:
    """The conditions of a namespace in deletion; the time of one whose status stays is kept."""
    rows = [(kind, "False", reason, text) for kind, reason, text in _DONE]
    if resources:
        text = ", ".join(f"{r} has {resources[r]} resource instances" for r in sorted(resources))
        text = f"Some resources are remaining: {text}"
        rows.append(("NamespaceContentRemaining", "True", "SomeResourcesRemain", text))
    else:
        text = "All content successfully removed"
        rows.append(("NamespaceContentRemaining", "False", "ContentRemoved", text))
    if finalizers:
        text = ", ".join(f"{f} in {finalizers[f]} resource instances" for f in sorted(finalizers))
        text = f"Some content in the namespace has finalizers remaining: {text}"
        rows.append(("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", text))
    else:
        text = "All content-preserving finalizers finished"
        rows.append(("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", text))
    have = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or []}
    out = []
    for kind, status, reason, text in rows:
        before = have.get(kind, {})
        since = before["lastTransitionTime"] if before.get("status") == status else now()
        out.append({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": text})
    return out
