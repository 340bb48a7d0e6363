"""`spec.healthCheckExprs`: an object's own rules for when an object of a kind is healthy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers.expressions import BadExpression, NoAnswer, parse
from pyflux.errors import PyfluxError
from pyflux.kube.status import CURRENT, FAILED, IN_PROGRESS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.expressions import Expression

    Obj = dict[str, Any]
    Rule = list[tuple[Expression, str]]

_FIELDS = (("current", CURRENT), ("failed", FAILED), ("inProgress", IN_PROGRESS))


class BadHealthCheck(PyfluxError):
    """An expression cannot be read; it has to be changed."""


def judge(expressions: list[Obj]) -> Callable[[Obj], str | None] | None:
    """A function that gives an object's status where an expression is about its kind. Raises BadHealthCheck."""
    if not expressions:
        return None
    rules: dict[tuple[str, str], Rule] = {}
    for index, entry in enumerate(expressions):
        key = (entry["apiVersion"].rpartition("/")[0], entry.get("kind") or "")
        if key in rules:
            name = f"{key[1]}.{key[0]}" if key[0] else key[1]
            raise BadHealthCheck(f"duplicate custom health check for GroupKind {name} at healthchecks[{index}]")
        rules[key] = _rule(index, entry)

    def judged(obj: Obj) -> str | None:
        group = obj["apiVersion"].rpartition("/")[0]
        # an entry without a kind is about all kinds of its group
        rule = rules.get((group, obj["kind"])) or rules.get((group, ""))
        return None if rule is None else _status(rule, obj)

    return judged


def _rule(index: int, entry: Obj) -> Rule:
    """The expressions of an entry in the order in which they are asked."""
    prefix = f"failed to create custom status evaluator for healthchecks[{index}]: "
    if not entry.get("current"):
        raise BadHealthCheck(f"{prefix}expression Current not specified")
    rule: Rule = []
    for field, status in _FIELDS:
        if not entry.get(field):
            continue
        try:
            rule.insert(0, (parse(entry[field]), status))
        except BadExpression as why:
            name = field[0].upper() + field[1:]
            raise BadHealthCheck(f"{prefix}failed to parse the expression {name}: {why.message}") from None
    return rule


def _status(rule: Rule, obj: Obj) -> str:
    observed = (obj.get("status") or {}).get("observedGeneration")
    generation = obj["metadata"].get("generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed != generation:
        return IN_PROGRESS
    for expression, status in rule:
        try:
            if expression.decide(obj):
                return status
        except NoAnswer:
            return UNKNOWN
    return IN_PROGRESS
