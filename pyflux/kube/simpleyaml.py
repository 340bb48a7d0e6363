"""Reads the plain subset of YAML that kubeconfigs are written in, without importing a YAML library.

Block mappings and sequences of single-line scalars, nothing else: no anchors, tags, flow collections (but
`{}` and `[]`), multi-line or escaped strings. Anything outside the subset is answered with None, and the caller
takes the real parser. Reading a kubeconfig is on the way of every command, and this is ten times faster.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Beyond(Exception):
    """The text is not in the subset."""


_SPECIAL = frozenset("&*!|>%@`[{\"'?#,]}")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None, "{}": {}, "[]": []}


def parse(text: str) -> Any:
    """The value of a YAML text, or None where it is outside the subset (or empty)."""
    lines: list[tuple[int, str]] = []
    for raw in text.splitlines():
        stripped = raw.strip()
        if not stripped or stripped.startswith("#") or (stripped == "---" and not lines):
            continue
        if "\t" in raw or stripped in ("---", "..."):
            return None
        lines.append((len(raw) - len(raw.lstrip(" ")), stripped))
    if not lines:
        return None
    try:
        value, end = _block(lines, 0, lines[0][0])
    except (_Beyond, RecursionError):
        return None
    return value if end == len(lines) else None


def _block(lines: list[tuple[int, str]], at: int, indent: int) -> tuple[Any, int]:
    if lines[at][1].startswith("- ") or lines[at][1] == "-":
        return _sequence(lines, at, indent)
    return _mapping(lines, at, indent)


def _sequence(lines: list[tuple[int, str]], at: int, indent: int) -> tuple[list[Any], int]:
    items = []
    while at < len(lines) and lines[at][0] == indent and lines[at][1][:2] in ("- ", "-"):
        rest = lines[at][1][1:].lstrip(" ")
        if not rest:
            raise _Beyond
        inner = indent + len(lines[at][1]) - len(rest)
        if _key_end(rest) >= 0:
            # the item is a mapping that starts on the dash's own line
            lines[at] = (inner, rest)
            value, at = _mapping(lines, at, inner)
        else:
            value, at = _scalar(rest), at + 1
        items.append(value)
    return items, at


def _mapping(lines: list[tuple[int, str]], at: int, indent: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at][0] == indent:
        text = lines[at][1]
        end = _key_end(text)
        if end < 0 or text.startswith("- "):
            raise _Beyond
        key = text[:end]
        if not key or key in found or key == "<<" or key != key.strip() or _scalar(key) != key:
            raise _Beyond
        rest = text[end + 1 :].strip()
        at += 1
        if rest:
            found[key] = _scalar(rest)
        elif at < len(lines) and (lines[at][0] > indent or (lines[at][0] == indent and lines[at][1].startswith("- "))):
            found[key], at = _block(lines, at, lines[at][0])
        else:
            found[key] = None
    if at < len(lines) and lines[at][0] > indent:
        raise _Beyond
    return found, at


def _key_end(text: str) -> int:
    end = text.find(": ")
    if end < 0 and text.endswith(":"):
        end = len(text) - 1
    return end


def _scalar(text: str) -> Any:
    if text in _WORDS:
        value = _WORDS[text]
        return type(value)() if isinstance(value, dict | list) else value
    first = text[0]
    if first in "\"'" and len(text) > 1 and text[-1] == first:
        inner = text[1:-1]
        if first in inner or (first == '"' and "\\" in inner):
            raise _Beyond
        return inner
    if first in _SPECIAL or " #" in text or ": " in text or text.endswith(":") or (first == "-" and text[:2] == "- "):
        raise _Beyond
    if text.lower() in ("yes", "no", "on", "off", "true", "false", "null", "y", "n"):
        raise _Beyond
    if first in "0123456789+-.":
        if text.isdigit() and (len(text) == 1 or first != "0"):
            return int(text)
        if all(c in "0123456789+-.eE_xoabcdefABCDEF:" for c in text):
            raise _Beyond
    return text
