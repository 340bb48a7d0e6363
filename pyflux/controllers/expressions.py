"""CEL expressions of a spec (`readyExpr`, `healthCheckExprs`), in the language that Flux's controllers give them.

That is CEL's own with optional values and the extensions for strings, sets and encodings. Google's runtime evaluates
them; where its wheel does not exist (see docs/adr/0011-sandbox-rules.md) our own small evaluator does, which knows
neither optional values nor the extensions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable

    Obj = dict[str, Any]

_MISSING_KEY = re.compile(r'^\w+: Key not found in map : "?(.*?)"?$')
_MISSING_NAME = re.compile(r'^\w+: No value with name "(.*)" found in Activation$')
_KEPT = 512


class BadExpression(PyfluxError):
    """An expression cannot be read, or does not give true or false: it has to be changed."""


class NoAnswer(PyfluxError):
    """An expression does not fit the object it is evaluated on."""


class Expression:
    """A parsed expression. `evaluate` gives the value for variables; raises NoAnswer."""

    def __init__(self, text: str, evaluate: Callable[[Obj], Any]) -> None:
        self.text = text
        self._evaluate = evaluate

    def decide(self, variables: Obj) -> bool:
        """True or false. Raises NoAnswer."""
        try:
            value = self._evaluate(variables)
        except _Failed as why:
            raise NoAnswer(f"failed to evaluate the CEL expression '{self.text}': {why}") from None
        if not isinstance(value, bool):
            raise NoAnswer(f"failed to evaluate CEL expression as boolean: '{self.text}'")
        return value


class _Failed(Exception):
    """The evaluator's own words."""


@lru_cache(maxsize=_KEPT)
def parse(text: str, variables: tuple[str, ...] = ()) -> Expression:
    """An expression on the named variables, checked to give true or false; without names on any.

    Raises BadExpression.
    """
    try:
        from cel_expr_python import cel
    except ImportError:
        return _parse_plainly(text)
    try:
        compiled = _environment(variables).compile(text, disable_check=not variables)
    except (RuntimeError, ValueError) as why:
        raise BadExpression(f"failed to parse the CEL expression '{text}': {_plain(str(why))}") from None
    if variables and compiled.return_type() != cel.Type.BOOL:
        found = compiled.return_type().name().lower()
        raise BadExpression(f"CEL expression output type mismatch: expected bool, got {found}")

    def evaluate(data: Obj) -> Any:
        try:
            value = compiled.eval(data=data)
        except (RuntimeError, ValueError) as why:
            raise _Failed(_plain(str(why))) from None
        if value.type() == cel.Type.ERROR:
            raise _Failed(_plain(str(value.value())))
        return value.value() if value.type() == cel.Type.BOOL else None

    return Expression(text, evaluate)


@lru_cache(maxsize=4)
def _environment(variables: tuple[str, ...]) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_encoders, ext_optional, ext_strings

    items = cel.Type.List(cel.Type.DYN)

    def declare(name: str, work: Callable[[Any, Any], bool]) -> Any:
        made = cel.Overload(f"list_{name}_list", cel.Type.BOOL, [items, items], False, work)
        return cel.FunctionDecl(f"sets.{name}", [made])

    sets = [
        declare("contains", lambda one, other: all(each in one for each in other)),
        declare("equivalent", lambda one, other: all(e in one for e in other) and all(e in other for e in one)),
        declare("intersects", lambda one, other: any(each in one for each in other)),
    ]
    extensions = [
        ext_optional.ExtOptional(),
        ext_strings.ExtStrings(),
        ext_encoders.ExtEncoders(),
        cel.CelExtension("sets", sets),
    ]
    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN), extensions=extensions)


def _plain(message: str) -> str:
    """The runtime's message in the words of the one that Flux uses, on one line."""
    text = message.strip()
    for pattern, words in ((_MISSING_KEY, "no such key: "), (_MISSING_NAME, "no such attribute(s): ")):
        found = pattern.match(text)
        if found:
            return words + found[1]
    text = re.sub(r" \[[A-Z_]+\]$", "", text)
    text = re.sub(r"^[A-Z_]+: (?=ERROR: )", "", text)
    return "; ".join(line.strip() for line in text.splitlines() if not line.startswith(" |"))


def _parse_plainly(text: str) -> Expression:
    """By our own evaluator, which checks nothing beforehand."""
    from pyflux.catalog.api.cel import compile_cel
    from pyflux.catalog.api.cel_values import CelError

    try:
        node = compile_cel(text)
    except CelError as why:
        raise BadExpression(f"failed to parse the CEL expression '{text}': {why}") from None

    def evaluate(data: Obj) -> Any:
        try:
            return node(data)
        except CelError as why:
            raise _Failed(str(why)) from None

    return Expression(text, evaluate)
