"""Server-side apply of a build, in stages, each tried in full before anything of it is changed.

Definitions (CRDs, namespaces, cluster roles) come first and are waited for, then classes, then all the rest.
Objects that are already as they should be are left alone. Requests of a stage travel side by side.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.controllers.kustomize import cleanup, undeclared
from pyflux.controllers.kustomize.ignorerules import IgnoreRules
from pyflux.controllers.kustomize.objects import (
    GROUP,
    Entry,
    ObjectId,
    id_of,
    is_class,
    is_definition,
    marked,
    version_of,
)
from pyflux.errors import Conflict, Invalid, KubeError, NoMatch, NotFound, PyfluxError
from pyflux.kube import request as req
from pyflux.kube.listing import loads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

MANAGER = "kustomize-controller"
CREATED, CONFIGURED, UNCHANGED, SKIPPED, DELETED = "created", "configured", "unchanged", "skipped", "deleted"

_BATCH_BYTES = 400_000
_BATCH_COUNT = 25
_RECREATE_TIMEOUT = 60.0
_IMMUTABLE = re.compile(r".*is\simmutable.*|.*immutable\sfield.*")


class ApplyFailed(PyfluxError):
    """An object was refused. The message is kustomize-controller's; `changes` is what was changed before."""

    def __init__(self, message: str, changes: Sequence[Change] = ()) -> None:
        super().__init__(message)
        self.changes = list(changes)


class Change(NamedTuple):
    """What became of one object."""

    id: ObjectId
    version: str
    action: str

    def __str__(self) -> str:
        return f"{self.id.subject} {self.action}"

    @property
    def entry(self) -> Entry:
        return Entry(self.id, self.version)


@dataclass
class Plan:
    """One object on its way: what is wanted, where, what is there and what would come of it."""

    obj: Obj
    resource: Resource
    id: ObjectId
    existing: Obj | None = None
    after: Obj | None = None
    action: str = ""
    patched: bool = False
    to_apply: Obj | None = field(default=None)


class Applier:
    """Applies to one cluster as one identity."""

    def __init__(
        self,
        client: Client,
        *,
        force: bool = False,
        ignore: IgnoreRules | None = None,
        wait: Callable[[list[ObjectId], list[Entry]], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._force = force
        self._ignore = ignore or IgnoreRules([])
        self._wait = wait
        self._sleep = sleep

    def apply_staged(self, objects: Sequence[Obj]) -> list[Change]:
        """Applies everything; what became of each object. Raises ApplyFailed."""
        definitions = [obj for obj in objects if is_definition(obj)]
        classes = [obj for obj in objects if not is_definition(obj) and is_class(obj)]
        others = [obj for obj in objects if not is_definition(obj) and not is_class(obj)]
        changes: list[Change] = []
        for stage, settle in ((definitions, True), (classes, True), (others, False)):
            if not stage:
                continue
            try:
                done = self.apply_all(stage)
                changes += done
                if settle and any(change.action in (CREATED, CONFIGURED) for change in done):
                    self._wait([change.id for change in done], [change.entry for change in done])
            except ApplyFailed as failed:
                raise ApplyFailed(failed.message, [*changes, *failed.changes]) from None
            except PyfluxError as error:
                raise ApplyFailed(str(error), changes) from None
        return changes

    def apply_all(self, objects: Sequence[Obj]) -> list[Change]:
        """One stage. Raises ApplyFailed."""
        plans = [self._plan(obj) for obj in sorted(objects, key=lambda obj: id_of(obj).order)]
        self._read_existing(plans)
        for plan in plans:
            self._skip(plan)
        self._try([plan for plan in plans if not plan.action])
        for plan in plans:
            if not plan.action:
                self._judge(plan)
        self._apply([plan for plan in plans if plan.to_apply is not None])
        return [Change(plan.id, version_of(plan.obj), plan.action) for plan in plans]

    def _plan(self, obj: Obj) -> Plan:
        identity = id_of(obj)
        try:
            resource = self._client.resource_for(obj["apiVersion"], obj["kind"])
        except NoMatch as error:
            raise ApplyFailed(f"{identity.subject} dry-run failed: {error}") from None
        except KubeError as error:
            raise ApplyFailed(f"{identity.subject} dry-run failed ({error.reason}): {error}") from None
        if resource.namespaced and not identity.namespace:
            raise ApplyFailed(
                f"{identity.subject} namespace not specified: the server could not find the requested resource"
            )
        if not resource.namespaced and identity.namespace:
            obj["metadata"].pop("namespace")
            identity = id_of(obj)
        return Plan(obj, resource, identity)

    def _read_existing(self, plans: list[Plan]) -> None:
        names = [(plan.resource, plan.id.name, plan.id.namespace) for plan in plans]
        for start in range(0, len(names), _BATCH_COUNT):
            part = plans[start : start + _BATCH_COUNT]
            for plan, answer in zip(part, self._client.get_many(names[start : start + _BATCH_COUNT]), strict=True):
                if not isinstance(answer, KubeError):
                    plan.existing = answer
                elif not isinstance(answer, NotFound) and answer.status != 403:
                    # without the right to read, the attempt that follows says what is wrong
                    raise ApplyFailed(f"{plan.id.subject} query failed: {answer}")

    @staticmethod
    def _skip(plan: Plan) -> None:
        excluded = any(
            marked(obj, f"{GROUP}/reconcile", "disabled") or marked(obj, f"{GROUP}/ssa", "Ignore")
            for obj in (plan.obj, plan.existing)
        )
        if excluded or (plan.existing is not None and marked(plan.obj, f"{GROUP}/ssa", "IfNotPresent")):
            plan.action = SKIPPED

    def _try(self, plans: list[Plan]) -> None:
        answers = self._send([self._request(plan, plan.obj, dry_run=True) for plan in plans])
        for plan, answer in zip(plans, answers, strict=True):
            while isinstance(answer, KubeError) and undeclared.drop(plan.obj, answer.message):
                # an answer may name some of the fields only; each turn removes at least one
                answer = self._send([self._request(plan, plan.obj, dry_run=True)])[0]
            if isinstance(answer, KubeError):
                answer = self._recreate(plan, answer)
            plan.after = answer

    def _send(self, requests: list[req.Request]) -> list[Obj | KubeError]:
        """Sends requests in batches small enough to be under way together."""
        answers: list[Obj | KubeError] = []
        batch: list[req.Request] = []
        size = 0
        for request in [*requests, None]:
            if batch and (request is None or size > _BATCH_BYTES or len(batch) >= _BATCH_COUNT):
                for answer in self._client.send_many(batch):
                    answers.append(answer if isinstance(answer, KubeError) else loads(answer.body))
                batch, size = [], 0
            if request is not None:
                batch.append(request)
                size += len(request.body or b"")
        return answers

    @staticmethod
    def _request(plan: Plan, obj: Obj, *, dry_run: bool) -> req.Request:
        return req.patching(
            plan.resource,
            plan.id.name,
            plan.id.namespace,
            obj,
            type="apply",
            dry_run=dry_run,
            manager=MANAGER,
            force=True,
        )

    def _recreate(self, plan: Plan, error: KubeError) -> Obj:
        """Deletes an object whose immutable field changed, where that is allowed, and tries again."""
        immutable = isinstance(error, Conflict | Invalid) or _IMMUTABLE.match(error.message) is not None
        wanted = self._force or any(marked(obj, f"{GROUP}/force", "enabled") for obj in (plan.obj, plan.existing))
        if plan.existing is None or not immutable or not wanted:
            raise ApplyFailed(_dry_run_failure(plan, error))
        try:
            self._client.delete(plan.resource, plan.id.name, plan.id.namespace, propagation="Background")
        except NotFound:
            pass
        except KubeError as failure:
            text = f"{plan.id.subject} immutable field detected, failed to delete object: {failure}"
            raise ApplyFailed(text) from None
        self._await_gone(plan)
        plan.existing = None
        answer = self._send([self._request(plan, plan.obj, dry_run=True)])[0]
        if isinstance(answer, KubeError):
            raise ApplyFailed(_dry_run_failure(plan, answer))
        return answer

    def _await_gone(self, plan: Plan) -> None:
        deadline = time.monotonic() + _RECREATE_TIMEOUT
        pause = 0.1
        while time.monotonic() < deadline:
            try:
                self._client.get(plan.resource, plan.id.name, plan.id.namespace)
            except NotFound:
                return
            self._sleep(pause)
            pause = min(pause * 2, 2.0)
        text = f"{plan.id.subject} immutable field detected, failed to wait for object to be deleted: timed out"
        raise ApplyFailed(text)

    def _judge(self, plan: Plan) -> None:
        """Decides whether the object has to be applied."""
        existing, after = plan.existing, plan.after
        assert after is not None
        if existing is None:
            plan.action, plan.to_apply = CREATED, plan.obj
            return
        self._take_over(plan, existing)
        paths = self._ignore.paths(after) if self._ignore else []
        before, then = existing, after
        if paths:
            before, then = self._ignore.without(existing, paths), self._ignore.without(after, paths)
        if not plan.patched and not drifted(before, then):
            plan.action = UNCHANGED
            return
        plan.action, plan.to_apply = CONFIGURED, plan.obj
        if paths:
            plan.to_apply = self._ignore.merged(plan.obj, existing, after, paths, MANAGER)

    def _take_over(self, plan: Plan, existing: Obj) -> None:
        if any(marked(obj, f"{GROUP}/ssa", "Merge") for obj in (plan.obj, existing)):
            return
        patch = cleanup.patches(existing, MANAGER)
        if not patch:
            return
        try:
            self._client.patch(
                plan.resource, plan.id.name, plan.id.namespace, patch, type="json", field_manager=MANAGER
            )
        except KubeError as error:
            raise ApplyFailed(f"{plan.id.subject} metadata.managedFields cleanup failed: {error}") from None
        plan.patched = True

    def _apply(self, plans: list[Plan]) -> None:
        answers = self._send([self._request(plan, plan.to_apply or plan.obj, dry_run=False) for plan in plans])
        failures = []
        done = []
        for plan, answer in zip(plans, answers, strict=True):
            if isinstance(answer, KubeError):
                failures.append(f"{plan.id.subject} apply failed: {answer}")
            else:
                done.append(Change(plan.id, version_of(plan.obj), plan.action))
        if failures:
            raise ApplyFailed(failures[0], done)


def drifted(before: Obj, after: Obj) -> bool:
    """True when labels, annotations or anything outside metadata and status differ."""
    old, new = before["metadata"], after["metadata"]
    for fields in ("labels", "annotations"):
        if (old.get(fields) or {}) != (new.get(fields) or {}):
            return True
    return _payload(before) != _payload(after)


def _payload(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _dry_run_failure(plan: Plan, error: KubeError) -> str:
    subject = plan.id.subject
    if isinstance(error, NotFound):
        return f"{subject} not found: {error}"
    reason = f" ({error.reason})" if error.reason else ""
    causes = error.details.get("causes")
    if isinstance(causes, list) and any(
        isinstance(c, dict) and c.get("reason") == "FieldManagerConflict" for c in causes
    ):
        reason = " (FieldManagerConflict)"
    return f"{subject} dry-run failed{reason}: {error}"
