"""`status.history`: the last few builds and how their reconciliations ended."""

from __future__ import annotations

from typing import Any

from pyflux.controllers.conditions import now
from pyflux.controllers.core import go_duration

Obj = dict[str, Any]

_LONGEST = 5


def record(status: Obj, digest: str, took: float, outcome: str, revision: str, origin: str = "") -> None:
    """Counts a reconciliation of the build with `digest` (`sha256:…`); the newest stands first."""
    metadata = {"revision": revision}
    if origin:
        metadata["originRevision"] = origin
    history: list[Obj] = list(status.get("history") or [])
    stamp = now()
    for entry in history:
        if entry.get("digest") == digest and entry.get("lastReconciledStatus") == outcome:
            history.remove(entry)
            total = int(entry.get("totalReconciliations") or 0) + 1
            first = entry.get("firstReconciled") or stamp
            break
    else:
        total, first = 1, stamp
    newest = {
        "digest": digest,
        "firstReconciled": first,
        "lastReconciled": stamp,
        "lastReconciledDuration": go_duration(took),
        "lastReconciledStatus": outcome,
        "totalReconciliations": total,
        "metadata": metadata,
    }
    status["history"] = [newest, *history][:_LONGEST]
