"""Conditions: order, transition times, summaries."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.controllers import conditions
from pyflux.controllers.source.outcome import FETCH_FAILED, IN_STORAGE, NEGATIVE, ORDER, OUTDATED


def make(generation: int = 2) -> dict[str, Any]:
    return {"metadata": {"generation": generation}}


def test_conditions_are_sorted_and_carry_the_generation() -> None:
    obj = make()
    conditions.put(obj, "Healthy", "True", "Succeeded", "h")
    conditions.put(obj, conditions.READY, "True", "Succeeded", "r")
    conditions.reconciling(obj, conditions.PROGRESSING, "p")
    assert [c["type"] for c in obj["status"]["conditions"]] == ["Reconciling", "Ready", "Healthy"]
    assert {c["observedGeneration"] for c in obj["status"]["conditions"]} == {2}


def test_the_transition_time_changes_with_status_reason_or_message() -> None:
    obj = make()
    conditions.put(obj, "Ready", "True", "Succeeded", "a")
    first = conditions.get(obj, "Ready")
    assert first is not None
    first["lastTransitionTime"] = "2020-01-01T00:00:00Z"
    obj["metadata"]["generation"] = 3
    conditions.put(obj, "Ready", "True", "Succeeded", "a")
    kept = conditions.get(obj, "Ready")
    assert kept is not None
    assert kept["lastTransitionTime"] == "2020-01-01T00:00:00Z"
    assert kept["observedGeneration"] == 3
    conditions.put(obj, "Ready", "True", "Succeeded", "b")
    assert (conditions.get(obj, "Ready") or {})["lastTransitionTime"] > "2020-01-01T00:00:00Z"


def test_reconciling_and_stalled_exclude_each_other() -> None:
    obj = make()
    conditions.reconciling(obj, "Progressing", "p")
    conditions.stalled(obj, "Bad", "b")
    assert conditions.get(obj, "Reconciling") is None
    conditions.reconciling(obj, "Progressing", "p")
    assert conditions.get(obj, "Stalled") is None


def test_readiness_becomes_unknown_only_where_it_was_or_no_longer_holds() -> None:
    obj = make()
    conditions.progressive(obj, "p")
    assert conditions.has(obj, "Ready", "Unknown")
    conditions.put(obj, "Ready", "True", "Succeeded", "s")
    conditions.progressive(obj, "p")
    assert conditions.has(obj, "Ready", "True")
    conditions.progressive(obj, "p", drift=True)
    assert conditions.has(obj, "Ready", "Unknown")


def test_a_long_message_is_cut() -> None:
    obj = make()
    conditions.put(obj, "Ready", "False", "X", "x" * 40_000)
    assert len(conditions.message(obj, "Ready")) == 32768


@pytest.mark.parametrize(
    ("set_", "status", "message"),
    [
        ([(IN_STORAGE, "True", "stored")], "True", "stored"),
        ([(IN_STORAGE, "True", "stored"), (FETCH_FAILED, "True", "failed")], "False", "failed"),
        (
            [(FETCH_FAILED, "True", "failed"), (OUTDATED, "True", "old"), ("Reconciling", "True", "r")],
            "False",
            "failed",
        ),
        ([(IN_STORAGE, "Unknown", "who knows")], "Unknown", "who knows"),
    ],
)
def test_a_sources_readiness_is_summed_up(set_: list[tuple[str, str, str]], status: str, message: str) -> None:
    obj = make()
    for kind, value, text in set_:
        conditions.put(obj, kind, value, "Reason", text)
    conditions.summarize(obj, "Ready", ORDER, NEGATIVE)
    ready = conditions.get(obj, "Ready")
    assert ready is not None
    assert (ready["status"], ready["message"]) == (status, message)
