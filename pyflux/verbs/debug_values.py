"""The values that a HelmRelease's chart gets, read from the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.catalog.resources import built_in
from pyflux.errors import NotFound
from pyflux.render.values import compose

if TYPE_CHECKING:
    from typing import Any

    from pyflux.kube.client import Client

    Obj = dict[str, Any]


def chart_values(client: Client, release: Obj) -> Obj:
    """Values from ConfigMaps and Secrets in order, then the release's own. Raises PyfluxError."""

    def lookup(kind: str, namespace: str, name: str) -> Obj | None:
        resource = built_in("v1", kind)
        if resource is None:
            return None
        try:
            return client.get(resource, name, namespace)
        except NotFound:
            return None

    return compose(release.get("spec") or {}, str(release["metadata"].get("namespace", "")), lookup)
