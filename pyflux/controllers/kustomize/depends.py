"""`spec.dependsOn`: which other Kustomizations must be ready first, and whether they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.expressions import BadExpression, NoAnswer, parse
from pyflux.controllers.queue import Key
from pyflux.errors import KubeError, PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]


class NotYet(PyfluxError):
    """A dependency is not ready; it may be soon."""


def keys(obj: Obj) -> list[Key]:
    """The Kustomizations that an object waits for."""
    namespace = obj["metadata"].get("namespace", "")
    return [Key(ref.get("namespace") or namespace, ref["name"]) for ref in obj["spec"].get("dependsOn") or []]


def source_key(obj: Obj) -> tuple[str, str, str]:
    """Kind, namespace and name of the object's source."""
    ref = obj["spec"]["sourceRef"]
    return ref["kind"], ref.get("namespace") or obj["metadata"].get("namespace", ""), ref["name"]


def cycle(start: Key, find: Callable[[Key], Obj | None]) -> list[Key]:
    """A circle of dependencies through `start`, which ends where it begins; empty where there is none."""
    path: list[Key] = []
    seen: set[Key] = set()

    def visit(key: Key) -> bool:
        if key == start and path:
            path.append(key)
            return True
        if key in seen:
            return False
        seen.add(key)
        path.append(key)
        obj = find(key)
        if obj is not None and any(visit(other) for other in keys(obj)):
            return True
        path.pop()
        return False

    return path if visit(start) else []


def check(client: Client, resource: Resource, obj: Obj, artifact: Obj, find: Callable[[Key], Obj | None]) -> None:
    """Returns when every dependency is ready at the source's revision. Raises NotYet, BadExpression."""
    own = Key(obj["metadata"]["namespace"], obj["metadata"]["name"])
    circle = cycle(own, find)
    if circle:
        shown = " -> ".join(f"{key.namespace}/{key.name}" for key in circle)
        raise NotYet(f"circular dependency: {shown}")
    for key, ref in zip(keys(obj), obj["spec"]["dependsOn"], strict=True):
        name = f"{key.namespace}/{key.name}"
        try:
            other = client.get(resource, key.name, key.namespace)
        except KubeError as error:
            raise NotYet(f"dependency '{name}' not found: {error}") from None
        expression = ref.get("readyExpr")
        if expression:
            if not is_ready(expression, obj, other):
                raise NotYet(f"dependency '{name}' is not ready according to readyExpr eval")
            continue
        _require_ready(name, other)
        same_source = source_key(other) == source_key(obj)
        if same_source and (other.get("status") or {}).get("lastAppliedRevision") != artifact["revision"]:
            raise NotYet(f"dependency '{name}' revision is not up to date")


def _require_ready(name: str, other: Obj) -> None:
    status = other.get("status") or {}
    current = status.get("observedGeneration") == other["metadata"].get("generation")
    if not status.get("conditions") or not current or not conditions.has(other, conditions.READY):
        raise NotYet(f"dependency '{name}' is not ready")


def is_ready(expression: str, obj: Obj, other: Obj) -> bool:
    """What a readyExpr says of a dependency. Raises NotYet, BadExpression."""
    try:
        return parse(expression, ("self", "dep")).decide({"self": obj, "dep": other})
    except BadExpression as error:
        raise BadExpression(f"failed to evaluate dependency {other['metadata']['name']}: {error}") from None
    except NoAnswer as error:
        raise NotYet(error.message) from None
