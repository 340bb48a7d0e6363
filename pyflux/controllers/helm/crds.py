"""The CRDs of a chart: applied before the release, by the policy of the HelmRelease."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm.work import MANAGER, HelmFailed
from pyflux.errors import KubeError, NotFound
from pyflux.ui.yamlin import YamlError, load_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

SKIP, CREATE, CREATE_REPLACE = "Skip", "Create", "CreateReplace"
_KIND = "CustomResourceDefinition"
_TIMEOUT = 60.0


def parse(texts: list[str]) -> list[Obj]:
    """The CRDs in the files of a chart's crds folder; other objects there are passed over. Raises HelmFailed."""
    found = []
    for text in texts:
        try:
            documents = load_all(text, strict=False)
        except YamlError as why:
            raise HelmFailed(f"failed to parse CustomResourceDefinitions: {why}") from None
        found += [obj for obj in documents if isinstance(obj, dict) and obj.get("kind") == _KIND]
    return found


def apply(client: Client, crds: list[Obj], policy: str, labels: dict[str, str], sleep: Callable[[float], None]) -> None:
    """Applies CRDs and waits until they are established. Raises HelmFailed."""
    if policy == SKIP or not crds:
        return
    prefix = "failed to apply CustomResourceDefinitions"
    done = []
    for crd in crds:
        name = crd["metadata"]["name"]
        metadata = {**crd["metadata"], "labels": {**(crd["metadata"].get("labels") or {}), **labels}}
        resource = client.resource_for(crd["apiVersion"], _KIND)
        try:
            if policy == CREATE:
                try:
                    client.get(resource, name)
                    continue
                except NotFound:
                    pass
            client.apply({**crd, "metadata": metadata}, force=True, field_manager=MANAGER, resource=resource)
        except KubeError as why:
            verb = "create" if policy == CREATE else "update"
            raise HelmFailed(f"{prefix}: failed to {verb} CustomResourceDefinition {name}: {why}") from None
        done.append((resource, name))
    deadline = time.monotonic() + _TIMEOUT
    for resource, name in done:
        while not _is_established(client.get(resource, name)):
            if time.monotonic() > deadline:
                raise HelmFailed(
                    f"{prefix}: failed to wait for CustomResourceDefinition(s): timeout waiting for: [{_KIND}/{name}]"
                )
            sleep(0.2)


def _is_established(crd: Obj) -> bool:
    found = (crd.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in found)
