"""`spec.healthCheckExprs`: a Kustomization's own rules for when an object of a kind is healthy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.catalog.api.cel import compile_cel
from pyflux.catalog.api.cel_values import CelError
from pyflux.errors import PyfluxError
from pyflux.kube.status import CURRENT, FAILED, IN_PROGRESS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    Obj = dict[str, Any]

_FIELDS = (("inProgress", IN_PROGRESS), ("failed", FAILED), ("current", CURRENT))


class BadHealthCheck(PyfluxError):
    """An expression cannot be read; it has to be changed."""


def judge(expressions: list[Obj]) -> Callable[[Obj], str | None] | None:
    """A function that gives an object's status where an expression is about its kind. Raises BadHealthCheck."""
    if not expressions:
        return None
    rules: dict[tuple[str, str], Obj] = {}
    for index, entry in enumerate(expressions):
        group = entry["apiVersion"].rpartition("/")[0]
        if not entry.get("current"):
            raise BadHealthCheck(
                f"failed to create CEL evaluator for healthchecks[{index}]: expression Current not specified"
            )
        for field, _ in _FIELDS:
            if entry.get(field):
                _compile(entry[field])
        rules[group, entry["kind"]] = entry

    def judged(obj: Obj) -> str | None:
        rule = rules.get((obj["apiVersion"].rpartition("/")[0], obj["kind"]))
        return None if rule is None else _status(rule, obj)

    return judged


def _compile(expression: str) -> None:
    try:
        compile_cel(expression)
    except CelError as error:
        raise BadHealthCheck(f"failed to parse the CEL expression '{expression}': {error}") from None


def _status(rule: Obj, obj: Obj) -> str:
    observed = (obj.get("status") or {}).get("observedGeneration")
    generation = obj["metadata"].get("generation")
    if observed is not None and generation is not None and observed != generation:
        return IN_PROGRESS
    for field, status in _FIELDS:
        if not rule.get(field):
            continue
        try:
            if compile_cel(rule[field])(obj) is True:
                return status
        except CelError:
            return UNKNOWN
    return IN_PROGRESS
