"""Validation of label selectors, and how they are quoted."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.objectmeta import validate_labels
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, required


def selector(value: Obj | None, path: str) -> list[Cause]:
    """Errors of a label selector."""
    out = validate_labels((value or {}).get("matchLabels") or {}, f"{path}.matchLabels")
    for i, e in enumerate((value or {}).get("matchExpressions") or []):
        where = f"{path}.matchExpressions[{i}]"
        if e.get("operator") in ("In", "NotIn"):
            if not e.get("values"):
                out.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif e.get("operator") in ("Exists", "DoesNotExist"):
            if e.get("values"):
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                out.append(forbidden_field(f"{where}.values", text))
        else:
            out.append(invalid_value(f"{where}.operator", e.get("operator", ""), "not a valid selector operator"))
    return out


def sorted_map(value: dict[str, Any]) -> dict[str, Any]:
    """A map as it is quoted: by key."""
    return {k: value[k] for k in sorted(value)}


def shown_selector(value: Any) -> Any:
    """A label selector as it is quoted."""
    labels = (value or {}).get("matchLabels")
    return {**value, "matchLabels": sorted_map(labels)} if labels else value
