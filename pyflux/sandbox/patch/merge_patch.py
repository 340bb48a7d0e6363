"""RFC 7396 JSON merge patch."""

from __future__ import annotations

from typing import Any


def apply(doc: Any, patch: Any) -> Any:
    """The document with the patch laid over it; nulls remove. Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    out = dict(doc) if isinstance(doc, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = apply(out.get(key), value)
        else:
            out[key] = value
    return out
