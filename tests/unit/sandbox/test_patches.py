# ruff: noqa: E501 - tables
"""JSON, merge and strategic merge patches."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.sandbox.patch import json_patch, merge_patch, strategic
from pyflux.sandbox.schema.builtin import object_schema
from pyflux.sandbox.status import ApiError

POD = object_schema("core.v1.Pod")


def containers(*items: Any, **more: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(items), **more}}


def test_merge_patches_remove_with_null_and_replace_lists() -> None:
    doc = {"a": {"b": 1, "c": 2}, "l": [1, 2]}
    assert merge_patch.apply(doc, {"a": {"b": None, "d": 3}, "l": [3]}) == {"a": {"c": 2, "d": 3}, "l": [3]}
    assert doc == {"a": {"b": 1, "c": 2}, "l": [1, 2]}


def test_json_patches_do_what_rfc_6902_says() -> None:
    doc = {"a": [1, 2], "b": {"c/d": 1}}
    operations = [
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "remove", "path": "/a/0"},
        {"op": "replace", "path": "/b/c~1d", "value": 9},
        {"op": "copy", "from": "/b", "path": "/e"},
        {"op": "move", "from": "/b/c~1d", "path": "/f"},
        {"op": "test", "path": "/f", "value": 9},
    ]
    assert json_patch.apply(doc, operations) == {"a": [2, 3], "b": {}, "e": {"c/d": 9}, "f": 9}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"}, {"op": "add", "path": "/a/9", "value": 1}, {"op": "test", "path": "/a", "value": 1},
        {"op": "add", "path": "/x/y", "value": 1}, {"op": "bogus", "path": "/a"}, {"op": "test", "path": "/t", "value": 1},
    ],
)  # fmt: skip
def test_operations_that_cannot_be_carried_out_are_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch.apply({"a": [1], "t": True}, [operation])
    assert refused.value.code == 422


def test_strategic_patches_merge_lists_by_key() -> None:
    doc = containers({"name": "a", "image": "1", "env": [{"name": "X", "value": "x"}]}, {"name": "b", "image": "1"})
    patch = containers(
        {"name": "a", "image": "2", "env": [{"name": "Y", "value": "y"}]}, {"name": "b", "$patch": "delete"}
    )
    made = strategic.apply(POD, doc, patch)
    assert made == containers(
        {"name": "a", "image": "2", "env": [{"name": "Y", "value": "y"}, {"name": "X", "value": "x"}]}
    )


def test_strategic_directives() -> None:
    doc = containers({"name": "a"}, {"name": "b"}, tolerations=[{"key": "old"}])
    ordered = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
            "containers": [{"name": "a", "image": "i"}],
        }
    }
    assert [c["name"] for c in strategic.apply(POD, doc, ordered)["spec"]["containers"]] == ["b", "a"]
    replaced = containers({"$patch": "replace"}, {"name": "z"}, tolerations=[{"key": "new"}])
    assert strategic.apply(POD, doc, replaced) == containers({"name": "z"}, tolerations=[{"key": "new"}])
    doc = {"metadata": {"finalizers": ["a/x", "b/x"]}}
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}
    assert strategic.apply(POD, doc, gone) == {"metadata": {"finalizers": ["b/x"]}}
    kept = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    doc = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    assert strategic.apply(object_schema("apps.v1.Deployment"), doc, kept) == {
        "spec": {"strategy": {"type": "Recreate"}}
    }


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        strategic.apply(POD, containers(), containers({"image": "i"}))
