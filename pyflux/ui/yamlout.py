"""YAML as Go prints it: byte for byte what sigs.k8s.io/yaml makes of the same object.

That library prints JSON through go-yaml v2, a port of libyaml's emitter with rules of its own: keys in a
natural order, sequences not indented below their key, `|` for text with line breaks, double quotes for what
would read back as another type, lines folded after column 80. Written here without a YAML library, since
`export` and `get -o yaml` must start fast.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from itertools import pairwise

from pyflux.catalog.gonumber import MAX_UINT64, format_float
from pyflux.errors import PyfluxError
from pyflux.ui.goscalar import needs_quotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_WIDTH = 80
_LONGEST_SIMPLE_KEY = 128  # bytes
_BREAKS = "\n\r\x85\u2028\u2029"
_INDICATORS = frozenset("#,[]{}&*!|>'\"%@`")
_LETTERS = re.compile(r"[A-Za-z]+\Z")
_EASY = re.compile(r"[A-Za-z/$(][A-Za-z0-9_./$()=+;-]*\Z")
"""Text that never needs quotes, unless it is one of the words of `goscalar`."""
_UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_FORBIDDEN = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]")
_NEXT_LINES = re.compile(" *\x85[ \x85]*")
_ESCAPES = {
    "\0": "0",
    "\a": "a",
    "\b": "b",
    "\t": "t",
    "\n": "n",
    "\v": "v",
    "\f": "f",
    "\r": "r",
    "\x1b": "e",
    '"': '"',
    "\\": "\\",
    "\x85": "N",
    "\xa0": "_",
    "\u2028": "L",
    "\u2029": "P",
}


def dump(obj: Any, *, sort: bool = True) -> str:
    """YAML of a JSON-like object (dicts with text keys, lists, text, numbers, booleans, None).

    `sort=False` keeps the order of keys. Raises PyfluxError for text with control characters, which Go's
    library refuses as well.
    """
    out = _Emitter(sort)
    out.node(obj, -1, root=True)
    out.indent_to(0)
    return "".join(out.parts)


def dump_all(objects: Iterable[Any], *, sort: bool = True) -> str:
    """A stream of documents, each after a line of `---`."""
    return "".join(f"---\n{dump(obj, sort=sort)}" for obj in objects)


def _digits_at(text: str, start: int) -> tuple[int, int]:
    value, end = 0, start
    while end < len(text) and text[end].isdecimal():
        value = value * 10 + (ord(text[end]) - 48)
        end += 1
    return value, end


def _int64(value: int) -> int:
    """The value after Go's silent overflow."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _compare(a: str, b: str) -> int:
    """Go-yaml's natural order: letters after other characters, runs of digits by their value."""
    for i, (left, right) in enumerate(zip(a, b, strict=False)):
        if left == right:
            continue
        left_letter, right_letter = left.isalpha(), right.isalpha()
        if left_letter and right_letter:
            return -1 if left < right else 1
        if left_letter or right_letter:
            return -1 if right_letter else 1
        left_number, left_end = _digits_at(a, i)
        right_number, right_end = _digits_at(b, i)
        if left == "0" or right == "0":
            before = i - 1
            while before >= 0 and a[before].isdecimal():
                if a[before] != "0":
                    # both are inside a number that began alike: a leading 1 keeps zeros significant
                    left_number += 10 ** (left_end - i)
                    right_number += 10 ** (right_end - i)
                    break
                before -= 1
        left_number, right_number = _int64(left_number), _int64(right_number)
        if left_number != right_number:
            return -1 if left_number < right_number else 1
        if left_end != right_end:
            return -1 if left_end < right_end else 1
        return -1 if left < right else 1
    return (len(a) > len(b)) - (len(a) < len(b))


def sorted_keys(keys: Iterable[str]) -> list[str]:
    """Keys in the order that Go's YAML prints them."""
    plain = sorted(keys)
    if all(map(_LETTERS.match, plain)):
        return plain
    return sorted(plain, key=cmp_to_key(_compare))


class _Shape:
    """Which styles a text can be printed in."""

    __slots__ = ("block", "broken", "plain", "single")

    def __init__(self, text: str) -> None:
        special = _UNPRINTABLE.search(text) is not None
        self.broken = any(char in text for char in _BREAKS)
        space_break = break_space = False
        if self.broken:
            for before, after in pairwise(text):
                space_break |= before == " " and after in _BREAKS
                break_space |= before in _BREAKS and after == " "
        first, last = text[0], text[-1]
        edges = first == " " or first in _BREAKS or last == " " or last in _BREAKS
        self.block = not (last == " " or space_break or special)
        self.single = not (break_space or space_break or special)
        self.plain = self.single and not (edges or self.broken or _has_indicators(text))


def _has_indicators(text: str) -> bool:
    first, second = text[0], text[1:2]
    if first in _INDICATORS or text.startswith(("---", "...")):
        return True
    blank_next = second in ("", " ", "\t")
    if first in "?:-" and blank_next:
        return True
    if ":" in text and (text.endswith(":") or ": " in text or ":\t" in text):
        return True
    if "#" not in text:
        return False
    return any(f"{blank}#" in text for blank in " \t" + _BREAKS)


class _Emitter:
    def __init__(self, sort: bool) -> None:
        self.parts: list[str] = []
        self.sort = sort
        self.column = 0
        self.whitespace = True
        self.indention = True

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.column += len(text)

    def line_break(self) -> None:
        self.parts.append("\n")
        self.column = 0

    def indent_to(self, indent: int) -> None:
        if not self.indention or self.column > indent or (self.column == indent and not self.whitespace):
            self.line_break()
        if self.column < indent:
            self.put(" " * (indent - self.column))
        self.whitespace = self.indention = True

    def indicator(self, text: str, *, spaced: bool = True, indention: bool = False) -> None:
        self.put(f" {text}" if spaced and not self.whitespace else text)
        self.whitespace = False
        self.indention = self.indention and indention

    def node(self, obj: Any, indent: int, *, root: bool = False, in_mapping: bool = False) -> None:
        if isinstance(obj, dict):
            if obj:
                self.mapping(obj, 0 if root else indent + 2)
            else:
                self.indicator("{}")
        elif isinstance(obj, list | tuple):
            if not obj:
                self.indicator("[]")
            elif root:
                self.sequence(obj, 0)
            else:
                self.sequence(obj, indent if in_mapping and not self.indention else indent + 2)
        else:
            self.scalar(obj, max(indent, 0) + 2)

    def sequence(self, items: Iterable[Any], indent: int) -> None:
        for item in items:
            self.indent_to(indent)
            self.indicator("-", indention=True)
            self.node(item, indent)

    def mapping(self, obj: dict[str, Any], indent: int) -> None:
        for key in sorted_keys(obj) if self.sort else obj:
            self.indent_to(indent)
            if len(key) <= _SHORT and _is_easy(key):
                # manifests have few keys, over and over
                self.indicator(key)
                self.indicator(":", spaced=False)
            elif _is_simple_key(key):
                self.text(key, indent + 2, key=True)
                self.indicator(":", spaced=False)
            else:
                self.indicator("?", indention=True)
                self.text(key, indent + 2)
                self.indent_to(indent)
                self.indicator(":", indention=True)
            self.node(obj[key], indent, in_mapping=True)

    def scalar(self, value: Any, indent: int) -> None:
        if isinstance(value, str):
            self.text(value, indent)
        elif value is None:
            self.indicator("null")
        elif value is True or value is False:
            self.indicator("true" if value else "false")
        else:
            self.indicator(_number(value))

    def text(self, text: str, indent: int, *, key: bool = False) -> None:
        if _is_easy(text):
            self.indicator(text)
            return
        text = _checked(text)
        if not text:
            self.indicator('""')
            return
        shape = _Shape(text)
        if "\n" in text:
            if shape.block and not key:
                self.literal(text, indent)
            else:
                self.double_quoted(text, indent, fold=not key)
        elif needs_quotes(text) or not shape.single:
            self.double_quoted(text, indent, fold=not key)
        elif shape.broken and key:
            self.double_quoted(text, indent, fold=False)
        elif shape.plain:
            self.flowing(text, indent, quote="", fold=not key)
        else:
            self.flowing(text, indent, quote="'", fold=not key)

    def flowing(self, text: str, indent: int, *, quote: str, fold: bool) -> None:
        """Plain or single-quoted text, folded at single spaces after column 80."""
        self.indicator(quote)
        if quote:
            text = text.replace("'", "''")
        if len(text) + self.column <= _WIDTH and not any(char in text for char in _BREAKS):
            self.put(text + quote)
            return
        last = len(text) - 1
        spaces = breaks = False
        for i, char in enumerate(text):
            if char == " ":
                inside = not quote or 0 < i < last
                if fold and not spaces and self.column > _WIDTH and inside and text[i + 1 : i + 2] != " ":
                    self.indent_to(indent)
                else:
                    self.put(char)
                spaces = True
            elif char in _BREAKS:
                self.parts.append(char)
                self.column = 0
                self.indention = breaks = True
            else:
                if breaks:
                    self.indent_to(indent)
                self.put(char)
                self.indention = spaces = breaks = False
        self.put(quote)
        self.whitespace = self.indention = False

    def double_quoted(self, text: str, indent: int, *, fold: bool) -> None:
        self.indicator('"')
        last = len(text) - 1
        spaces = False
        all_escaped = text[0] == "\ufeff"  # a leading byte order mark has every character escaped
        for i, char in enumerate(text):
            if char == " " and not all_escaped:
                if fold and not spaces and self.column > _WIDTH and 0 < i < last:
                    self.indent_to(indent)
                    if text[i + 1] == " ":
                        self.put("\\")
                else:
                    self.put(char)
                spaces = True
            else:
                self.put(_escaped(char, always=all_escaped))
                spaces = False
        self.put('"')
        self.whitespace = self.indention = False

    def literal(self, text: str, indent: int) -> None:
        self.indicator("|")
        if text[0] == " " or text[0] in _BREAKS:
            self.put("2")
        if text[-1] not in _BREAKS:
            self.put("-")
        elif len(text) == 1 or text[-2] in _BREAKS:
            self.put("+")
        self.line_break()
        self.whitespace = self.indention = True
        margin = " " * indent
        for line in re.split(f"(?<=[{_BREAKS}])", text):
            if not line:
                continue
            if line[0] in _BREAKS:
                self.parts.append(line)
                self.column, self.indention = 0, True
                continue
            self.parts.append(margin + line)
            self.indention = line[-1] in _BREAKS
            self.column = 0 if self.indention else indent + len(line)


_easy: dict[str, bool] = {}
_REMEMBERED = 4096
_SHORT = 64


def _is_easy(text: str) -> bool:
    """True for a short text that is written as it is; what was found out is remembered."""
    known = _easy.get(text)
    if known is None:
        known = bool(_EASY.match(text)) and not needs_quotes(text)
        if len(text) <= _SHORT and len(_easy) < _REMEMBERED:
            _easy[text] = known
    return known


def _is_simple_key(key: str) -> bool:
    if len(key) <= _LONGEST_SIMPLE_KEY // 4:
        return not any(char in key for char in _BREAKS)
    return len(key.encode()) <= _LONGEST_SIMPLE_KEY and not any(char in key for char in _BREAKS)


def _number(value: Any) -> str:
    if isinstance(value, int):
        # integers beyond 64 bits are floats to Go
        return str(value) if -(1 << 63) <= value <= MAX_UINT64 else format_float(float(value))
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return _number(int(value))
        if value != value or abs(value) == float("inf"):
            raise PyfluxError(f"json: unsupported value: {format_float(value)}")
        return format_float(value)
    raise PyfluxError(f"cannot print a {type(value).__name__} as YAML")


def _checked(text: str) -> str:
    """Text as Go would have it: lone surrogates replaced. Raises PyfluxError for control characters."""
    if text.isascii():
        if "\x7f" in text:
            raise PyfluxError("yaml: control characters are not allowed")
        return text
    if _FORBIDDEN.search(text):
        raise PyfluxError("yaml: control characters are not allowed")
    if "\x85" in text:
        text = _NEXT_LINES.sub(_fold_next_lines, text)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _fold_next_lines(found: re.Match[str]) -> str:
    """NEL is the one line break that stays raw in Go's JSON, so that it is folded when read as YAML."""
    count = found[0].count("\x85")
    return " " if count == 1 else "\n" * (count - 1)


def _escaped(char: str, *, always: bool) -> str:
    if char in _ESCAPES and (char != "\xa0" or always):
        return "\\" + _ESCAPES[char]
    if not always and not _UNPRINTABLE.match(char):
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
