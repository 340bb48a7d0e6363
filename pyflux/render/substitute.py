"""Bash-style variables in text, by the rules of Flux's post-build substitution.

The grammar is Flux's, not bash's: `${v}`, `${v:-x}`, `${v:=x}`, `${v=x}`, `${#v}`, `${v^}`, `${v,,}`, `${v:1:2}`,
`${v#p}`, `${v%%p}`, `${v/a/b}` and their kin, nested where an operator takes text; `$$` stands for `$`.
Lengths and offsets count bytes of UTF-8. Pure functions, no input or output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.shellglob import trim_prefix, trim_suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = re.compile(r"[_A-Za-z][_A-Za-z0-9]*\Z")
NAME_RULE = "^[_[:alpha:]][_[:alpha:][:digit:]]*$"

BAD = "bad substitution"
NO_CLOSE = "missing closing brace"
NO_NAME = "unable to parse variable name"
BAD_PARAM = "unable to parse substitution within function"
BAD_DEFAULT = "unable to parse default function"

_TOP = re.compile(r"\$[${]|\0")
_INT = re.compile(r"[+-]?[0-9]+\Z")
_DEFAULTS = {"-", "+", "=", "?", ":-", ":+", ":=", ":?"}
_END = "\0"


class SubstitutionError(PyfluxError):
    """Text that does not parse, an unset variable in strict mode, or a bad variable name."""


Node = str | tuple[str, str, list["Node"]]
"""Text, or (variable, operator, operands)."""


def check_names(variables: Mapping[str, str]) -> None:
    """Raises SubstitutionError when a variable's name could not stand in `${name}`."""
    for name in variables:
        if not NAME.match(name):
            raise SubstitutionError(f"'{name}' var name is invalid, must match '{NAME_RULE}'")


def substitute(text: str, variables: Mapping[str, str], *, strict: bool = False) -> str:
    """`text` with its variables replaced; unset ones are empty, or an error when `strict`. Raises SubstitutionError."""
    if "$" not in text and _END not in text:
        return text
    return "".join(_evaluate(node, variables, strict) for node in _Parser(text).parse())


def _evaluate(node: Node, variables: Mapping[str, str], strict: bool) -> str:
    if isinstance(node, str):
        return node
    name, operator, operands = node
    args = [_evaluate(operand, variables, strict) for operand in operands]
    value = variables.get(name)
    if value is None:
        if strict and operator not in _DEFAULTS:
            raise SubstitutionError(f'variable not set (strict mode): "{name}"')
        value = ""
    return _FUNCTIONS.get(operator, _default)(value, args)


class _Parser:
    """One pass over the text; `at` is the next character. An end of text reads as NUL, as a NUL ends the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parse(self) -> list[Node]:
        nodes: list[Node] = []
        while True:
            found = _TOP.search(self.text, self.at)
            if found is None:
                nodes.append(self.text[self.at :])
                return nodes
            nodes.append(self.text[self.at : found.start()])
            self.at = found.end()
            if found[0] == "${":
                nodes.append(self.function())
            elif found[0] == "$$":
                nodes.append("$")
            else:
                return nodes

    def peek(self, ahead: int = 0) -> str:
        position = self.at + ahead
        return self.text[position] if position < len(self.text) else _END

    def take(self, accepted: str, most: int) -> str:
        """The run of characters out of `accepted` that starts here, at most `most` of them."""
        start = self.at
        while self.at - start < most and self.peek() in accepted and self.peek() != _END:
            self.at += 1
        return self.text[start : self.at]

    def name(self) -> str:
        start = self.at
        while (char := self.peek()) == "_" or char.isalpha() or char.isdecimal():
            self.at += 1
        return self.text[start : self.at]

    def close(self, error: str = BAD) -> None:
        if self.peek() != "}":
            raise SubstitutionError(error)
        self.at += 1

    def function(self) -> Node:
        """The rest of `${…}` after its opening."""
        if self.peek() == "#":
            self.at += 1
            name = self.name()
            if not name:
                raise SubstitutionError(BAD)
            self.close()
            return (name, "#len", [])
        name = self.name()
        if not name:
            raise SubstitutionError(NO_NAME)
        char = self.peek()
        if char == ":":
            return self.colon(name)
        if char == "=":
            self.at += 1
            return (name, "=", self.words())
        if char in ",^":
            operator = self.take(",^", 2)
            self.close()
            return (name, operator, [])
        if char == "/":
            return self.replacement(name)
        if char in "#%":
            operator = self.take(char, 2)
            operand = self.operand("}")
            self.close()
            return (name, operator, [operand])
        self.close(NO_CLOSE)
        return (name, "", [])

    def colon(self, name: str) -> Node:
        after = self.peek(1)
        if after in "=-?+":
            self.at += 2
            return (name, ":" + after, self.words())
        if after == _END or not after.isascii():
            raise SubstitutionError(BAD)
        self.at += 1
        operands = [self.operand(":}")]
        if self.peek() == "}":
            self.at += 1
            return (name, ":", operands)
        if not self.take(":", len(self.text)):
            raise SubstitutionError(BAD)
        operands.append(self.operand("}"))
        self.close()
        return (name, ":", operands)

    def words(self) -> list[Node]:
        """All operands up to the closing brace: text and nested variables in any number."""
        operands: list[Node] = []
        while self.peek() != "}":
            operands.append(self.operand("}"))
        self.at += 1
        return operands

    def replacement(self, name: str) -> Node:
        self.at += 1
        operator = "/" + self.take("/#%", 1)
        operands = [self.operand("/", escapes=True)]
        if not self.take("/", len(self.text)):
            raise SubstitutionError(BAD)
        if self.peek() != "}":
            operands.append(self.operand("}", escapes=True))
        self.close()
        return (name, operator, operands)

    def operand(self, stops: str, *, escapes: bool = False) -> Node:
        """One operand: a nested variable, or text up to one of `stops` or the next variable."""
        if self.peek() == "$" and self.peek(1) == "{":
            self.at += 2
            return self.function()
        parts: list[str] = []
        while (char := self.peek()) != _END:
            after = self.peek(1)
            if char == "$" and after == "{":
                break
            if escapes and ((char == "$" and after == "$") or (char == "\\" and after in "/\\")):
                parts.append(after)
                self.at += 2
                continue
            if char in stops:
                break
            parts.append(char)
            self.at += 1
        if not parts:
            raise SubstitutionError(BAD_PARAM)
        return "".join(parts)


def _default(value: str, args: list[str]) -> str:
    return value or "".join(args)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _number(text: str) -> int | None:
    if not _INT.match(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _substring(value: str, args: list[str]) -> str:
    raw = _raw(value)
    start = _number(args[0])
    if start is None:
        return value
    if start < 0:
        start = max(0, len(raw) + start)
    if len(args) == 1:
        return _text(raw[start:])
    length = _number(args[1])
    if length is None:
        return value
    if start + length >= len(raw):
        return _text(raw[start:])
    if length < 0:
        raise SubstitutionError(f"negative length {length} in a substring of {len(raw)} bytes")
    return _text(raw[start : start + length])


def _simple_upper(char: str) -> str:
    # one character for one, as Go maps them: ß stays
    upper = char.upper()
    if len(upper) == 1:
        return upper
    title = char.title()
    return title if len(title) == 1 else char


def _simple_lower(char: str) -> str:
    return char.lower()[0]


def _upper(value: str, _args: list[str]) -> str:
    return value.upper() if value.isascii() else "".join(map(_simple_upper, value))


def _lower(value: str, _args: list[str]) -> str:
    return value.lower() if value.isascii() else "".join(map(_simple_lower, value))


def _upper_first(value: str, _args: list[str]) -> str:
    return _simple_upper(value[0]) + value[1:] if value else value


def _lower_first(value: str, _args: list[str]) -> str:
    return _simple_lower(value[0]) + value[1:] if value else value


def _replace_all(value: str, args: list[str]) -> str:
    return value.replace(args[0], args[1] if len(args) > 1 else "")


def _replace_first(value: str, args: list[str]) -> str:
    return value.replace(args[0], args[1] if len(args) > 1 else "", 1)


def _replace_prefix(value: str, args: list[str]) -> str:
    if len(args) == 2 and value.startswith(args[0]):
        return args[1] + value[len(args[0]) :]
    return value


def _replace_suffix(value: str, args: list[str]) -> str:
    if len(args) == 2 and value.endswith(args[0]):
        return value.removesuffix(args[0]) + args[1]
    return value


_FUNCTIONS: dict[str, Callable[[str, list[str]], str]] = {
    ",": _lower_first,
    ",,": _lower,
    "^": _upper_first,
    "^^": _upper,
    "#len": lambda value, _args: str(len(_raw(value))),
    "#": lambda value, args: trim_prefix(value, args[0], longest=False),
    "##": lambda value, args: trim_prefix(value, args[0], longest=True),
    "%": lambda value, args: trim_suffix(value, args[0], longest=False),
    "%%": lambda value, args: trim_suffix(value, args[0], longest=True),
    ":": _substring,
    "/#": _replace_prefix,
    "/%": _replace_suffix,
    "/": _replace_first,
    "//": _replace_all,
}
