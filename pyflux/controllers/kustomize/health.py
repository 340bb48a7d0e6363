"""Waits until applied objects are healthy, by kstatus or by the Kustomization's own expressions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflux.controllers.kustomize.objects import Entry, ObjectId
from pyflux.errors import KubeError, NoMatch, NotFound, PyfluxError
from pyflux.kube.status import CURRENT, FAILED, IN_PROGRESS, NOT_FOUND, UNKNOWN, readiness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]
    Judge = Callable[[Obj], str | None]

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_BATCH = 50


class Unhealthy(PyfluxError):
    """Objects failed or did not become ready in time."""


class Canceled(PyfluxError):
    """The wait was given up because there is newer work, or the process stops."""


class HealthCheck:
    """One wait. `judge` may decide an object's status in kstatus' place; `canceled()` ends the wait early."""

    def __init__(
        self,
        client: Client,
        *,
        judge: Judge | None = None,
        canceled: Callable[[], bool] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        fail_fast: bool = True,
    ) -> None:
        self._client = client
        self._judge = judge
        self._canceled = canceled
        self._sleep = sleep
        self._fail_fast = fail_fast

    def wait(self, entries: Sequence[Entry], timeout: float, ending_jobs: frozenset[ObjectId] = frozenset()) -> None:
        """Returns when all are current; `ending_jobs` may be gone by then. Raises Unhealthy, Canceled."""
        deadline = time.monotonic() + timeout
        status = {entry.id: UNKNOWN for entry in entries}
        waiting = {entry.id: entry for entry in entries}
        pause = _FIRST_PAUSE
        while True:
            self._look(list(waiting.values()), status, ending_jobs)
            waiting = {key: entry for key, entry in waiting.items() if status[key] != CURRENT}
            if not waiting:
                return
            failed = [key for key in waiting if status[key] == FAILED]
            if failed and (self._fail_fast or len(failed) == len(waiting)):
                raise Unhealthy(f"failed early due to stalled resources: [{_shown(failed, status)}]")
            left = deadline - time.monotonic()
            if left <= 0:
                raise Unhealthy(f"timeout waiting for: [{_shown(list(waiting), status)}]")
            self._pause(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _pause(self, length: float) -> None:
        if self._canceled is not None and self._canceled():
            raise Canceled("the health check was canceled")
        self._sleep(length)

    def _look(self, entries: list[Entry], status: dict[ObjectId, str], ending_jobs: frozenset[ObjectId]) -> None:
        for start in range(0, len(entries), _BATCH):
            part = entries[start : start + _BATCH]
            names: list[tuple[Resource, str, str]] = []
            known: list[Entry] = []
            for entry in part:
                try:
                    resource = self._client.resource_for(entry.api_version, entry.id.kind)
                except NoMatch:
                    status[entry.id] = NOT_FOUND
                    continue
                names.append((resource, entry.id.name, entry.id.namespace))
                known.append(entry)
            for entry, answer in zip(known, self._client.get_many(names), strict=True):
                status[entry.id] = self._status(entry.id, answer, ending_jobs)

    def _status(self, identity: ObjectId, answer: Obj | KubeError, ending_jobs: frozenset[ObjectId]) -> str:
        if isinstance(answer, NotFound):
            return CURRENT if identity in ending_jobs else NOT_FOUND
        if isinstance(answer, KubeError):
            return UNKNOWN
        answer.setdefault("kind", identity.kind)
        if self._judge is not None:
            judged = self._judge(answer)
            if judged is not None:
                return judged
        if identity.kind == "Job" and identity.group == "batch":
            return _job(answer)
        return readiness(answer).status


def _job(obj: Obj) -> str:
    """A Job counts when it is finished; kstatus alone is content with one that runs."""
    if obj["metadata"].get("deletionTimestamp"):
        return readiness(obj).status
    for condition in (obj.get("status") or {}).get("conditions") or []:
        if condition.get("status") == "True":
            if condition.get("type") == "Failed":
                return FAILED
            if condition.get("type") == "Complete":
                return CURRENT
    return IN_PROGRESS


def _shown(keys: list[ObjectId], status: dict[ObjectId, str]) -> str:
    return ", ".join(f"{key.subject} status: '{status[key]}'" for key in keys)
