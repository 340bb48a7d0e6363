"""Options that Helm's SDK lacks, had by what Helm reads in its storage: it decides by the revisions there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm import spec, storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.controllers.helm.request import Request
    from pyflux.controllers.helm.storage import Stored

    Obj = dict[str, Any]

METHOD, HOOKS = "apply_method", "hooks"
SERVER_SIDE, CLIENT_SIDE = "ssa", "csa"


def _find(request: Request, version: int) -> Stored | None:
    return next((one for one in request.stored() if one.version == version), None)


@contextmanager
def altered(request: Request, version: int, fields: Obj) -> Iterator[None]:
    """Helm sees other fields in a stored revision while the block runs. Raises KubeError."""
    one = _find(request, version)
    if one is None or all(one.release.get(key) == value for key, value in fields.items()):
        yield
        return
    before = {key: one.release[key] for key in fields if key in one.release}
    changed = storage.rewrite(request.client, one, {**one.release, **fields})
    try:
        yield
    finally:
        now = _find(request, version)
        if now is not None and now.raw == changed.raw:
            # byte for byte, so that nothing seems to have happened to it
            storage.put_back(request.client, now, one.raw)
        elif now is not None:
            kept = {key: value for key, value in now.release.items() if key not in fields or key in before}
            storage.rewrite(request.client, now, {**kept, **before})


# -- how objects are applied


def uses_server_side_apply(request: Request, action: str) -> bool:
    """Whether an upgrade or rollback will use server-side apply."""
    wanted = spec.section(request.obj, action).get("serverSideApply") or "auto"
    if wanted != "auto":
        return bool(wanted == "enabled")
    found = request.stored()
    # an install does
    return not found or found[-1].release.get(METHOD) == SERVER_SIDE


@contextmanager
def apply_method(request: Request, action: str, version: int) -> Iterator[None]:
    """Has Helm apply as the spec says: it takes the method of the revision that it starts from. Raises KubeError."""
    wanted = spec.section(request.obj, action).get("serverSideApply") or "auto"
    if wanted == "auto":
        yield
        return
    with altered(request, version, {METHOD: SERVER_SIDE if wanted == "enabled" else CLIENT_SIDE}):
        yield


# -- hooks


def hooks_without(release: Obj, *events: str) -> list[Obj]:
    """A release's hooks but those that run at the events only."""
    kept = []
    for hook in release.get(HOOKS) or []:
        left = [event for event in hook.get("events") or [] if event not in events]
        if left:
            kept.append({**hook, "events": left})
    return kept


def has_hooks(release: Obj, *events: str) -> bool:
    return hooks_without(release, *events) != (release.get(HOOKS) or [])


@contextmanager
def without_hooks(request: Request, version: int, *events: str) -> Iterator[None]:
    """Keeps Helm from running a revision's hooks of the events. Raises KubeError."""
    one = _find(request, version)
    if one is None or not has_hooks(one.release, *events):
        yield
        return
    with altered(request, version, {HOOKS: hooks_without(one.release, *events)}):
        yield


def put_hooks(request: Request, last: int, hooks: list[Obj]) -> None:
    """Gives the revision after `last`, where there is one, the hooks that its origin lacked. Raises KubeError."""
    one = _find(request, last + 1)
    if one is not None and (one.release.get(HOOKS) or []) != hooks:
        storage.rewrite(request.client, one, {**one.release, HOOKS: hooks})


# -- a name that was in use


@contextmanager
def replacing(request: Request) -> Iterator[None]:
    """An install in the block takes the name of a failed or uninstalled release, and continues its revisions.

    Helm must not see the old revisions meanwhile, so they are gone from the storage until the block ends; they
    describe nothing that is in the cluster. Raises KubeError.
    """
    old = request.stored()
    if not old or old[-1].status not in (storage.UNINSTALLED, storage.FAILED):
        yield
        return
    for one in old:
        storage.remove(request.client, one)
    try:
        yield
    finally:
        made = request.stored()
        for one in made:
            storage.remove(request.client, one)
        for one in old:
            storage.restore(request.client, one, one.release)
        for number, one in enumerate(made, old[-1].version + 1):
            storage.restore(request.client, one, {**one.release, "version": number})
        if old[-1].status == storage.UNINSTALLED and made:
            last = _find(request, old[-1].version)
            assert last is not None
            storage.set_status(request.client, last, storage.SUPERSEDED, "superseded by new release")
