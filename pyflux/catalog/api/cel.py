"""Evaluation of the CEL that rules of CRDs are written in.

The part of the language that such rules use: literals, fields and indices, operators, `has`, the macros `all`,
`exists`, `exists_one`, `map` and `filter`, and the functions on strings and sizes. No type checking beforehand:
an expression that does not fit its value raises CelError when it is evaluated.
Source: the CEL specification, https://github.com/google/cel-spec/blob/master/doc/langdef.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Scope = Mapping[str, Any]
Node = Callable[[Scope], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d+|\d+u?)
    |(?P<string>[rR]?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}]))""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_LEVELS: tuple[tuple[str, ...], ...] = (("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
_MACROS = ("all", "exists", "exists_one", "map", "filter")


class CelError(Exception):
    """The expression cannot be read, or does not fit the value: a field that is not there, a wrong type."""


def evaluate(expression: str, scope: Scope) -> Any:
    """The value of `expression` with the variables of `scope`. Raises CelError."""
    return compile_cel(expression)(scope)


@cache
def compile_cel(expression: str) -> Node:
    """A function from variables to the value of `expression`; kept, as rules are used often. Raises CelError."""
    parser = _Parser(_tokens(expression))
    node = parser.ternary()
    if parser.peek():
        raise CelError(f"unexpected {parser.peek()!r}")
    return node


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if not match:
            raise CelError(f"cannot read {text[position:]!r}")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens; every method returns a function of the scope."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise CelError(f"expected {' or '.join(wanted) or 'more'}, found {token or 'the end'!r}")
        self.at += 1
        return token

    def ternary(self) -> Node:
        test = self.logical("||")
        if self.peek() != "?":
            return test
        self.take()
        yes = self.ternary()
        self.take(":")
        no = self.ternary()
        return lambda scope: yes(scope) if _truth(test(scope)) else no(scope)

    def logical(self, operator: str) -> Node:
        left = self.logical("&&") if operator == "||" else self.binary(0)
        while self.peek() == operator:
            self.take()
            left = _logical(operator == "||", left, self.logical("&&") if operator == "||" else self.binary(0))
        return left

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            left = _operation(self.take(), left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        if self.peek() == "!":
            self.take()
            inner = self.unary()
            return lambda scope: not _truth(inner(scope))
        if self.peek() == "-":
            self.take()
            number = self.unary()
            return lambda scope: _arithmetic("-", 0, number(scope))
        return self.member()

    def member(self) -> Node:
        node = self.primary()
        while self.peek() in (".", "["):
            if self.take() == "[":
                node = _index(node, self.ternary())
                self.take("]")
                continue
            name = self.take()
            if self.peek() != "(":
                node = _field(node, name)
            elif name in _MACROS:
                node = self.macro(node, name)
            else:
                node = _call(name, [node, *self.arguments()])
        return node

    def arguments(self) -> list[Node]:
        self.take("(")
        return self.items(")")

    def items(self, end: str) -> list[Node]:
        found: list[Node] = []
        while self.peek() != end:
            found.append(self.ternary())
            if self.peek() != end:
                self.take(",")
        self.take(end)
        return found

    def macro(self, items: Node, name: str) -> Node:
        self.take("(")
        variable = self.take()
        self.take(",")
        body = self.ternary()
        self.take(")")

        def run(scope: Scope) -> Any:
            values = items(scope)
            if not isinstance(values, (list, dict)):
                raise CelError(f"{name} needs a list or a map")
            return _MACRO[name](list(values), lambda value: body({**scope, variable: value}))

        return run

    def primary(self) -> Node:
        token = self.take()
        if token == "(":
            node = self.ternary()
            self.take(")")
            return node
        if token == "[":
            members = self.items("]")
            return lambda scope: [member(scope) for member in members]
        if token[0].isdigit():
            value: Any = float(token) if "." in token else int(token.rstrip("u"))
            return lambda scope: value
        if token[-1] in "'\"":
            text = _unquote(token)
            return lambda scope: text
        if token in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[token]
            return lambda scope: constant
        if token == "has":
            return self.has()
        if self.peek() == "(":
            return _call(token, self.arguments())
        return lambda scope: _lookup(scope, token)

    def has(self) -> Node:
        self.take("(")
        start = self.at
        self.ternary()
        name = self.tokens[self.at - 1]
        if self.at - start < 3 or self.tokens[self.at - 2] != ".":
            raise CelError("has() needs a field")
        end = self.at
        owner = _Parser(self.tokens[start : end - 2]).ternary()
        self.take(")")

        def run(scope: Scope) -> bool:
            value = owner(scope)
            return isinstance(value, dict) and value.get(name) is not None

        return run


def _unquote(token: str) -> str:
    if token[0] in "rR":
        return token[2:-1]

    def escape(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(escape, token[1:-1])


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("expected true or false")
    return value


def _lookup(scope: Scope, name: str) -> Any:
    if name not in scope:
        raise CelError(f"undeclared reference to {name!r}")
    return scope[name]


def _logical(either: bool, left: Node, right: Node) -> Node:
    """`||` and `&&` decide by one side when that is enough, even if the other side fails."""

    def run(scope: Scope) -> bool:
        try:
            first = _truth(left(scope))
        except CelError:
            if _truth(right(scope)) is either:
                return either
            raise
        return first if first is either else _truth(right(scope))

    return run


def _field(node: Node, name: str) -> Node:
    def run(scope: Scope) -> Any:
        value = node(scope)
        if not isinstance(value, dict) or name not in value:
            raise CelError(f"no such key: {name}")
        return value[name]

    return run


def _index(node: Node, index: Node) -> Node:
    def run(scope: Scope) -> Any:
        try:
            return node(scope)[index(scope)]
        except (LookupError, TypeError) as error:
            raise CelError("no such index") from error

    return run


def _operation(operator: str, left: Node, right: Node) -> Node:
    if operator == "==":
        return lambda scope: _equal(left(scope), right(scope))
    if operator == "!=":
        return lambda scope: not _equal(left(scope), right(scope))
    if operator == "in":
        return lambda scope: left(scope) in right(scope)
    return lambda scope: _arithmetic(operator, left(scope), right(scope))


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


def _arithmetic(operator: str, left: Any, right: Any) -> Any:
    try:
        return _ARITHMETIC[operator](left, right)
    except (TypeError, ZeroDivisionError) as error:
        raise CelError(f"no such overload: {operator}") from error


_MACRO: dict[str, Callable[[list[Any], Callable[[Any], Any]], Any]] = {
    "all": lambda values, body: all(_truth(body(value)) for value in values),
    "exists": lambda values, body: any(_truth(body(value)) for value in values),
    "exists_one": lambda values, body: sum(_truth(body(value)) for value in values) == 1,
    "map": lambda values, body: [body(value) for value in values],
    "filter": lambda values, body: [value for value in values if _truth(body(value))],
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


def _call(name: str, arguments: list[Node]) -> Node:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise CelError(f"undeclared reference to {name!r}")

    def run(scope: Scope) -> Any:
        try:
            return function(*[argument(scope) for argument in arguments])
        except (TypeError, ValueError, AttributeError, re.error) as error:
            raise CelError(f"no such overload: {name}") from error

    return run
