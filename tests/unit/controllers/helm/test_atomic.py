"""Which action follows from how a release stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pyflux.controllers import conditions
from pyflux.controllers.helm import atomic, snapshot
from pyflux.controllers.helm.state import State, Status
from pyflux.controllers.helm.storage import Stored, encode

Obj = dict[str, Any]


def stored(version: int, status: str) -> Stored:
    release = {"name": "app", "info": {"status": status}, "version": version, "namespace": "apps"}
    return Stored({"metadata": {"labels": {"version": str(version)}}, "data": {"release": encode(release)}})


@dataclass
class Request:
    """As much of a request as the decision looks at."""

    obj: Obj
    revisions: list[Stored] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def stored(self) -> list[Stored]:
        return self.revisions

    def event(self, kind: str, reason: str, message: str) -> None:
        self.events.append(f"{kind} {reason}")

    def log(self, text: str) -> None:
        pass

    def summarize(self) -> None:
        pass


def release(status: Obj | None = None, annotations: Obj | None = None, **given: Any) -> Obj:
    metadata = {"name": "app", "namespace": "apps", "generation": 1, "annotations": annotations or {}}
    return {"metadata": metadata, "spec": given, "status": status or {}}


def next_action(request: Request, status: Status, **more: Any) -> str:
    action = atomic._next(request, State(status, **more))  # type: ignore[arg-type]
    return action.name if action is not None else ""


FORCED = {"reconcile.fluxcd.io/forceAt": "1", "reconcile.fluxcd.io/requestedAt": "1"}


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (Status.ABSENT, "install"),
        (Status.UNMANAGED, "upgrade"),
        (Status.OUT_OF_SYNC, "upgrade"),
        (Status.LOCKED, "unlock"),
        (Status.UNTESTED, "test"),
        (Status.FAILED, "upgrade"),
        (Status.IN_SYNC, ""),
    ],
)
def test_without_failures(status: Status, action: str) -> None:
    assert next_action(Request(release()), status) == action


def test_in_sync_and_forced() -> None:
    assert next_action(Request(release(annotations=FORCED)), Status.IN_SYNC) == "upgrade"


@pytest.mark.parametrize(
    ("status", "failures", "text"),
    [
        (
            Status.ABSENT,
            {"installFailures": 1, "lastAttemptedReleaseAction": "install"},
            "Failed to install after 1 attempt(s)",
        ),
        (
            Status.OUT_OF_SYNC,
            {"upgradeFailures": 1, "lastAttemptedReleaseAction": "upgrade"},
            "Failed to upgrade after 1 attempt(s)",
        ),
    ],
)
def test_retries_used_up(status: Status, failures: Obj, text: str) -> None:
    obj = release(dict(failures))
    with pytest.raises(atomic.GaveUp):
        next_action(Request(obj), status)
    stalled = conditions.get(obj, "Stalled") or {}
    assert (stalled["reason"], stalled["message"]) == ("RetriesExceeded", text)
    assert next_action(Request(release(dict(failures), FORCED)), status) in ("install", "upgrade")


def failed(action: str, failures: int = 1) -> Obj:
    return {f"{action}Failures": failures, "lastAttemptedReleaseAction": action}


def with_history(obj: Obj) -> tuple[Obj, list[Stored]]:
    """A failed second revision after a good first one."""
    revisions = [stored(1, "deployed"), stored(2, "failed")]
    obj["status"]["history"] = [snapshot.take(one, "upgrade") for one in reversed(revisions)]
    return obj, revisions


UPGRADE = {"remediation": {"retries": 1}}


def test_a_failed_upgrade_is_rolled_back() -> None:
    obj, revisions = with_history(release(failed("upgrade"), upgrade=UPGRADE))
    assert next_action(Request(obj, revisions), Status.FAILED) == "rollback"


def test_a_failed_upgrade_is_uninstalled_where_that_is_wanted() -> None:
    remediation = {"remediation": {"retries": 1, "strategy": "uninstall"}}
    obj, revisions = with_history(release(failed("upgrade"), upgrade=remediation))
    assert next_action(Request(obj, revisions), Status.FAILED) == "uninstall"


def test_the_last_failure_stays_unless_it_is_to_be_remediated() -> None:
    obj, revisions = with_history(release(failed("upgrade")))
    with pytest.raises(atomic.GaveUp):
        next_action(Request(obj, revisions), Status.FAILED)


def test_a_changed_target_is_no_target() -> None:
    obj, revisions = with_history(release(failed("upgrade"), upgrade=UPGRADE))
    revisions[0].release["manifest"] = "changed"
    assert next_action(Request(obj, revisions), Status.FAILED) == "upgrade"


def test_without_a_target_it_stalls() -> None:
    obj = release(failed("upgrade"), upgrade=UPGRADE)
    obj["status"]["history"] = [snapshot.take(stored(1, "failed"), "install")]
    with pytest.raises(atomic.GaveUp):
        next_action(Request(obj), Status.FAILED)
    assert (conditions.get(obj, "Stalled") or {})["reason"] == "MissingRollbackTarget"


def test_retry_on_failure_does_not_remediate() -> None:
    obj = release(failed("upgrade", 5), upgrade={"strategy": {"name": "RetryOnFailure"}})
    assert next_action(Request(obj), Status.FAILED) == "upgrade"


def test_drift_is_told_and_corrected_where_wanted() -> None:
    for mode, action in (("warn", ""), ("enabled", "correct cluster drift")):
        obj = release(driftDetection={"mode": mode})
        request = Request(obj)
        assert next_action(request, Status.DRIFTED, drifted=[]) == action
        assert request.events == ["Warning DriftDetected"]
        assert conditions.has(obj, "Drifted")


def test_in_sync_after_a_rollback_counts_as_upgraded() -> None:
    obj, _ = with_history(release())
    conditions.put(obj, "Remediated", "True", "RollbackSucceeded", "back")
    next_action(Request(obj), Status.IN_SYNC)
    assert conditions.get(obj, "Remediated") is None
    assert (conditions.get(obj, "Released") or {})["reason"] == "UpgradeSucceeded"
