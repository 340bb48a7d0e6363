"""The loop that brings a release to where it should be: see how it stands, take one action, look again.

Each kind of action is taken once in a reconciliation, and a remediation ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.controllers import conditions
from pyflux.controllers.core import go_duration
from pyflux.controllers.helm import releasing, remedies, snapshot, spec
from pyflux.controllers.helm.request import DRIFTED, RELEASED, REMEDIATED
from pyflux.controllers.helm.state import Status, determine, unlike
from pyflux.controllers.helm.work import HelmFailed
from pyflux.errors import KubeError, PyfluxError

if TYPE_CHECKING:
    from pyflux.controllers.helm.request import Request
    from pyflux.controllers.helm.state import State

    Obj = dict[str, Any]

_RELEASE, _REMEDIATE, _TEST, _UNLOCK, _CORRECT = "release", "remediate", "test", "unlock", "drift correction"


class Again(PyfluxError):
    """Not finished: reconcile again soon."""


class RetryLater(PyfluxError):
    """Failed, to be tried again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("retry after interval")
        self.seconds = seconds


class GaveUp(PyfluxError):
    """Nothing helps until somebody changes the object."""


class _Action(NamedTuple):
    name: str
    kind: str
    limit: str
    """The section of the spec with the time limit."""
    run: Callable[[Request], None]


def _release(action: str) -> _Action:
    return _Action(action, _RELEASE, action, lambda request: releasing.perform(request, action))


_UNLOCKING = _Action("unlock", _UNLOCK, "", remedies.unlock)
_TESTING = _Action("test", _TEST, "test", remedies.test)
_ROLLING_BACK = _Action("rollback", _REMEDIATE, "rollback", remedies.rollback)
_UNINSTALLING = _Action("uninstall", _REMEDIATE, "uninstall", remedies.uninstall_remediation)


def reconcile(request: Request) -> None:
    """Returns when the release is as it should be. Raises Again, RetryLater, GaveUp, HelmFailed, KubeError."""
    obj = request.obj
    done: set[str] = set()
    while True:
        try:
            state = determine(request)
        except PyfluxError as why:
            text = f"Could not determine release state: {why.message}"
            conditions.put(obj, conditions.READY, "False", "StateError", text)
            raise
        action = _next(request, state)
        if action is None:
            conditions.remove(obj, conditions.RECONCILING)
            request.summarize()
            return
        if action.kind in done:
            _come_back(obj)
            conditions.remove(obj, conditions.RECONCILING)
            return
        limit = go_duration(spec.timeout(obj, action.limit))
        text = f"Running '{action.name}' action with timeout of {limit}"
        conditions.reconciling(obj, conditions.PROGRESSING, text)
        if action.kind == _RELEASE:
            conditions.put(obj, conditions.READY, "Unknown", conditions.PROGRESSING, text)
        request.patch()
        request.log(text)
        _take(request, action)
        if action.kind == _REMEDIATE:
            _come_back(obj, remediated=True)
        done.add(action.kind)
        request.patch()


def _take(request: Request, action: _Action) -> None:
    obj = request.obj
    try:
        action.run(request)
    except remedies.MissingTarget as why:
        conditions.stalled(obj, "MissingRollbackTarget", f"Failed to perform remediation: {why.message}")
        raise GaveUp(why.message) from None
    except (HelmFailed, KubeError) as why:
        _retry_later(obj)
        if conditions.has(obj, conditions.READY):
            conditions.put(obj, conditions.READY, "False", "ReconcileError", why.message)
        raise


def _retry_later(obj: Obj) -> None:
    retry = spec.active_retry(obj)
    if retry is not None:
        text = f"retrying after {go_duration(retry)}"
        conditions.reconciling(obj, conditions.PROGRESSING_WITH_RETRY, text)
        raise RetryLater(retry)


def _come_back(obj: Obj, *, remediated: bool = False) -> None:
    """Ends this reconciliation with another to follow, unless the retries are used up."""
    _retry_later(obj)
    active = spec.active_remediation(obj)
    goes_on = active is None or not active.exhausted(obj)
    if goes_on or (remediated and active is not None and active.uninstalls_after_upgrade):
        text = conditions.message(obj, conditions.READY)
        conditions.reconciling(obj, conditions.PROGRESSING_WITH_RETRY, text)
        raise Again("must requeue")
    if remediated:
        raise _exceeded(obj, "exceeded maximum retries")


def _exceeded(obj: Obj, text: str) -> GaveUp:
    active = spec.active_remediation(obj)
    action = obj["status"].get("lastAttemptedReleaseAction") or ""
    count = active.failures(obj) if active is not None else 0
    conditions.stalled(obj, "RetriesExceeded", f"Failed to {action} after {count} attempt(s)")
    return GaveUp(text)


def _next(request: Request, state: State) -> _Action | None:
    obj = request.obj
    forced = spec.force_requested(obj)
    if state.status is Status.IN_SYNC:
        return _in_sync(request, forced)
    if state.status is Status.LOCKED:
        return _UNLOCKING
    if state.status is Status.ABSENT:
        if spec.remediation(obj, spec.INSTALL).exhausted(obj) and not forced:
            raise _exceeded(obj, "exceeded maximum retries: cannot install release")
        return _release(spec.INSTALL)
    if state.status is Status.UNMANAGED:
        obj["status"].pop("history", None)
        return _release(spec.UPGRADE)
    if state.status is Status.OUT_OF_SYNC:
        if spec.remediation(obj, spec.UPGRADE).exhausted(obj) and not forced:
            raise _exceeded(obj, "exceeded maximum retries: cannot upgrade release")
        return _release(spec.UPGRADE)
    if state.status is Status.DRIFTED:
        return _drifted(request, state)
    if state.status is Status.UNTESTED:
        _replace_remediated(obj)
        return _TESTING
    return _failed(request, forced)


def _in_sync(request: Request, forced: bool) -> _Action | None:
    obj = request.obj
    if spec.active_retry(obj) is not None:
        snapshot.shorten(obj)
    else:
        snapshot.truncate(obj, ignore_tests=spec.ignores_test_failures(obj))
    if forced:
        return _release(spec.UPGRADE)
    _replace_remediated(obj)
    if not conditions.has(obj, conditions.READY) or not conditions.has(obj, RELEASED):
        reason = (conditions.get(obj, RELEASED) or {}).get("reason")
        action = next((name for name, failed in releasing.FAILED.items() if failed == reason), "")
        if action:
            text = releasing.success_message(action, snapshot.latest(obj))
            conditions.put(obj, RELEASED, "True", releasing.SUCCEEDED[action], text)
            request.summarize()
    if spec.drift_mode(obj) in ("enabled", "warn"):
        conditions.put(obj, DRIFTED, "False", "NoDriftDetected", "No drift detected against the cluster state")
    return None


def _replace_remediated(obj: Obj) -> None:
    """A release that was rolled back to, and is what is wanted now, counts as upgraded."""
    remediated = conditions.get(obj, REMEDIATED)
    if remediated is None or remediated["status"] != "True":
        return
    conditions.remove(obj, REMEDIATED, RELEASED)
    text = releasing.success_message(spec.UPGRADE, snapshot.latest(obj))
    conditions.put(obj, RELEASED, "True", releasing.SUCCEEDED[spec.UPGRADE], text)


def _drifted(request: Request, state: State) -> _Action | None:
    obj = request.obj
    name = snapshot.full_name(snapshot.latest(obj))
    shown = "\n".join(map(str, state.drifted))
    text = f"Cluster state of release {name} has drifted from the desired state:\n{shown}"
    request.event("Warning", "DriftDetected", text)
    request.log(text)
    conditions.put(obj, DRIFTED, "True", "DriftDetected", text)
    if spec.drift_mode(obj) != "enabled":
        return None
    return _Action("correct cluster drift", _CORRECT, "", lambda again: remedies.correct(again, state.drifted))


def _failed(request: Request, forced: bool) -> _Action:
    obj = request.obj
    upgrade = _release(spec.UPGRADE)
    if spec.active_retry(obj) is not None:
        snapshot.shorten(obj)
        return upgrade
    active = spec.active_remediation(obj)
    if active is None or active.failures(obj) <= 0 or forced:
        return upgrade
    if active.exhausted(obj) and not active.last:
        raise _exceeded(obj, "exceeded maximum retries: cannot remediate failed release")
    ignore = active.ignores_tests(obj)
    snapshot.truncate(obj, ignore_tests=ignore)
    if active.strategy == spec.UNINSTALL_STRATEGY:
        return _UNINSTALLING
    previous = snapshot.previous(obj, ignore_tests=ignore)
    if previous is None:
        why = "missing target release for rollback: cannot remediate failed release"
        conditions.stalled(obj, "MissingRollbackTarget", f"Failed to perform remediation: {why}")
        raise GaveUp(why)
    target = next((one for one in request.stored() if one.version == previous["version"]), None)
    if target is None or unlike(previous, target):
        # the target is gone or was changed: only another upgrade can help
        return upgrade
    return _ROLLING_BACK
