"""Flag types beyond pflag's own: values from a fixed list, paths, source references.

`parse(type, text)` returns the value to store or raises ValueError with the reference's wording.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _log_level(text: str) -> str:
    levels = ("debug", "info", "error")
    if not text:
        raise ValueError("log level not set")
    if text not in levels:
        raise ValueError(f"unsupported log level '{text}', must be one of: {', '.join(levels)}")
    return text


PARSERS: dict[str, Callable[[str], Any]] = {
    "debug|info|error": _log_level,
}


def parse(kind: str, text: str) -> Any:
    """The value of a flag of type `kind`; see `PARSERS` for the types."""
    return PARSERS[kind](text)
