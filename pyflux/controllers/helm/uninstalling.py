"""Uninstalling a release: by Helm, with what its SDK leaves out done before."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm import drift, owning, snapshot, spec, storage, unheeded
from pyflux.controllers.helm.altered import has_hooks, without_hooks
from pyflux.controllers.helm.work import HelmFailed, whole_seconds

if TYPE_CHECKING:
    from pyflux.controllers.helm.request import Request
    from pyflux.controllers.helm.storage import Stored

    Obj = dict[str, Any]

UNINSTALL = "uninstall"
_DELETE_HOOKS = ("pre-delete", "post-delete")
_PAUSE = 0.5


def run(request: Request, name: str, action: str) -> HelmFailed | None:
    """Uninstalls, and brings the history up to date; what went wrong."""
    obj, limit = request.obj, spec.timeout(request.obj, UNINSTALL)
    given = spec.section(obj, UNINSTALL)
    before = request.stored()
    failure: HelmFailed | None = None
    try:
        with ExitStack() as stack:
            if before and given.get("disableHooks"):
                stack.enter_context(without_hooks(request, before[-1].version, *_DELETE_HOOKS))
            if before:
                _delete_objects(request, before[-1], limit)
            request.helm.call(
                UNINSTALL,
                limit,
                name=name,
                keep_history=bool(given.get("keepHistory")),
                timeout=whole_seconds(limit),
                wait=spec.wait_strategy(obj, UNINSTALL),
            )
    except HelmFailed as why:
        failure = why
    after = {one.version: one for one in request.stored()}
    for one in before:
        left = after.get(one.version)
        if left is None:
            # what Helm had stored last when it deleted the Secret
            info = one.release.setdefault("info", {})
            info.update(status="uninstalling", deleted=_precise_now(), description="Deletion in progress")
            left = one
        elif left.raw == one.raw:
            continue
        snapshot.replace(obj, left, action)
    return failure


def _delete_objects(request: Request, last: Stored, limit: float) -> None:
    """Deletes a release's objects ahead of Helm where `deletionPropagation` is not Helm's own. Raises HelmFailed."""
    given = spec.section(request.obj, UNINSTALL)
    propagation = str(given.get("deletionPropagation") or "background")
    if propagation == "background" or last.status == storage.UNINSTALLED:
        return
    if not given.get("disableHooks") and has_hooks(last.release, "pre-delete"):
        why = "the release has pre-delete hooks, and Helm deletes with background propagation after them"
        unheeded.tell(request, "uninstall.deletionPropagation", why)
        return
    objects = drift.objects_of(last.release.get("manifest", ""))
    owner = (str(last.release.get("namespace") or ""), str(last.release.get("name") or ""))
    places = [place for obj, place in owning.places(request.client, objects, owner) if not owning.is_kept(obj)]
    owning.delete(request.client, places[::-1], propagation)
    deadline = time.monotonic() + limit
    while owning.are_there(request.client, places):
        if time.monotonic() > deadline:
            raise HelmFailed("context deadline exceeded")
        request.sleep(_PAUSE)


def _precise_now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
