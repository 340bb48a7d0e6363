"""Takes over what earlier tools left on an object: fields of `kubectl apply`, its annotation, old Flux labels."""

from __future__ import annotations

import copy
from typing import Any

Obj = dict[str, Any]

_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
)
_LABELS = ("fluxcd.io/sync-gc-mark",)


def patches(existing: Obj, manager: str) -> list[Obj]:
    """A JSON patch that makes `manager` the owner of what kubectl applied; empty where there is nothing to do."""
    metadata = existing["metadata"]
    result: list[Obj] = []
    for field, keys in (("annotations", _ANNOTATIONS), ("labels", _LABELS)):
        for key in keys:
            if key in (metadata.get(field) or {}):
                result.append({"op": "remove", "path": f"/metadata/{field}/{key.replace('/', '~1')}"})
    entries = _take_over(metadata.get("managedFields") or [], manager)
    if entries is not None:
        result.append({"op": "replace", "path": "/metadata/managedFields", "value": entries})
    return result


def _ours(entry: Obj, manager: str) -> bool:
    """True for an entry of a tool whose fields become `manager`'s."""
    if entry.get("subresource"):
        return False
    name, operation = str(entry.get("manager") or ""), entry.get("operation")
    if operation == "Apply":
        return name.startswith("kubectl")
    return operation == "Update" and name.startswith(("kubectl", "before-first-apply", manager))


def _take_over(entries: list[Obj], manager: str) -> list[Obj] | None:
    mine = next((e for e in entries if e.get("manager") == manager and e.get("operation") == "Apply"), None)
    kept: list[Obj] = []
    edited = False
    merged = copy.deepcopy(mine) if mine is not None else None
    for entry in entries:
        if entry is mine:
            continue
        if not _ours(entry, manager):
            kept.append(entry)
        elif merged is None:
            merged = {**copy.deepcopy(entry), "manager": manager, "operation": "Apply"}
            edited = True
        else:
            merged["fieldsV1"] = _union(merged.get("fieldsV1") or {}, entry.get("fieldsV1") or {})
            edited = True
    if not edited or merged is None:
        return None
    return [*kept, merged]


def _union(one: Obj, other: Obj) -> Obj:
    """Two trees of field names as one."""
    result = dict(one)
    for key, value in other.items():
        old = result.get(key)
        result[key] = _union(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
