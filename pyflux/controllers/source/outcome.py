"""How a source's reconciliation can end, and what that makes of its conditions: source-controller's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.core import Result, jittered, requested_at, seconds
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from pyflux.controllers.core import Options

    Obj = dict[str, Any]

STORAGE_FAILED = "StorageOperationFailed"
FETCH_FAILED = "FetchFailed"
BUILD_FAILED = "BuildFailed"
INCLUDE_UNAVAILABLE = "IncludeUnavailable"
OUTDATED = "ArtifactOutdated"
IN_STORAGE = "ArtifactInStorage"
VERIFIED = "SourceVerified"

ORDER = (
    STORAGE_FAILED,
    FETCH_FAILED,
    BUILD_FAILED,
    INCLUDE_UNAVAILABLE,
    OUTDATED,
    IN_STORAGE,
    VERIFIED,
    conditions.STALLED,
    conditions.RECONCILING,
)
NEGATIVE = frozenset(
    (
        *(STORAGE_FAILED, FETCH_FAILED, BUILD_FAILED, INCLUDE_UNAVAILABLE, OUTDATED),
        *(conditions.STALLED, conditions.RECONCILING),
    )
)


class SourceFailed(PyfluxError):
    """A step failed. `condition` becomes true with `reason`; the queue tries again after a growing pause."""

    def __init__(self, condition: str, reason: str, message: str, *, status: str = "True") -> None:
        super().__init__(message)
        self.condition = condition
        self.reason = reason
        self.status = status


class SourceStalled(SourceFailed):
    """A step failed and will fail until the object is changed."""


class SourceWaiting(SourceFailed):
    """Something that the source needs is not there yet."""


def settle(obj: Obj, error: SourceFailed | None, options: Options) -> Result:
    """Puts the final conditions on the object and says when to look at it again."""
    request = requested_at(obj)
    status = obj.setdefault("status", {})
    if request:
        status["lastHandledReconcileAt"] = request
    if error is None:
        conditions.remove(obj, conditions.RECONCILING, conditions.STALLED)
    else:
        conditions.put(obj, error.condition, error.status, error.reason, error.message)
        working = conditions.get(obj, conditions.RECONCILING)
        if working is not None:
            conditions.reconciling(obj, conditions.PROGRESSING_WITH_RETRY, working["message"])
        if isinstance(error, SourceStalled):
            conditions.stalled(obj, error.reason, error.message)
        else:
            conditions.remove(obj, conditions.STALLED)
    if error is None or isinstance(error, SourceStalled):
        status["observedGeneration"] = obj["metadata"]["generation"]
    conditions.summarize(obj, conditions.READY, ORDER, NEGATIVE)
    if conditions.has(obj, VERIFIED, "False"):
        verified = conditions.get(obj, VERIFIED) or {}
        conditions.put(obj, conditions.READY, "False", verified["reason"], verified["message"])
    if isinstance(error, SourceStalled):
        return Result()
    if isinstance(error, SourceWaiting):
        return Result(options.requeue_dependency)
    if error is not None:
        return Result(failed=True)
    return Result(jittered(seconds(obj["spec"].get("interval"), 60.0), options.jitter))
