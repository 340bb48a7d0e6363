"""Evaluation of the CEL that rules of CRDs are written in.

The part of the language that such rules use: literals, fields and indices, operators, `has`, the macros
`all`, `exists`, `exists_one`, `map` and `filter`, and the functions on strings and sizes. No type checking
beforehand: an expression that does not fit its value raises CelError when it is evaluated.
Source: the CEL specification, https://github.com/google/cel-spec/blob/master/doc/langdef.md.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pyflux.catalog.api.cel_values import (
    MACROS,
    CelError,
    Node,
    Scope,
    arithmetic,
    call,
    field,
    index,
    logical,
    lookup,
    operation,
    truth,
    unquote,
)

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d+|\d+u?)
    |(?P<string>[rR]?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}]))""",
    re.VERBOSE,
)
_LEVELS: tuple[tuple[str, ...], ...] = (("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))


def evaluate(expression: str, scope: Scope) -> Any:
    """The value of `expression` with the variables of `scope`. Raises CelError."""
    return compile_cel(expression)(scope)


@cache
def compile_cel(expression: str) -> Node:
    """A function from variables to the value of `expression`; kept. Raises CelError."""
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
        return lambda scope: yes(scope) if truth(test(scope)) else no(scope)

    def logical(self, operator: str) -> Node:
        left = self.logical("&&") if operator == "||" else self.binary(0)
        while self.peek() == operator:
            self.take()
            left = logical(operator == "||", left, self.logical("&&") if operator == "||" else self.binary(0))
        return left

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            left = operation(self.take(), left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        if self.peek() == "!":
            self.take()
            inner = self.unary()
            return lambda scope: not truth(inner(scope))
        if self.peek() == "-":
            self.take()
            number = self.unary()
            return lambda scope: arithmetic("-", 0, number(scope))
        return self.member()

    def member(self) -> Node:
        node = self.primary()
        while self.peek() in (".", "["):
            if self.take() == "[":
                node = index(node, self.ternary())
                self.take("]")
                continue
            name = self.take()
            if self.peek() != "(":
                node = field(node, name)
            elif name in MACROS:
                node = self.macro(node, name)
            else:
                node = call(name, [node, *self.arguments()])
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
            return MACROS[name](list(values), lambda value: body({**scope, variable: value}))

        return run

    def primary(self) -> Node:
        word = self.take()
        if word == "(":
            node = self.ternary()
            self.take(")")
            return node
        if word == "[":
            members = self.items("]")
            return lambda scope: [member(scope) for member in members]
        if word[0].isdigit():
            value: Any = float(word) if "." in word else int(word.rstrip("u"))
            return lambda scope: value
        if word[-1] in "'\"":
            text = unquote(word)
            return lambda scope: text
        if word in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[word]
            return lambda scope: constant
        if word == "has":
            return self.has()
        if self.peek() == "(":
            return call(word, self.arguments())
        return lambda scope: lookup(scope, word)

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
