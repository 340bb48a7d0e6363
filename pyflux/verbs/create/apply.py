"""Brings a manifest into the cluster and waits until it is ready."""

from __future__ import annotations

import copy

from pyflux.catalog.duration import format_duration
from pyflux.errors import Conflict, KubeError, NotFound, PyfluxError, TimedOut
from pyflux.kube.status import CURRENT, IN_PROGRESS, condition, readiness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyflux.catalog.resources import Resource
    from pyflux.env import Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0
_CONFLICTS = 3


def connect(env: Env) -> Client:
    from pyflux.kube import connect as open_cluster

    return open_cluster(env)


def create_or_change(client: Client, resource: Resource, obj: Obj, change: Callable[[Obj], None]) -> str:
    """Creates `obj`, or lets `change` edit what is there and puts it back.

    Returns "created", "updated", or "" where the edit changed nothing. Conflicts with other writers are
    settled by reading again.
    """
    name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
    for attempt in range(_CONFLICTS):
        try:
            existing = client.get(resource, name, namespace)
        except NotFound as error:
            if type(error) is not NotFound:
                raise
            client.create(resource, obj)
            return "created"
        edited = copy.deepcopy(existing)
        change(edited)
        if edited == existing:
            return ""
        try:
            client.replace(resource, edited)
        except Conflict:
            if attempt + 1 == _CONFLICTS:
                raise
            continue
        return "updated"
    raise AssertionError("unreachable")


def set_labels(target: Obj, labelled: dict[str, str]) -> None:
    """Replaces all labels."""
    if labelled:
        target["metadata"]["labels"] = dict(labelled)
    else:
        target["metadata"].pop("labels", None)


def upsert(
    env: Env, client: Client, resource: Resource, obj: Obj, called: str, *, silent_when_same: bool = False
) -> None:
    """Creates the object, or replaces its labels and spec; says which."""

    def change(existing: Obj) -> None:
        set_labels(existing, obj["metadata"].get("labels", {}))
        existing["spec"] = obj["spec"]

    done = create_or_change(client, resource, obj, change)
    if done or not silent_when_same:
        env.log.success(f"{called} {done or 'updated'}")


def is_ready(obj: Obj, *, static: bool) -> bool:
    """Whether an object is ready at its newest generation. Raises PyfluxError where it has failed.

    `static` objects have no controller: they need no observed generation and no Ready condition.
    """
    if not static:
        observed = (obj.get("status") or {}).get("observedGeneration") or 0
        ready = condition(obj, "Ready")
        if observed < 1 or ready is None:
            return False
        generation = obj["metadata"].get("generation", 0)
        if (ready.get("observedGeneration") or observed) != generation:
            return False
    found = readiness(obj)
    if found.status == CURRENT:
        return True
    if found.status == IN_PROGRESS:
        return False
    raise PyfluxError(found.message)


def wait_ready(env: Env, client: Client, resource: Resource, obj: Obj, deadline: float, *, static: bool = False) -> Obj:
    """The object once it is ready. Raises TimedOut at `deadline` (by `env.monotonic`), PyfluxError where it fails."""
    name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
    pause = _FIRST_PAUSE
    while True:
        left = deadline - env.monotonic()
        try:
            found = client.get(resource, name, namespace)
        except KubeError as error:
            # an API server that is started anew comes back
            if left <= 0 or not error.passing:
                raise
        else:
            if is_ready(found, static=static):
                return found
            if left <= 0:
                raise TimedOut("context deadline exceeded", hint=_unready(env, resource, found))
        env.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _unready(env: Env, resource: Resource, obj: Obj) -> str:
    meta = obj["metadata"]
    seen = (obj.get("status") or {}).get("observedGeneration") or 0
    message = (condition(obj, "Ready") or {}).get("message")
    if not message:
        message = "its controller has not reported on it"
    elif 0 < seen < meta.get("generation", 0):
        message = "its controller has not reported on what was just applied"
    message = " ".join(message.split())
    within = format_duration(round(env.kube.timeout * 1e9))
    return (
        f"{resource.kind} {meta.get('namespace', '')}/{meta['name']} is not ready after {within}: {message}; "
        f"--timeout allows more time"
    )
