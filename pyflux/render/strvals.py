"""Helm's `--set` notation: `a.b[0].c=value,d={x,y}` into nested values.

Source of the rules: the documented behaviour of Helm's strvals. Values are typed (whole numbers, true, false, null)
unless `strings` is asked for.
"""

from __future__ import annotations

from typing import Any

MAX_INDEX = 65536
MAX_DEPTH = 30


class SetError(ValueError):
    """The notation is wrong; the message says what was expected."""


def parse_into(values: dict[str, Any], text: str, *, strings: bool = False) -> None:
    """Merges a `--set` text into `values`. Raises SetError."""
    parser = _Parser(text, strings)
    while not parser.done:
        parser.key(values, 0)


def typed(text: str) -> Any:
    """A value as `--set` types it: 5, true, null or text; leading zeros keep a number text."""
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if text == "null":
        return None
    if text == "0":
        return 0
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits.isdecimal() and digits.isascii() and not text.startswith("0") and -(1 << 63) <= int(text) < 1 << 63:
        return int(text)
    return text


class _Parser:
    def __init__(self, text: str, strings: bool) -> None:
        self.text = text
        self.at = 0
        self.strings = strings

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def until(self, stops: str) -> tuple[str, str]:
        """Text up to one of `stops` (taken, and returned second; empty at the end); a backslash escapes."""
        found: list[str] = []
        while not self.done:
            char = self.text[self.at]
            self.at += 1
            if char in stops:
                return "".join(found), char
            if char == "\\":
                if self.done:
                    break
                char = self.text[self.at]
                self.at += 1
            found.append(char)
        return "".join(found), ""

    def convert(self, text: str) -> Any:
        return text if self.strings else typed(text)

    def key(self, target: dict[str, Any], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SetError(f"value name nested level is greater than maximum supported nested level of {MAX_DEPTH}")
        name, stop = self.until("=[,.")
        if stop == "[":
            index = self.index()
            items = target.get(name)
            target[name] = self.item(list(items) if isinstance(items, list) else [], index, depth)
        elif stop == "=":
            target[name] = self.value()
        elif stop == ".":
            inner = target.get(name)
            if not isinstance(inner, dict):
                inner = {}
            before = self.at
            self.key(inner, depth + 1)
            if self.at == before:
                raise SetError(f"key map {_quoted(name)} has no value")
            target[name] = inner
        elif name:
            if stop == ",":
                target[name] = ""
            raise SetError(f"key {_quoted(name)} has no value" + (" (cannot end with ,)" if stop == "," else ""))

    def index(self) -> int:
        digits, stop = self.until("]")
        if not stop:
            raise SetError("error parsing index: EOF")
        try:
            index = int(digits)
        except ValueError:
            raise SetError(f"error parsing index: strconv.Atoi: parsing {_quoted(digits)}: invalid syntax") from None
        if index < 0:
            raise SetError(f"negative {index} index not allowed")
        if index > MAX_INDEX:
            raise SetError(f"index of {index} is greater than maximum supported index of {MAX_INDEX}")
        return index

    def item(self, items: list[Any], index: int, depth: int) -> list[Any]:
        name, stop = self.until("[.=")
        if name:
            raise SetError(f"unexpected data at end of array index: {_quoted(name)}")
        old = items[index] if index < len(items) else None
        if stop == "=":
            return _put(items, index, self.value())
        if stop == "[":
            return _put(items, index, self.item(list(old) if isinstance(old, list) else [], self.index(), depth))
        if stop == ".":
            inner = old if isinstance(old, dict) else {}
            self.key(inner, depth + 1)
            return _put(items, index, inner)
        return items

    def value(self) -> Any:
        if self.text.startswith("{", self.at):
            self.at += 1
            return self.values()
        text, _ = self.until(",")
        return self.convert(text)

    def values(self) -> list[Any]:
        found: list[Any] = []
        while True:
            text, stop = self.until(",}")
            if not stop:
                raise SetError("list must terminate with '}'")
            if stop == "}":
                if text or found:
                    found.append(self.convert(text))
                if self.text.startswith(",", self.at):
                    self.at += 1
                return found
            found.append(self.convert(text))


def _put(items: list[Any], index: int, value: Any) -> list[Any]:
    items += [None] * (index + 1 - len(items))
    items[index] = value
    return items


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
