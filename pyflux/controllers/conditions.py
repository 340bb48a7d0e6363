"""Status conditions of an object, set as Flux's controllers set them: sorted, with transition times."""

from __future__ import annotations

import time
from typing import Any

Obj = dict[str, Any]
Condition = dict[str, Any]

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
HEALTHY = "Healthy"

PROGRESSING = "Progressing"
PROGRESSING_WITH_RETRY = "ProgressingWithRetry"
SUCCEEDED = "Succeeded"

_WEIGHT = {STALLED: 0, RECONCILING: 1, READY: 2}
_LONGEST = 32768


def now() -> str:
    """The time in the API's form, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _conditions(obj: Obj) -> list[Condition]:
    return (obj.get("status") or {}).get("conditions") or []


def get(obj: Obj, kind: str) -> Condition | None:
    """The condition of a type, None where there is none."""
    for condition in _conditions(obj):
        if condition.get("type") == kind:
            return condition
    return None


def has(obj: Obj, kind: str, status: str = "True") -> bool:
    """True when the object has the condition in that status."""
    condition = get(obj, kind)
    return condition is not None and condition.get("status") == status


def message(obj: Obj, kind: str) -> str:
    """The condition's message, empty without it."""
    return str((get(obj, kind) or {}).get("message") or "")


def put(obj: Obj, kind: str, status: str, reason: str, text: str) -> None:
    """Sets a condition; its transition time changes when its status, reason or message does."""
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 3] + "..."
    generation = (obj.get("metadata") or {}).get("generation", 0)
    new = {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": text,
        "observedGeneration": generation,
        "lastTransitionTime": now(),
    }
    old = get(obj, kind)
    if old is not None and all(old.get(field) == new[field] for field in ("status", "reason", "message")):
        new["lastTransitionTime"] = old["lastTransitionTime"]
    kept = [condition for condition in _conditions(obj) if condition.get("type") != kind]
    obj.setdefault("status", {})["conditions"] = sorted([*kept, new], key=_order)


def _order(condition: Condition) -> tuple[int, int, str]:
    kind = str(condition.get("type"))
    return _WEIGHT.get(kind, 9), -int(condition.get("observedGeneration") or 0), kind


def remove(obj: Obj, *kinds: str) -> None:
    """Takes conditions away, where they are."""
    found = _conditions(obj)
    kept = [condition for condition in found if condition.get("type") not in kinds]
    if len(kept) != len(found):
        obj["status"]["conditions"] = kept


def reconciling(obj: Obj, reason: str, text: str) -> None:
    """The object is being worked on."""
    remove(obj, STALLED)
    put(obj, RECONCILING, "True", reason, text)


def stalled(obj: Obj, reason: str, text: str) -> None:
    """The object cannot be reconciled until someone changes it."""
    remove(obj, RECONCILING)
    put(obj, STALLED, "True", reason, text)


def progressive(obj: Obj, text: str, *, drift: bool = False) -> None:
    """Work has begun; readiness becomes unknown where it was, or where `drift` says that it no longer holds."""
    reconciling(obj, PROGRESSING, text)
    ready = get(obj, READY)
    if drift or ready is None or ready.get("status") == "Unknown":
        put(obj, READY, "Unknown", PROGRESSING, text)


def summarize(obj: Obj, target: str, order: tuple[str, ...], negative: frozenset[str]) -> None:
    """Sets `target` from the conditions in `order`: a true bad one first, then a false good one, then a true good one.

    Within the deciding group the first of `order` gives reason and message.
    """
    found = [condition for kind in order if (condition := get(obj, kind)) is not None]
    if not found:
        return
    top = min(found, key=lambda condition: _priority(condition, negative))
    status = {0: "False", 1: "False", 2: "True", 3: "True"}.get(_priority(top, negative), "Unknown")
    put(obj, target, status, top["reason"], top["message"])


def _priority(condition: Condition, negative: frozenset[str]) -> int:
    bad = condition["type"] in negative
    if condition["status"] == "True":
        return 0 if bad else 2
    if condition["status"] == "False":
        return 3 if bad else 1
    return 4
