"""What to tell people of an object that was reconciled: the revision it is at."""

from __future__ import annotations

from pyflux.catalog import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Obj = dict[str, Any]


def success(obj: Obj) -> str:
    """One line in flux's words: "applied revision main@sha1:…"."""
    kind = str(obj["kind"])
    status = obj.get("status") or {}
    if kind == "Kustomization":
        return f"applied revision {status.get('lastAppliedRevision', '')}"
    if kind == "HelmRelease":
        return f"applied revision {columns.release_revision(obj)}"
    if kind == "ImageRepository":
        return f"scan fetched {(status.get('lastScanResult') or {}).get('tagCount', 0)} tags"
    if kind == "ImagePolicy":
        latest = status.get("latestRef") or {}
        digest = f"@{latest['digest']}" if latest.get("digest") else ""
        return f"selected ref {latest.get('name', '')}:{latest.get('tag', '')}{digest}"
    if kind == "ImageUpdateAutomation":
        return _last_run(obj)
    if kind in ("Receiver", "Alert", "Provider"):
        return f"{kind} reconciliation completed"
    if columns.is_oci_helm_repository(obj):
        found = columns.condition(obj, "Ready")
        return str(found.get("message", "")) if found is not None else ""
    return f"fetched revision {columns.artifact_revision(obj)}"


def _last_run(obj: Obj) -> str:
    found = columns.condition(obj, "Ready")
    if found is not None:
        return str(found.get("message", ""))
    ran = columns.last_run(obj)
    return f"last run {ran}" if ran else "automation not yet run"
