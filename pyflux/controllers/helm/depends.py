"""`spec.dependsOn` of HelmReleases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.helm.prepare import NotReady
from pyflux.controllers.kustomize.depends import NotYet, is_ready
from pyflux.controllers.queue import Key
from pyflux.errors import KubeError

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_RESOURCE = kind_named("HelmRelease").resource
_REASON = "DependencyNotReady"


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
            try:
                if not is_ready(ref["readyExpr"], obj, other):
                    raise _not_ready(f"dependency '{name}' is not ready according to readyExpr eval")
            except NotYet as why:
                raise _not_ready(why.message) from None
            continue
        current = (other.get("status") or {}).get("observedGeneration") == other["metadata"].get("generation")
        if not current or not conditions.has(other, conditions.READY):
            raise _not_ready(f"dependency '{name}' is not ready")


def _not_ready(text: str) -> NotReady:
    return NotReady(_REASON, text, waits=True, event="Normal")
