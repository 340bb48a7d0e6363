"""How a release stands, by Helm's storage, the history in the status, and the cluster."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.controllers.helm import drift, snapshot, spec, storage
from pyflux.controllers.helm.request import common_metadata_digest, post_renderers_digest
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from pyflux.controllers.helm.drift import Drifted
    from pyflux.controllers.helm.request import Request
    from pyflux.controllers.helm.storage import Stored

    Obj = dict[str, Any]


class Status(Enum):
    ABSENT = "Absent"
    UNMANAGED = "Unmanaged"
    OUT_OF_SYNC = "OutOfSync"
    DRIFTED = "Drifted"
    LOCKED = "Locked"
    UNTESTED = "Untested"
    IN_SYNC = "InSync"
    FAILED = "Failed"


class State(NamedTuple):
    status: Status
    reason: str = ""
    drifted: list[Drifted] = []  # noqa: RUF012 - never changed


class StateUnknown(PyfluxError):
    """How the release stands cannot be told."""


def determine(request: Request) -> State:
    """Raises StateUnknown, StorageError, KubeError."""
    found = request.stored()
    if not found:
        return State(Status.ABSENT, "no release in storage for object")
    last = found[-1]
    if last.is_pending:
        return State(Status.LOCKED, f"release with status '{last.status}'")
    current = snapshot.latest(request.obj)
    if current is None:
        if last.status == storage.UNINSTALLED:
            return State(Status.ABSENT, "found uninstalled release in storage")
        return State(Status.UNMANAGED, "found existing release in storage")
    problem = unlike(current, last)
    if problem:
        return State(Status.UNMANAGED, problem)
    if last.status == storage.FAILED:
        return State(Status.FAILED)
    if last.status == storage.UNINSTALLED:
        return State(Status.ABSENT, "found uninstalled release in storage")
    if last.status == storage.DEPLOYED:
        return _deployed(request, current, last)
    raise StateUnknown(f"unable to determine state for release with status '{last.status}'")


def unlike(snap: Obj, stored: Stored) -> str:
    """Why a stored release is not the one of a snapshot; empty where it is."""
    if snap.get("apiVersion") != "v2":
        return ""
    digest = str(snap.get("digest") or "")
    if not digest.startswith("sha256:"):
        return "release digest verification error"
    if snapshot.observation_digest(stored.release, snap.get("ociDigest", "")) != digest:
        return "release not observed to be made for object"
    return ""


def _deployed(request: Request, current: Obj, last: Stored) -> State:
    obj, status = request.obj, request.status
    metadata = (last.release.get("chart") or {}).get("metadata") or {}
    if (metadata.get("name"), metadata.get("version")) != (request.chart.get("name"), request.chart.get("version")):
        return State(Status.OUT_OF_SYNC, "release chart changed")
    if current.get("configDigest") != snapshot.config_digest(request.values):
        return State(Status.OUT_OF_SYNC, "release config values changed")
    if status.get("observedGeneration") != obj["metadata"]["generation"]:
        if post_renderers_digest(obj) != (status.get("observedPostRenderersDigest") or ""):
            return State(Status.OUT_OF_SYNC, "postrenderers digest has changed")
        if common_metadata_digest(obj) != (status.get("observedCommonMetadataDigest") or ""):
            return State(Status.OUT_OF_SYNC, "common metadata digest has changed")
    if spec.section(obj, "test").get("enable"):
        if not snapshot.is_tested(current):
            return State(Status.UNTESTED)
        active = spec.active_remediation(obj)
        if active is not None and not active.ignores_tests(obj) and snapshot.has_failed_test(current):
            return State(Status.FAILED, "release has test in failed phase")
    if spec.drift_mode(obj) in ("enabled", "warn"):
        rules = spec.section(obj, "driftDetection").get("ignore") or []
        found, errors = drift.find(request.client, last.release, rules)
        changed = any(one.kind != drift.EXCLUDE for one in found)
        if errors and not changed:
            raise StateUnknown(f"unable to determine cluster state: {'; '.join(errors)}")
        if changed:
            return State(Status.DRIFTED, "", found)
    return State(Status.IN_SYNC)
