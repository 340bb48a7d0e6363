"""Defaults and decisions of a HelmRelease's spec."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.controllers.helm import spec

Obj = dict[str, Any]


def release(status: Obj | None = None, annotations: Obj | None = None, **given: Any) -> Obj:
    metadata = {"name": "app", "namespace": "apps", "annotations": annotations or {}}
    return {"metadata": metadata, "spec": given, "status": status or {}}


def test_timeouts() -> None:
    assert spec.timeout(release()) == spec.timeout(release(), "install") == 300
    obj = release(timeout="1m", install={"timeout": "5s"})
    assert (spec.timeout(obj), spec.timeout(obj, "install"), spec.timeout(obj, "upgrade")) == (60, 5, 60)


def test_remediation_defaults() -> None:
    install, upgrade = spec.remediation(release(), "install"), spec.remediation(release(), "upgrade")
    assert (install.strategy, install.last, install.retries) == ("uninstall", False, 0)
    assert (upgrade.strategy, upgrade.last, upgrade.retries) == ("rollback", False, 0)
    assert spec.remediation(release(upgrade={"remediation": {"retries": 2}}), "upgrade").last is True
    assert spec.remediation(release(install={"remediation": {"retries": 2}}), "install").last is False


@pytest.mark.parametrize(
    ("retries", "failures", "exhausted"), [(0, 0, False), (0, 1, True), (1, 1, False), (1, 2, True), (-1, 99, False)]
)
def test_retries(retries: int, failures: int, exhausted: bool) -> None:
    obj = release({"upgradeFailures": failures}, upgrade={"remediation": {"retries": retries}})
    assert spec.remediation(obj, "upgrade").exhausted(obj) is exhausted


def test_failures_are_counted_by_action() -> None:
    obj = release()
    spec.remediation(obj, "install").count_failure(obj)
    spec.remediation(obj, "install").count_failure(obj)
    assert obj["status"] == {"installFailures": 2}


def test_retry_strategy() -> None:
    obj = release({"lastAttemptedReleaseAction": "install"}, install={"strategy": {"name": "RetryOnFailure"}})
    assert spec.active_retry(obj) == 300
    obj["spec"]["install"]["strategy"]["retryInterval"] = "7s"
    assert spec.active_retry(obj) == 7
    assert spec.active_retry(release({"lastAttemptedReleaseAction": "upgrade"})) is None


def test_requests_by_annotation_are_handled_once() -> None:
    asked = {spec.FORCE_AT: "1", "reconcile.fluxcd.io/requestedAt": "1"}
    obj = release(annotations=asked)
    assert spec.force_requested(obj) is True
    assert obj["status"]["lastHandledForceAt"] == "1"
    assert spec.force_requested(obj) is False


def test_a_request_without_one_to_reconcile_does_not_count() -> None:
    obj = release(annotations={spec.RESET_AT: "1", "reconcile.fluxcd.io/requestedAt": "2"})
    assert spec.reset_requested(obj) is False
    assert spec.force_requested(obj) is False
    assert obj["status"] == {"lastHandledResetAt": "1"}


def test_waiting() -> None:
    assert spec.wait_strategy(release(), "install") == "watcher"
    assert spec.wait_strategy(release(install={"disableWait": True}), "install") == "hookOnly"
    assert spec.wait_strategy(release(waitStrategy={"name": "legacy"}), "install") == "legacy"
