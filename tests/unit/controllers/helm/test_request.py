"""Ready from the other conditions; attempts; messages in Flux's words; JSON patches."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.controllers import conditions
from pyflux.controllers.helm import prepare
from pyflux.controllers.helm.jsonpatch import compare
from pyflux.controllers.helm.request import summarize
from pyflux.controllers.helm.work import in_flux_words

Obj = dict[str, Any]


def release(**given: Any) -> Obj:
    return {"metadata": {"name": "app", "namespace": "apps", "generation": 2}, "spec": given, "status": {}}


def ready(obj: Obj) -> tuple[str, str]:
    found = conditions.get(obj, "Ready") or {}
    return found.get("status", ""), found.get("reason", "")


def test_released_makes_ready() -> None:
    obj = release()
    conditions.stalled(obj, "X", "x")
    conditions.put(obj, "Released", "True", "InstallSucceeded", "fine")
    summarize(obj)
    assert ready(obj) == ("True", "InstallSucceeded")
    assert conditions.get(obj, "Stalled") is None


def test_remediated_is_never_ready() -> None:
    obj = release()
    conditions.put(obj, "Released", "False", "UpgradeFailed", "bad")
    conditions.put(obj, "Remediated", "True", "RollbackSucceeded", "back")
    summarize(obj)
    assert ready(obj) == ("False", "RollbackSucceeded")


def test_an_older_remediation_does_not_count() -> None:
    obj = release()
    conditions.put(obj, "Remediated", "True", "RollbackSucceeded", "back")
    obj["metadata"]["generation"] = 3
    conditions.put(obj, "Released", "True", "UpgradeSucceeded", "fine")
    summarize(obj)
    assert ready(obj) == ("True", "UpgradeSucceeded")


def test_tests_count_where_they_are_enabled() -> None:
    for test, wanted in (
        ({"enable": True}, ("False", "TestFailed")),
        ({"enable": True, "ignoreFailures": True}, ("True", "InstallSucceeded")),
    ):
        obj = release(test=test)
        conditions.put(obj, "Released", "True", "InstallSucceeded", "fine")
        conditions.put(obj, "TestSuccess", "False", "TestFailed", "bad")
        summarize(obj)
        assert ready(obj) == wanted
    obj = release()
    conditions.put(obj, "TestSuccess", "False", "TestFailed", "bad")
    conditions.put(obj, "Released", "True", "InstallSucceeded", "fine")
    summarize(obj)
    assert conditions.get(obj, "TestSuccess") is None


def test_failures_are_forgotten_for_another_attempt() -> None:
    chart = {"name": "app", "version": "1.0.0"}
    obj = release()
    prepare.note_attempt(obj, chart, {"a": 1}, "")
    obj["status"].update(failures=2, upgradeFailures=1)
    prepare.note_attempt(obj, chart, {"a": 1}, "")
    assert obj["status"]["failures"] == 2
    prepare.note_attempt(obj, chart, {"a": 2}, "")
    assert "failures" not in obj["status"]
    assert "upgradeFailures" not in obj["status"]


def test_target_changed() -> None:
    obj = release()
    current = {"name": "app", "namespace": "apps", "version": 1, "chartName": "app"}
    obj["status"] = {"storageNamespace": "apps", "history": [current]}
    assert prepare.target_changed(obj, "app") is False
    assert prepare.target_changed(obj, "other") is True
    obj["spec"]["upgrade"] = {"chartNameChangeStrategy": "InPlace"}
    assert prepare.target_changed(obj, "other") is False
    obj["spec"]["targetNamespace"] = "there"
    assert prepare.target_changed(obj, "app") is True


@pytest.mark.parametrize(
    ("revision", "wanted"),
    [
        ("1.2.3@sha256:0123456789abcdef", "1.2.3+0123456789ab"),
        ("latest@sha256:0123456789abcdef", "1.2.3+0123456789ab"),
        ("sha256:0123456789abcdef", "1.2.3+0123456789ab"),
        ("1.2.4@sha256:0123456789abcdef", ""),
        ("sha256:0123", ""),
    ],
)
def test_chart_version_with_digest(revision: str, wanted: str) -> None:
    if wanted:
        assert prepare.with_digest("1.2.3", revision)[0] == wanted
    else:
        with pytest.raises(prepare.NotReady):
            prepare.with_digest("1.2.3", revision)


def test_messages_about_waiting() -> None:
    text = (
        "resource Deployment/apps/web not ready. status: InProgress, message: Updated: 1/3\n"
        "resource Job/apps/x not ready. status: Unknown, message: \ncontext deadline exceeded"
    )
    wanted = "timeout waiting for: [Deployment/apps/web status: 'InProgress', Job/apps/x status: 'Unknown']"
    assert in_flux_words(text) == wanted
    failed = "resource Deployment/apps/web not ready. status: Failed, message: Progress deadline exceeded"
    assert in_flux_words(failed) == ("failed early due to stalled resources: [Deployment/apps/web status: 'Failed']")
    assert in_flux_words("another failure") == "another failure"


def test_json_patch() -> None:
    before = {"a": 1, "b": {"x/y": 1, "z": [1, 2, 3]}, "gone": True}
    after = {"a": True, "b": {"x/y": 2, "z": [1, 5]}, "new": {"k": 1}}
    assert compare(before, after) == [
        {"op": "replace", "path": "/a", "value": True},
        {"op": "replace", "path": "/b/x~1y", "value": 2},
        {"op": "replace", "path": "/b/z/1", "value": 5},
        {"op": "remove", "path": "/b/z/2"},
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/new", "value": {"k": 1}},
    ]
    assert compare([1], [1, 2]) == [{"op": "add", "path": "/-", "value": 2}]
    assert compare(before, before) == []
