"""Waits until the GitRepository and the Kustomization are ready at the pushed revision."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import RECONCILE_ANNOTATION, kind
from pyflux.errors import KubeError, NotFound, PyfluxError, TimedOut

if TYPE_CHECKING:
    from pyflux.env import Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_PAUSE = 0.5
_PATIENCE = 2.0
"""Seconds until a controller that still shows another revision is asked to look again."""
_PASSING = frozenset({"DependencyNotReady", "ArtifactFailed", "Progressing", "ProgressingWithRetry"})
"""Reasons of Ready=False that go away when the source is there."""


def wait_ready(env: Env, client: Client, name: str, namespace: str, kind_name: str, revision: str) -> None:
    """Returns when the object is ready at `revision` (main@sha1:…).

    An object that shows something else is asked to reconcile once, so that neither an old failure nor a long
    interval decides. Raises TimedOut, and PyfluxError with the object's message when it fails for good.
    """
    resource = kind(kind_name).resource
    deadline = env.monotonic() + env.kube.timeout
    ask_at = env.monotonic() + _PATIENCE
    token = ""
    message = ""
    while True:
        try:
            obj = client.get(resource, name, namespace)
        except KubeError as why:
            if not (isinstance(why, NotFound) or why.passing):
                raise
            message = why.message
        else:
            if (obj.get("spec") or {}).get("suspend"):
                raise PyfluxError(f"{kind_name} '{namespace}/{name}' is suspended", hint="resume it, then run again")
            if _done(obj, kind_name, revision):
                return
            message = _failure(obj)
            if message and token and _handled(obj) == token and _reason(obj) not in _PASSING:
                raise PyfluxError(message)
            if not token and env.monotonic() >= ask_at:
                token = _ask(client, obj, resource)
        if env.monotonic() >= deadline:
            what = f"{kind_name.lower()} '{namespace}/{name}' not ready"
            raise TimedOut(f"{what}: '{message}'" if message else "context deadline exceeded")
        env.sleep(_PAUSE)


def _current(obj: Obj) -> bool:
    observed = (obj.get("status") or {}).get("observedGeneration")
    return observed is None or observed == obj["metadata"].get("generation")


def _ready(obj: Obj) -> Obj:
    for condition in (obj.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "Ready":
            found: Obj = condition
            return found
    return {}


def _reason(obj: Obj) -> str:
    return str(_ready(obj).get("reason", ""))


def _failure(obj: Obj) -> str:
    """The message of a Ready=False for the current generation; empty without one."""
    condition = _ready(obj)
    if condition.get("status") != "False" or not _current(obj):
        return ""
    return str(condition.get("message", "")) or str(condition.get("reason", ""))


def _done(obj: Obj, kind_name: str, revision: str) -> bool:
    if not _current(obj) or _ready(obj).get("status") != "True":
        return False
    status = obj["status"]
    found = (
        (status.get("artifact") or {}).get("revision")
        if kind_name == "GitRepository"
        else status.get("lastAttemptedRevision")
    )
    return bool(found == revision)


def _handled(obj: Obj) -> str:
    return str((obj.get("status") or {}).get("lastHandledReconcileAt", ""))


def _ask(client: Client, obj: Obj, resource: Any) -> str:
    token = datetime.datetime.now(datetime.UTC).isoformat()
    meta = obj["metadata"]
    body = {"metadata": {"annotations": {RECONCILE_ANNOTATION: token}}}
    client.patch(resource, meta["name"], meta["namespace"], body)
    return token
