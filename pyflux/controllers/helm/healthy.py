"""What helm-controller waits for beyond Helm's SDK: Jobs to be finished, and the release's own health checks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm import owning, spec, storage
from pyflux.controllers.helm.work import HelmFailed
from pyflux.controllers.kustomize.health import HealthCheck, Unhealthy
from pyflux.controllers.kustomize.healthexprs import judge
from pyflux.controllers.kustomize.objects import Entry, id_of, version_of

if TYPE_CHECKING:
    from pyflux.controllers.helm.request import Request

    Obj = dict[str, Any]


def wait(request: Request, action: str, objects: list[Obj], deadline: float) -> None:
    """Waits until `deadline` (monotonic); a release that does not become healthy is failed, in storage too.

    Raises HelmFailed, KubeError.
    """
    obj, given = request.obj, spec.section(request.obj, action)
    if given.get("disableWait"):
        return
    own_judge = judge(obj["spec"].get("healthCheckExprs") or [])
    jobs = [] if given.get("disableWaitForJobs") else [one for one in objects if one.get("kind") == "Job"]
    wanted = objects if own_judge is not None else jobs
    if not wanted:
        return
    entries = [_entry(request, one) for one in wanted]
    ending = frozenset(
        _entry(request, one).id for one in jobs if (one.get("spec") or {}).get("ttlSecondsAfterFinished") is not None
    )
    check = HealthCheck(request.client, judge=own_judge, sleep=request.sleep)
    try:
        check.wait(entries, max(0.0, deadline - time.monotonic()), ending)
    except Unhealthy as why:
        _fail(request, action, why.message)
        prefix = "" if action in (spec.INSTALL, spec.UPGRADE) else f"release {request.name} failed: "
        raise HelmFailed(prefix + why.message) from None


def _entry(request: Request, obj: Obj) -> Entry:
    resource = request.client.resource_for(obj["apiVersion"], obj["kind"])
    placed = owning.marked(obj, resource, (request.namespace, request.name))
    return Entry(id_of(placed), version_of(placed))


def _fail(request: Request, action: str, message: str) -> None:
    """Marks the release that Helm took for deployed as failed, as Helm would have after its own wait."""
    last = request.stored()[-1]
    word = "Upgrade" if action == spec.UPGRADE else "Release"
    storage.set_status(request.client, last, storage.FAILED, f'{word} "{request.name}" failed: {message}')
