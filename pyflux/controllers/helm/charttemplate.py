"""The HelmChart that is made of a HelmRelease's `spec.chart`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers.core import go_duration, seconds
from pyflux.controllers.helm import spec
from pyflux.controllers.helm.releasing import origin_labels
from pyflux.controllers.helm.work import MANAGER
from pyflux.errors import KubeError, NotFound, PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

RESOURCE = kind_named("HelmChart").resource
_COPIED = ("chart", "version", "reconcileStrategy", "valuesFiles", "ignoreMissingValuesFiles", "verify")


class AccessDenied(PyfluxError):
    """A reference into another namespace is not allowed."""


class ChartRefused(PyfluxError):
    """The HelmChart of a release cannot be kept as the release wants it."""


def check_access(obj: Obj, kind: str, namespace: str, name: str, *, allowed: bool) -> None:
    """Raises AccessDenied for another namespace where that is not allowed."""
    if not allowed and namespace != obj["metadata"]["namespace"]:
        raise AccessDenied(f"can't access '{kind}/{namespace}/{name}', cross-namespace references have been blocked")


def build(obj: Obj) -> Obj:
    """The HelmChart of a HelmRelease."""
    template = copy.deepcopy(obj["spec"]["chart"])
    given = template["spec"]
    source = given["sourceRef"]
    chart: Obj = {key: given[key] for key in _COPIED if key in given}
    chart["sourceRef"] = {"kind": source["kind"], "name": source["name"]}
    # as Go writes it, so that both controllers write the same
    chart["interval"] = go_duration(seconds(given.get("interval") or obj["spec"]["interval"]))
    wanted = template.get("metadata") or {}
    metadata: Obj = {
        "name": spec.chart_name(obj),
        "namespace": spec.chart_namespace(obj),
        "labels": {**(wanted.get("labels") or {}), **origin_labels(obj)},
    }
    if wanted.get("annotations"):
        metadata["annotations"] = wanted["annotations"]
    return {
        "apiVersion": f"{RESOURCE.group}/{RESOURCE.version}",
        "kind": "HelmChart",
        "metadata": metadata,
        "spec": chart,
    }


def reconcile(client: Client, obj: Obj, event: Callable[[str, str], None], *, cross_namespace: bool) -> None:
    """Creates, changes or deletes the HelmChart; `status.helmChart` names it.

    `event(reason, message)` hears of it. Raises AccessDenied, ChartRefused, KubeError.
    """
    status = obj["status"]
    template = obj["spec"].get("chart")
    name = f"{spec.chart_namespace(obj)}/{spec.chart_name(obj)}" if template else ""
    deleted = bool(obj["metadata"].get("deletionTimestamp"))
    if deleted or (status.get("helmChart") and status["helmChart"] != name):
        _delete(client, obj, event)
    if deleted or not template:
        return
    chart = build(obj)
    metadata = chart["metadata"]
    check_access(obj, "HelmChart", metadata["namespace"], metadata["name"], allowed=cross_namespace)
    try:
        before = client.get(RESOURCE, metadata["name"], metadata["namespace"])
    except NotFound:
        before = {}
    try:
        after = client.apply(chart, force=True, field_manager=MANAGER, resource=RESOURCE)
    except KubeError as why:
        raise ChartRefused(f"failed to run server-side apply: {why}") from None
    source = chart["spec"]["sourceRef"]
    reference = f"SourceRef '{source['kind']}/{metadata['namespace']}/{source['name']}'"
    if not before:
        event("HelmChartCreated", f"Created HelmChart/{name} with {reference}")
    elif before["metadata"].get("generation") != after["metadata"].get("generation"):
        event("HelmChartConfigured", f"Configured HelmChart/{name} with {reference}")
    status["helmChart"] = name


def _delete(client: Client, obj: Obj, event: Callable[[str, str], None]) -> None:
    namespace, _, name = str(obj["status"].get("helmChart") or "").partition("/")
    if obj["spec"].get("suspend") or not name:
        return
    try:
        client.delete(RESOURCE, name, namespace)
        event("HelmChartDeleted", f"deleted HelmChart '{namespace}/{name}'")
    except NotFound:
        pass
    obj["status"].pop("helmChart", None)
