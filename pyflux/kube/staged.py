"""Applies a set of objects in two stages: definitions (CRDs, namespaces, cluster roles), then all the rest.

Each stage is tried without effect first, so that an object that the API server refuses stops it before anything
is changed. Objects that are already as they should be are left alone. Running it again ends in the same state.
"""

from __future__ import annotations

from typing import NamedTuple

from pyflux.errors import Invalid, KubeError, NotFound, PyfluxError, TimedOut
from pyflux.kube import request as req
from pyflux.kube.listing import loads
from pyflux.kube.status import CURRENT, FAILED, readiness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.catalog.resources import Resource
    from pyflux.env import Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

CREATED, CONFIGURED, UNCHANGED = "created", "configured", "unchanged"
MANAGER = "flux"
ESTABLISH_TIMEOUT = 60.0
"""Seconds that CRDs and namespaces may take to become usable."""

_DEFINITIONS = ("CustomResourceDefinition", "Namespace", "ClusterRole")
_FIRST = (
    *_DEFINITIONS,
    "PriorityClass",
    "StorageClass",
    "IngressClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_VOLATILE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
# a few CRDs a batch keep what is under way small
_BATCH = 8


class Change(NamedTuple):
    """What became of one object; `subject` is Kind/namespace/name."""

    subject: str
    action: str

    def __str__(self) -> str:
        return f"{self.subject} {self.action}"


def subject(obj: Obj) -> str:
    """Kind/namespace/name, without the namespace where there is none."""
    meta = obj["metadata"]
    return "/".join(part for part in (obj["kind"], meta.get("namespace", ""), meta["name"]) if part)


def order(obj: Obj) -> tuple[int, str, str, str, str]:
    """Sorts objects so that what others need comes first."""
    kind = obj["kind"]
    if kind in _FIRST:
        place = _FIRST.index(kind) - len(_FIRST)
    else:
        place = _LAST.index(kind) + 1 if kind in _LAST else 0
    group = obj["apiVersion"].rpartition("/")[0]
    meta = obj["metadata"]
    return place, group, kind, meta.get("namespace", ""), meta["name"]


def apply_staged(env: Env, client: Client, objects: Sequence[Obj]) -> list[Change]:
    """Applies `objects` and waits for the definitions among them. Raises KubeError, TimedOut."""
    definitions = [obj for obj in objects if obj["kind"] in _DEFINITIONS]
    others = [obj for obj in objects if obj["kind"] not in _DEFINITIONS]
    for obj in definitions:
        if obj["kind"] == "Namespace":
            _wait_while_it_goes(env, client, obj)
    changes = apply_set(client, definitions)
    wait_for_definitions(env, client, definitions)
    return changes + apply_set(client, others)


def apply_set(client: Client, objects: Sequence[Obj]) -> list[Change]:
    """Applies `objects` in their right order, those that differ. Raises KubeError that names the object."""
    ordered = sorted(objects, key=order)
    where = [client.resource_for(obj["apiVersion"], obj["kind"]) for obj in ordered]
    existing = _existing(client, ordered, where)
    actions: list[str] = []
    for obj, before, after in zip(ordered, existing, _dry_run(client, ordered, where), strict=True):
        if isinstance(after, KubeError):
            raise _named(obj, after)
        if before is None:
            actions.append(CREATED)
        else:
            actions.append(UNCHANGED if _lasting(before) == _lasting(after) else CONFIGURED)
    for obj, resource, action in zip(ordered, where, actions, strict=True):
        if action != UNCHANGED:
            try:
                client.apply(obj, force=True, field_manager=MANAGER, resource=resource)
            except KubeError as error:
                raise _named(obj, error) from error
    return [Change(subject(obj), action) for obj, action in zip(ordered, actions, strict=True)]


def _existing(client: Client, objects: list[Obj], where: list[Resource]) -> list[Obj | None]:
    names = [
        (resource, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        for obj, resource in zip(objects, where, strict=True)
    ]
    found: list[Obj | None] = []
    for obj, answer in zip(objects, client.get_many(names), strict=True):
        if isinstance(answer, NotFound):
            found.append(None)
        elif isinstance(answer, KubeError):
            raise _named(obj, answer)
        else:
            _refuse_terminating(answer)
            found.append(answer)
    return found


def _dry_run(client: Client, objects: list[Obj], where: list[Resource]) -> list[Obj | KubeError]:
    requests = [
        req.patching(
            resource,
            obj["metadata"]["name"],
            obj["metadata"].get("namespace", ""),
            obj,
            type="apply",
            dry_run=True,
            manager=MANAGER,
            force=True,
        )
        for obj, resource in zip(objects, where, strict=True)
    ]
    answers: list[Obj | KubeError] = []
    for start in range(0, len(requests), _BATCH):
        for answer in client.send_many(requests[start : start + _BATCH]):
            answers.append(answer if isinstance(answer, KubeError) else loads(answer.body))
    return answers


def _lasting(obj: Obj) -> Obj:
    """The object without what changes by itself."""
    kept = {key: value for key, value in obj.items() if key != "status"}
    kept["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in _VOLATILE}
    return kept


def _wait_while_it_goes(env: Env, client: Client, namespace: Obj) -> None:
    """Lets a namespace go that is being deleted, as one is for some seconds after `uninstall`: it would take along
    what is applied to it. One that is held by something is left for `apply_set` to refuse."""
    name = namespace["metadata"]["name"]
    resource = client.resource_for("v1", "Namespace")
    deadline = env.monotonic() + min(ESTABLISH_TIMEOUT, env.kube.timeout)
    pause = 0.0
    while True:
        try:
            found = client.get(resource, name)
        except KubeError:
            return
        going = found["metadata"].get("deletionTimestamp")
        if not going or namespace_blockers(found) or env.monotonic() > deadline:
            return
        if not pause:
            env.log.waiting(f"waiting for namespace {name} to be deleted")
        pause = min(pause * 2 or 0.1, 1.0)
        env.sleep(pause)


def _refuse_terminating(obj: Obj) -> None:
    if obj.get("kind") == "Namespace" and obj["metadata"].get("deletionTimestamp"):
        name = obj["metadata"]["name"]
        raise PyfluxError(
            f"namespace {name} is being deleted",
            hint="; ".join(namespace_blockers(obj)) or "run the command again when it is gone",
        )


def namespace_blockers(namespace: Obj) -> list[str]:
    """What will not go away by itself in a namespace that is being deleted, in the words of its conditions.

    Pods that are still ending (NamespaceContentRemaining) are no such thing.
    """
    conditions = (namespace.get("status") or {}).get("conditions") or []
    return [
        str(condition.get("message") or condition.get("reason"))
        for condition in conditions
        if condition.get("status") == "True" and condition.get("type") != "NamespaceContentRemaining"
    ]


def wait_for_definitions(env: Env, client: Client, objects: Sequence[Obj]) -> None:
    """Waits until the CRDs among `objects` can be used. Raises TimedOut, Invalid."""
    waiting = [obj for obj in objects if obj["kind"] == "CustomResourceDefinition"]
    deadline = env.monotonic() + min(ESTABLISH_TIMEOUT, env.kube.timeout)
    pause = 0.1
    while waiting:
        where = [(client.resource_for(obj["apiVersion"], obj["kind"]), obj["metadata"]["name"], "") for obj in waiting]
        left = []
        for obj, answer in zip(waiting, client.get_many(where), strict=True):
            if isinstance(answer, KubeError):
                raise _named(obj, answer)
            state = readiness(answer)
            if state.status == FAILED:
                raise Invalid(f"{subject(obj)} cannot be used: {state.message}")
            if state.status != CURRENT:
                left.append(obj)
        waiting = left
        if waiting and env.monotonic() > deadline:
            names = ", ".join(subject(obj) for obj in waiting)
            raise TimedOut(f"timed out waiting for {names} to be established")
        if waiting:
            env.sleep(pause)
            pause = min(pause * 2, 1.0)


def _named(obj: Obj, error: KubeError) -> KubeError:
    """The same error with the object's name in front, which the API server's message may lack."""
    return type(error)(
        f"{subject(obj)}: {error.message}",
        status=error.status,
        reason=error.reason,
        details=error.details,
        hint=error.hint or _way_out(error),
    )


def _way_out(error: KubeError) -> str:
    text = error.message
    if "webhook" in text:
        return "an admission webhook of the cluster refused the object or does not answer; see its configuration"
    if "storedVersions" in text:
        return "the cluster still stores objects in an older version: run pyflux migrate first"
    if "exceeded quota" in text:
        return "raise the ResourceQuota or use another namespace"
    if error.status == 403:
        return "installing Flux takes the rights of a cluster admin"
    return ""
