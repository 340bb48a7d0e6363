"""The variables of a Kustomization: `spec.postBuild`, from ConfigMaps, Secrets and the spec itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import Resource
from pyflux.controllers.source.gitauth import read_secret
from pyflux.errors import KubeError, NotFound
from pyflux.render.overlay import BuildError

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)


def load(client: Client, obj: Obj) -> dict[str, str] | None:
    """Names and values, later sources first to count; None where nothing is to be substituted. Raises BuildError."""
    post_build = obj["spec"].get("postBuild")
    if post_build is None:
        return None
    namespace = obj["metadata"]["namespace"]
    found: dict[str, str] = {}
    for reference in post_build.get("substituteFrom") or []:
        kind, name = reference["kind"], reference["name"]
        try:
            found.update(_read(client, kind, name, namespace))
        except KubeError as error:
            if isinstance(error, NotFound) and reference.get("optional"):
                continue
            raise BuildError(f"substitute from '{kind}/{name}' error: {error}") from None
    for key, value in (post_build.get("substitute") or {}).items():
        found[key] = str(value).replace("\n", "")
    if not found and post_build.get("substituteStrategy") != "Always":
        return None
    return found


def _read(client: Client, kind: str, name: str, namespace: str) -> dict[str, str]:
    if kind == "Secret":
        data = read_secret(client, name, namespace)
        return {key: value.decode("utf-8", "replace").replace("\n", "") for key, value in data.items()}
    data_map = client.get(_CONFIG_MAPS, name, namespace).get("data") or {}
    return {key: str(value).replace("\n", "") for key, value in data_map.items()}
