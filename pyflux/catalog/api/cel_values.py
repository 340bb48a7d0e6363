"""What the parts of a CEL expression do to values; each becomes a function of the variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
Node = Callable[[Scope], Any]

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


class CelError(Exception):
    """The expression cannot be read, or does not fit the value: a field that is not there, a wrong type."""


def unquote(token: str) -> str:
    if token[0] in "rR":
        return token[2:-1]

    def escape(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(escape, token[1:-1])


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("expected true or false")
    return value


def lookup(scope: Scope, name: str) -> Any:
    if name not in scope:
        raise CelError(f"undeclared reference to {name!r}")
    return scope[name]


def logical(either: bool, left: Node, right: Node) -> Node:
    """`||` and `&&` decide by one side when that is enough, even if the other side fails."""

    def run(scope: Scope) -> bool:
        try:
            first = truth(left(scope))
        except CelError:
            if truth(right(scope)) is either:
                return either
            raise
        return first if first is either else truth(right(scope))

    return run


def field(node: Node, name: str) -> Node:
    def run(scope: Scope) -> Any:
        value = node(scope)
        if not isinstance(value, dict) or name not in value:
            raise CelError(f"no such key: {name}")
        return value[name]

    return run


def index(node: Node, index: Node) -> Node:
    def run(scope: Scope) -> Any:
        try:
            return node(scope)[index(scope)]
        except (LookupError, TypeError) as error:
            raise CelError("no such index") from error

    return run


def operation(operator: str, left: Node, right: Node) -> Node:
    if operator == "==":
        return lambda scope: _equal(left(scope), right(scope))
    if operator == "!=":
        return lambda scope: not _equal(left(scope), right(scope))
    if operator == "in":
        return lambda scope: left(scope) in right(scope)
    return lambda scope: arithmetic(operator, left(scope), right(scope))


def _equal(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _divide(left: Any, right: Any) -> Any:
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
}


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    try:
        return _ARITHMETIC[operator](left, right)
    except (TypeError, ZeroDivisionError) as error:
        raise CelError(f"no such overload: {operator}") from error


MACROS: dict[str, Callable[[list[Any], Callable[[Any], Any]], Any]] = {
    "all": lambda values, body: all(truth(body(value)) for value in values),
    "exists": lambda values, body: any(truth(body(value)) for value in values),
    "exists_one": lambda values, body: sum(truth(body(value)) for value in values) == 1,
    "map": lambda values, body: [body(value) for value in values],
    "filter": lambda values, body: [value for value in values if truth(body(value))],
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "size": len,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
    "contains": lambda text, part: part in text,
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "split": lambda text, separator: text.split(separator),
    "string": str,
    "int": int,
    "double": float,
}


def call(name: str, arguments: list[Node]) -> Node:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise CelError(f"undeclared reference to {name!r}")

    def run(scope: Scope) -> Any:
        try:
            return function(*[argument(scope) for argument in arguments])
        except (TypeError, ValueError, AttributeError, re.error) as error:
            raise CelError(f"no such overload: {name}") from error

    return run
