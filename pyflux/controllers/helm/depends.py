"""`spec.dependsOn` of HelmReleases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.catalog.api.cel import evaluate
from pyflux.catalog.api.cel_values import CelError
from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.helm.prepare import NotReady
from pyflux.controllers.queue import Key
from pyflux.errors import KubeError, PyfluxError

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_RESOURCE = kind_named("HelmRelease").resource
_REASON = "DependencyNotReady"


class BadExpression(PyfluxError):
    """A readyExpr cannot be evaluated; it has to be changed."""


def keys(obj: Obj) -> list[Key]:
    """The HelmReleases that an object waits for."""
    namespace = obj["metadata"].get("namespace", "")
    return [Key(ref.get("namespace") or namespace, ref["name"]) for ref in obj["spec"].get("dependsOn") or []]


def check(client: Client, obj: Obj) -> None:
    """Returns when every dependency is ready. Raises NotReady, BadExpression."""
    for key, ref in zip(keys(obj), obj["spec"].get("dependsOn") or [], strict=True):
        name = f"{key.namespace}/{key.name}"
        try:
            other = client.get(_RESOURCE, key.name, key.namespace)
        except KubeError as why:
            raise _not_ready(f"unable to get '{name}' dependency: {why}") from None
        if ref.get("readyExpr"):
            if not _evaluate(ref["readyExpr"], obj, other):
                raise _not_ready(f"dependency '{name}' is not ready according to readyExpr eval")
            continue
        current = (other.get("status") or {}).get("observedGeneration") == other["metadata"].get("generation")
        if not current or not conditions.has(other, conditions.READY):
            raise _not_ready(f"dependency '{name}' is not ready")


def _not_ready(text: str) -> NotReady:
    return NotReady(_REASON, text, waits=True, event="Normal")


def _evaluate(expression: str, obj: Obj, other: Obj) -> bool:
    try:
        return evaluate(expression, {"self": obj, "dep": other}) is True
    except CelError as why:
        raise BadExpression(f"failed to evaluate dependency {other['metadata']['name']}: {why}") from None
