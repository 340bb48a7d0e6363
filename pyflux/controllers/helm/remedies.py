"""What is done to a release that is there: rollback, uninstall, tests, unlocking, correcting drift."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.helm import drift, healthy, owning, snapshot, spec, storage, uninstalling
from pyflux.controllers.helm.altered import apply_method, has_hooks, put_hooks, without_hooks
from pyflux.controllers.helm.releasing import note_inventory
from pyflux.controllers.helm.request import RELEASED, REMEDIATED, TESTED
from pyflux.controllers.helm.work import HelmFailed, whole_seconds
from pyflux.errors import KubeError

if TYPE_CHECKING:
    from pyflux.controllers.helm.drift import Drifted
    from pyflux.controllers.helm.request import Request
    from pyflux.controllers.helm.storage import Stored

    Obj = dict[str, Any]

_ROLLBACK_HOOKS = ("pre-rollback", "post-rollback")

ROLLBACK, UNINSTALL, UNINSTALL_REMEDIATION = "rollback", "uninstall", "uninstall-remediation"


class MissingTarget(HelmFailed):
    """There is no release to roll back to."""


class NoLatest(HelmFailed):
    """The history names no release."""


def _changed(request: Request, before: dict[int, str]) -> list[Stored]:
    return [one for one in request.stored() if before.get(one.version) != one.raw]


def rollback(request: Request) -> None:
    """Rolls back to the previous good release. Raises HelmFailed where nothing came into storage."""
    obj = request.obj
    ignore = spec.remediation(obj, spec.UPGRADE).ignores_tests(obj)
    previous = snapshot.previous(obj, ignore_tests=ignore)
    if previous is None:
        raise MissingTarget("missing target release for rollback: required to rollback")
    stored = request.stored()
    before = {one.version: one.raw for one in stored}
    subject = f"{snapshot.full_name(previous)} with chart {snapshot.chart(previous)}"
    failure: HelmFailed | KubeError | None = None
    try:
        target = next((one for one in stored if one.version == previous["version"]), None)
        _roll_back(request, previous, target, max(before, default=0))
    except (HelmFailed, KubeError) as why:
        failure = why
    changed = _changed(request, before)
    _prune(request)
    kept = {one.version for one in request.stored()}
    for one in (one for one in stored if one.version not in kept):
        # helm-controller sees Helm remove its oldest revision, and takes it into the history
        if not snapshot.replace(obj, one, ROLLBACK):
            snapshot.prepend(obj, snapshot.take(one, ""))
    for one in changed:
        newest = (snapshot.latest(obj) or {}).get("version", 0)
        if not snapshot.replace(obj, one, ROLLBACK) and one.version > newest:
            snapshot.prepend(obj, snapshot.take(one, ROLLBACK))
    if changed:
        note_inventory(request, changed[-1], [])
    if failure is None:
        message = f"Helm rollback to previous release {subject} succeeded"
        conditions.put(obj, REMEDIATED, "True", "RollbackSucceeded", message)
        request.event("Normal", "RollbackSucceeded", message, request.notes_of_target(previous))
    else:
        message = f"Helm rollback to previous release {subject} failed: {failure.message.strip()}"
        request.count_failure()
        conditions.put(obj, REMEDIATED, "False", "RollbackFailed", message)
        request.event("Warning", "RollbackFailed", message, request.notes_of_target(previous))
    request.log(message)
    request.summarize()
    if failure is not None and not changed:
        raise failure


def _roll_back(request: Request, previous: Obj, target: Stored | None, last: int) -> None:
    """Has Helm roll back, and does what its SDK leaves out. Raises HelmFailed, KubeError."""
    obj, given, client = request.obj, spec.section(request.obj, ROLLBACK), request.client
    limit, version, owner = spec.timeout(obj, ROLLBACK), previous["version"], (previous["namespace"], previous["name"])
    objects = drift.objects_of(target.release.get("manifest", "")) if target is not None else []
    absent = owning.absent(client, objects, owner) if given.get("cleanupOnFail") else []
    owning.make_room(client, objects, owner, adopt=False)
    deadline = time.monotonic() + limit
    robs = bool(given.get("disableHooks")) and target is not None and has_hooks(target.release, *_ROLLBACK_HOOKS)
    with ExitStack() as stack:
        if robs and target is not None:
            stack.callback(lambda: put_hooks(request, last, target.release["hooks"]))
            stack.enter_context(without_hooks(request, version, *_ROLLBACK_HOOKS))
        stack.enter_context(apply_method(request, ROLLBACK, version))
        try:
            request.helm.call(
                ROLLBACK,
                limit,
                name=previous["name"],
                version=version,
                timeout=whole_seconds(limit),
                wait=spec.wait_strategy(obj, ROLLBACK),
            )
        except HelmFailed:
            owning.delete(client, absent)
            raise
    healthy.wait(request, ROLLBACK, objects, deadline)


def _prune(request: Request) -> None:
    """Removes the oldest revisions beyond `maxHistory`, which Helm's SDK does for upgrades only."""
    most, found = spec.max_history(request.obj), request.stored()
    removable = [one for one in found if one.status != storage.DEPLOYED]
    for one in removable[: max(0, len(found) - most)] if most > 0 else []:
        metadata = one.secret["metadata"]
        request.client.delete(storage.SECRETS, metadata["name"], metadata["namespace"])


def uninstall_remediation(request: Request) -> None:
    """Uninstalls a failed release. Raises HelmFailed where nothing changed in storage."""
    obj = request.obj
    current = dict(snapshot.latest(obj) or {})
    if not current:
        raise NoLatest("no latest release: required to uninstall")
    failure = uninstalling.run(request, current["name"], UNINSTALL_REMEDIATION)
    newest = snapshot.latest(obj) or {}
    same = newest.get("digest") == current["digest"]
    if failure is None and same:
        failure = HelmFailed("uninstall completed with error: release not updated in Helm storage")
    subject = f"release {snapshot.full_name(newest)} with chart {snapshot.chart(newest)}"
    if failure is None:
        message = f"Helm uninstall remediation for {subject} succeeded"
        conditions.put(obj, REMEDIATED, "True", "UninstallSucceeded", message)
        request.event("Normal", "UninstallSucceeded", message, request.notes_of(newest))
        request.log(message)
        return
    message = f"Helm uninstall remediation for {subject} failed: {failure.message.strip()}"
    request.count_failure()
    conditions.put(obj, REMEDIATED, "False", "UninstallFailed", message)
    request.event("Warning", "UninstallFailed", message, request.notes_of(newest))
    request.log(message)
    if same:
        raise failure


def uninstall(request: Request) -> None:
    """Uninstalls the current release for good. Raises NoLatest, HelmFailed."""
    obj = request.obj
    current = dict(snapshot.latest(obj) or {})
    if not current:
        request.summarize()
        raise NoLatest("no latest release: required to uninstall")
    failure = uninstalling.run(request, current["name"], UNINSTALL)
    newest = snapshot.latest(obj) or {}
    gone = ""
    if failure is not None and failure.kind == "HelmNotFoundError":
        gone = f"Release {snapshot.full_name(current)} was not found, assuming it is uninstalled"
    elif failure is not None and "is already deleted" in failure.message:
        gone = f"Release {snapshot.full_name(current)} was already uninstalled"
    if gone:
        conditions.put(obj, RELEASED, "False", "UninstallSucceeded", gone)
        request.summarize()
        return
    if failure is None and newest.get("digest") == current["digest"] and current.get("status") != storage.UNINSTALLED:
        failure = HelmFailed("uninstall completed with error: release not updated in Helm storage")
    subject = f"release {snapshot.full_name(newest)} with chart {snapshot.chart(newest)}"
    if failure is None:
        request.status.pop("inventory", None)
        message = f"Helm uninstall succeeded for {subject}"
        conditions.put(obj, RELEASED, "False", "UninstallSucceeded", message)
        request.event("Normal", "UninstallSucceeded", message, request.notes_of(newest))
    else:
        message = f"Helm uninstall failed for {subject}: {failure.message.strip()}"
        request.count_failure()
        conditions.put(obj, RELEASED, "False", "UninstallFailed", message)
        request.event("Warning", "UninstallFailed", message, request.notes_of(newest))
    request.log(message)
    request.summarize()
    if failure is not None:
        raise failure


def test(request: Request) -> None:
    """Runs the release's tests. Raises HelmFailed where none of them ran."""
    obj, limit = request.obj, spec.timeout(request.obj, "test")
    current = snapshot.latest(obj)
    if current is None:
        raise NoLatest("no latest release: required for test")
    filters = spec.section(obj, "test").get("filters") or []
    failure: HelmFailed | None = None
    try:
        request.helm.call(
            "test",
            limit,
            name=current["name"],
            timeout=whole_seconds(limit),
            include_names=[one["name"] for one in filters if not one.get("exclude")] or None,
            exclude_names=[one["name"] for one in filters if one.get("exclude")] or None,
        )
    except HelmFailed as why:
        failure = why
    for one in request.stored():
        if snapshot.targets(current, one.release):
            tested = snapshot.take(one, current.get("action", ""), current.get("ociDigest", ""))
            tested["testHooks"] = snapshot.test_hooks(one.release, filters)
            snapshot.history(obj)[0] = tested
    newest = snapshot.latest(obj) or {}
    subject = f"release {snapshot.full_name(newest)} with chart {snapshot.chart(newest)}"
    if failure is None:
        count = len(newest.get("testHooks") or {})
        hooks = f"{count} test hook{'s' if count > 1 else ''} completed successfully" if count else "no test hooks"
        message = f"Helm test succeeded for {subject}: {hooks}"
        conditions.put(obj, TESTED, "True", "TestSucceeded", message)
        request.event("Normal", "TestSucceeded", message, request.notes_of(newest))
    else:
        message = f"Helm test failed for {subject}: {failure.message.strip()}"
        request.count_failure()
        conditions.put(obj, TESTED, "False", "TestFailed", message)
        request.event("Warning", "TestFailed", message, request.notes_of(newest))
        active = spec.active_remediation(obj)
        if snapshot.is_tested(newest) and active is not None and not active.ignores_tests(obj):
            active.count_failure(obj)
    request.log(message)
    request.summarize()
    if failure is not None and not snapshot.is_tested(newest):
        raise failure


def unlock(request: Request) -> None:
    """Marks a release that Helm left pending as failed. Raises KubeError."""
    obj = request.obj
    found = request.stored()
    if not found or not found[-1].is_pending:
        request.summarize()
        return
    was = found[-1].status
    current = snapshot.take(found[-1], "")
    subject = f"Helm release {snapshot.full_name(current)} with chart {snapshot.chart(current)} in {was} state"
    namespace = request.status["storageNamespace"]
    try:
        text = f"Release unlocked from stale '{was}' state"
        stored = storage.set_status(request.client, found[-1], storage.FAILED, text)
    except KubeError as why:
        message = f"Unlock of {subject} failed: {why}"
        request.count_failure()
        conditions.put(obj, RELEASED, "False", "PendingRelease", message)
        request.event("Warning", "PendingRelease", message, request.notes_of(current))
        request.summarize()
        raise
    snapshot.replace(obj, stored)
    message = f"Unlocked {subject}"
    conditions.put(obj, RELEASED, "False", "PendingRelease", message)
    request.event("Normal", "PendingRelease", message, request.notes_of(current))
    request.log(f"{message} (storage namespace {namespace})")
    request.summarize()


def correct(request: Request, drifted: list[Drifted]) -> None:
    """Puts drifted objects right."""
    obj = request.obj
    conditions.put(obj, conditions.READY, "Unknown", conditions.PROGRESSING, "correcting cluster drift")
    done, errors = drift.correct(request.client, drifted)
    current = snapshot.latest(obj)
    name = snapshot.full_name(current)
    if errors:
        partly = "partially " if done else ""
        message = f"Failed to {partly}correct cluster state of release {name}:\n" + "\n".join(errors)
        if done:
            message += "\n\nSuccessful corrections:\n" + "\n".join(done)
        request.event("Warning", "DriftCorrectionFailed", message, request.notes_of(current))
    elif done:
        message = f"Cluster state of release {name} has been corrected:\n" + "\n".join(done)
        request.event("Normal", "DriftCorrected", message, request.notes_of(current))
    else:
        return
    request.log(message)
