"""CEL in `readyExpr` and `healthCheckExprs`: the language that Flux's controllers understand."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest

from pyflux.controllers import expressions
from pyflux.controllers.expressions import BadExpression, NoAnswer, parse
from pyflux.controllers.kustomize.healthexprs import BadHealthCheck, judge

needs_runtime = pytest.mark.skipif(
    not importlib.util.find_spec("cel_expr_python"),
    reason="Google's CEL runtime has no wheel for this platform",
)
OBJ: dict[str, Any] = {
    "apiVersion": "x.io/v1",
    "kind": "Widget",
    "metadata": {"name": "w", "generation": 3, "labels": {"app.io/tier": "web"}},
    "spec": {"hosts": ["a.example", "b.example"], "replicas": 2},
    "status": {"observedGeneration": 3, "conditions": [{"type": "Ready", "status": "True"}], "share": 0.5},
}


@pytest.fixture(autouse=True)
def fresh() -> None:
    parse.cache_clear()


@needs_runtime
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')", True),
        ("has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')", True),
        ("has(status.phase)", False),
        ("status.?phase.orValue('none') == 'none'", True),
        ("status.?conditions.orValue([]).exists_one(e, e.type == 'Ready')", True),
        ("metadata.?annotations[?'x'].hasValue()", False),
        ("metadata.labels[?'app.io/tier'].orValue('') == 'web'", True),
        ("optional.of(spec.replicas).optMap(n, n * 2).orValue(0) == 4", True),
        ("optional.ofNonZeroValue('').hasValue()", False),
        ("[?status.?phase, 1].size() == 1", True),
        ("spec.hosts.map(h, h.split('.')[0]).join('+') == 'a+b'", True),
        ("metadata.name.matches('^w$') && 'Ready'.lowerAscii() == 'ready'", True),
        ("spec.hosts[0].substring(0, 1).replace('a', 'z') == 'z'", True),
        ("sets.contains(spec.hosts, ['b.example']) && !sets.intersects(spec.hosts, ['c'])", True),
        ("sets.equivalent([1, 2], [2, 1, 1])", True),
        ("base64.encode(b'hi') == 'aGk='", True),
        ("status.share < 1 && metadata.generation > 2.5", True),
        ("timestamp('2026-01-01T00:00:00Z') + duration('1h') < timestamp('2027-01-01T00:00:00Z')", True),
    ],
)
def test_what_flux_understands(text: str, answer: bool) -> None:
    assert parse(text).decide(OBJ) is answer


@needs_runtime
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status.phase == 'x'", r"failed to evaluate the CEL expression 'status\.phase == 'x'': no such key: phase"),
        ("nothing.at == 1", r"no such attribute\(s\): nothing"),
        ("metadata.name", "failed to evaluate CEL expression as boolean: 'metadata.name'"),
        ("spec.hosts[7] == 'a'", "failed to evaluate the CEL expression"),
    ],
)
def test_what_does_not_fit_the_object(text: str, message: str) -> None:
    with pytest.raises(NoAnswer, match=message):
        parse(text).decide(OBJ)


@needs_runtime
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dep.status ==", r"failed to parse the CEL expression 'dep\.status ==': ERROR: <input>:1:14: Syntax error"),
        ("other.x == 1", "undeclared reference to 'other"),
        ("dep.metadata.name", "CEL expression output type mismatch: expected bool, got dyn"),
        ("size(self.spec)", "CEL expression output type mismatch: expected bool, got int"),
    ],
)
def test_what_must_be_changed(text: str, message: str) -> None:
    with pytest.raises(BadExpression, match=message) as caught:
        parse(text, ("self", "dep"))
    assert "\n" not in caught.value.message


@needs_runtime
def test_ready_expressions_know_both_objects() -> None:
    text = "self.metadata.name == dep.metadata.name && dep.status.?phase.orValue('') == ''"
    assert parse(text, ("self", "dep")).decide({"self": OBJ, "dep": OBJ}) is True


def test_without_the_runtime_plain_expressions_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    assert parse("status.conditions.exists(e, e.type == 'Ready')").decide(OBJ) is True
    with pytest.raises(NoAnswer, match="no such key: phase"):
        parse("status.phase == 'x'").decide(OBJ)
    with pytest.raises(BadExpression, match="failed to parse the CEL expression"):
        parse("status.?phase.orValue('') == ''")


def test_health_checks_say_which_expression_is_wrong() -> None:
    good = {"apiVersion": "x.io/v1", "kind": "Widget", "current": "status.observedGeneration == 3"}
    with pytest.raises(BadHealthCheck, match=r"healthchecks\[1\]: failed to parse the expression Failed: "):
        judge([good, {**good, "kind": "Other", "failed": "a =="}])
    with pytest.raises(BadHealthCheck, match=r"healthchecks\[0\]: expression Current not specified"):
        judge([{**good, "current": ""}])
    with pytest.raises(
        BadHealthCheck, match=r"duplicate custom health check for GroupKind Widget.x.io at healthchecks\[1\]"
    ):
        judge([good, good])


def test_an_entry_without_a_kind_is_about_its_group() -> None:
    decide = judge(
        [
            {"apiVersion": "x.io/v1", "current": "true"},
            {"apiVersion": "x.io/v1", "kind": "Other", "current": "false", "failed": "true"},
        ]
    )
    assert decide is not None
    assert decide(OBJ) == "Current"
    assert decide({**OBJ, "kind": "Other"}) == "Failed"
    assert decide({**OBJ, "apiVersion": "y.io/v1"}) is None


def test_health_is_asked_in_order() -> None:
    rule = {
        "apiVersion": "x.io/v1",
        "kind": "Widget",
        "inProgress": "spec.replicas == 1",
        "failed": "spec.replicas == 2",
        "current": "spec.replicas > 0",
    }
    decide = judge([rule])
    assert decide is not None
    assert [decide({**OBJ, "spec": {"replicas": n}}) for n in (0, 1, 2, 3)] == [
        "InProgress",
        "InProgress",
        "Failed",
        "Current",
    ]
    assert decide({**OBJ, "spec": {}}) == "Unknown"


def test_expressions_are_kept() -> None:
    assert expressions.parse("1 == 1") is expressions.parse("1 == 1")
