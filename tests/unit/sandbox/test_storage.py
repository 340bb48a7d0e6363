# ruff: noqa: E501 - tables
"""The store: versions, history, durability of what was settled."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pyflux.sandbox import storage
from pyflux.sandbox.ages import human
from pyflux.sandbox.selectors import match_fields, match_labels, match_selector, parse_fields, parse_labels
from pyflux.sandbox.status import ApiError
from pyflux.sandbox.storage import Store


def thing(name: str, **data: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "uid": f"u-{name}"}, "data": data}


def test_versions_grow_and_survive(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    first = store.put("/things", thing("a"))
    second = store.put("/things", thing("a", k=1))
    assert second.version > first.version
    gone = store.delete("/things", second)
    assert gone.version > second.version
    store.put("/things", thing("b"))
    store.close()
    again = Store(tmp_path / "db")
    assert again.version == gone.version + 1
    assert [r.name for r in again.table("/things").select("n")] == ["b"]
    assert again.table("/things").oldest == again.version
    again.close()


def test_history_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "HISTORY", 5)
    store = Store(tmp_path / "db")
    for i in range(9):
        store.put("/things", thing("a", k=i))
    table = store.table("/things")
    assert len(table.history) == 5
    assert table.oldest == table.history[0].version - 1
    store.close()


def test_settled_means_on_disk_and_listeners_hear_in_order(tmp_path: Path) -> None:
    async def run() -> None:
        store = Store(tmp_path / "db")
        store.attach(asyncio.get_running_loop())
        heard: list[int] = []
        store.table("/things").listeners.add(lambda e: heard.append(e.version))
        records = [store.put("/things", thing(f"t{i}")) for i in range(50)]
        assert heard == []
        await store.settled()
        assert heard == [r.version for r in records]
        with sqlite3.connect(tmp_path / "db") as other:
            assert other.execute("SELECT count(*) FROM objects").fetchone() == (50,)
        store.close()

    asyncio.run(run())


def test_dependents_are_found_by_owner(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    child = thing("child")
    child["metadata"]["ownerReferences"] = [{"uid": "o"}]
    record = store.put("/things", child)
    assert store.dependents("o") == [("/things", "n", "child")]
    store.delete("/things", record)
    assert store.dependents("o") == []
    store.close()


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("a=b", {"a": "b"}, True), ("a!=b", {}, True), ("a in (b, c),d", {"a": "c", "d": ""}, True), ("!a", {"a": "b"}, False),
        ("a notin (b)", {"a": "b"}, False), ("a", {"a": ""}, True), ("a==b", {"a": "c"}, False), ("", {}, True),
        ("example.org/x=1,y>2", {"example.org/x": "1", "y": "3"}, True), ("a=", {"a": ""}, True),
    ],
)  # fmt: skip
def test_label_selectors(text: str, labels: dict[str, str], matches: bool) -> None:
    assert match_labels(parse_labels(text), labels) is matches


@pytest.mark.parametrize("bad", ["a in b", "a in (", "=", "a b", "a=b@c", "!", "a=b,", "a,,b", "a=b=c", "Up_/x=1"])
def test_broken_label_selectors_are_refused(bad: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_labels(bad)
    assert refused.value.code == 400


def test_selectors_of_objects() -> None:
    expression = {"key": "a", "operator": "In", "values": ["b"]}
    assert match_selector({"matchExpressions": [expression]}, {"a": "b"})
    assert not match_selector({"matchLabels": {"a": "c"}}, {"a": "b"})
    assert match_selector({}, None)


def test_field_selectors() -> None:
    clauses = parse_fields("involvedObject.name=p,type!=Normal", "/events")
    assert match_fields(clauses, {"involvedObject": {"name": "p"}, "type": "Warning"})
    assert not match_fields(clauses, {"involvedObject": {"name": "p"}, "type": "Normal"})
    with pytest.raises(ApiError, match="field label not supported"):
        parse_fields("bogus=1", "/events")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5s"), (119, "119s"), (200, "3m20s"), (7200, "120m"), (14400, "4h"), (183600, "2d3h"), (864000, "10d")],
)
def test_ages_are_kubectls(seconds: int, text: str) -> None:
    assert human(seconds) == text
