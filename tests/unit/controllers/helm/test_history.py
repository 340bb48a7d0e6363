"""The history of snapshots: what can be rolled back to, and what is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.controllers.helm import snapshot

Obj = dict[str, Any]


def snap(version: int, status: str, **more: Any) -> Obj:
    return {"name": "app", "namespace": "apps", "version": version, "status": status, **more}


def having(*snapshots: Obj) -> Obj:
    return {"status": {"history": list(snapshots)}}


FAILED_TEST = {"testHooks": {"a": {"phase": "Failed"}}}


def test_latest_is_the_highest_version() -> None:
    assert (snapshot.latest(having(snap(1, "superseded"), snap(3, "failed"), snap(2, "deployed"))) or {})[
        "version"
    ] == 3
    assert snapshot.latest({"status": {}}) is None


def test_previous_is_the_newest_good_one() -> None:
    obj = having(snap(4, "failed"), snap(3, "failed"), snap(2, "superseded", **FAILED_TEST), snap(1, "superseded"))
    assert (snapshot.previous(obj, ignore_tests=False) or {})["version"] == 1
    assert (snapshot.previous(obj, ignore_tests=True) or {})["version"] == 2
    assert snapshot.previous(having(snap(1, "deployed")), ignore_tests=False) is None


def test_truncate_keeps_up_to_the_previous_good_one() -> None:
    obj = having(snap(4, "deployed"), snap(3, "failed"), snap(2, "superseded"), snap(1, "superseded"))
    snapshot.truncate(obj, ignore_tests=False)
    assert [one["version"] for one in obj["status"]["history"]] == [4, 3, 2]


def test_truncate_without_a_good_one_keeps_five() -> None:
    obj = having(*[snap(version, "failed") for version in range(9, 0, -1)])
    snapshot.truncate(obj, ignore_tests=False)
    assert [one["version"] for one in obj["status"]["history"]] == [9, 8, 7, 6, 5]


@pytest.mark.parametrize(
    ("hooks", "tested"),
    [
        (None, False),
        ({}, True),
        ({"a": {"phase": "Succeeded"}}, True),
        ({"a": {"phase": "Succeeded"}, "b": {}}, False),
        ({"a": {"phase": "Failed"}, "b": {}}, True),
    ],
)
def test_is_tested(hooks: Obj | None, tested: bool) -> None:
    more = {} if hooks is None else {"testHooks": hooks}
    assert snapshot.is_tested(snap(1, "deployed", **more)) is tested


def test_names_in_messages() -> None:
    assert snapshot.full_name(snap(3, "deployed")) == "apps/app.v3"
    assert snapshot.chart(snap(3, "deployed", chartName="c", chartVersion="1.0.0")) == "c@1.0.0"
    assert snapshot.full_name(None) == snapshot.chart(None) == ""
