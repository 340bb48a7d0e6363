"""Taking fields out of other managers' hands."""

from __future__ import annotations

from typing import Any

from pyflux.controllers.helm.owning import split, taken_over
from pyflux.controllers.helm.work import MANAGER

WANTED: dict[str, Any] = {
    "apiVersion": "v1",
    "spec": {"replicas": 1, "ports": [{"port": 80, "name": "http"}], "args": ["a"]},
}
FIELDS = {
    "f:spec": {
        ".": {},
        "f:replicas": {},
        "f:paused": {},
        "f:ports": {'k:{"port":80}': {".": {}, "f:name": {}}, 'k:{"port":81}': {".": {}, "f:name": {}}},
        "f:args": {'v:"a"': {}, 'v:"b"': {}},
    }
}


def test_split() -> None:
    left, taken = split(FIELDS, WANTED)
    assert left == {
        "f:spec": {
            ".": {},
            "f:paused": {},
            "f:ports": {'k:{"port":81}': {".": {}, "f:name": {}}},
            "f:args": {'v:"b"': {}},
        }
    }
    assert taken == {
        "f:spec": {"f:replicas": {}, "f:ports": {'k:{"port":80}': {"f:name": {}}}, "f:args": {'v:"a"': {}}}
    }


def test_a_manager_that_is_left_with_nothing_goes() -> None:
    entries = [
        {
            "manager": "kubectl",
            "operation": "Update",
            "subresource": "scale",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        },
        {"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:args": {}}}},
        {"manager": "other", "operation": "Update", "fieldsV1": {"f:status": {}}},
    ]
    found = taken_over({"metadata": {"managedFields": entries}}, WANTED)
    assert [entry["manager"] for entry in found] == ["other", MANAGER]
    assert found[-1]["fieldsV1"] == {"f:spec": {"f:args": {}, "f:replicas": {}}}


def test_without_an_entry_of_ours_one_is_made() -> None:
    entries = [{"manager": "x", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    (found,) = taken_over({"metadata": {"managedFields": entries}}, WANTED)
    assert (found["manager"], found["operation"], found["apiVersion"]) == (MANAGER, "Apply", "v1")
    assert found["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
