"""Which HelmCharts to look at when their source has a new artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers.informer import key_of

if TYPE_CHECKING:
    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import WorkQueue

    Obj = dict[str, Any]


def watch_sources(charts: Informer, queue: WorkQueue, sources: dict[str, Informer]) -> None:
    """Fills the queue of HelmCharts from changes of their sources."""
    for kind in ("HelmRepository", "GitRepository", "Bucket"):
        _watch(charts, queue, kind, sources[kind])


def _watch(charts: Informer, queue: WorkQueue, kind: str, source: Informer) -> None:
    def changed(before: Obj | None, after: Obj | None) -> None:
        revision = _revision(after)
        if after is None or not revision or revision == _revision(before):
            return
        key = key_of(after)
        for chart in charts.all():
            reference = chart["spec"]["sourceRef"]
            same_place = chart["metadata"]["namespace"] == key.namespace and reference["name"] == key.name
            if same_place and reference["kind"] == kind:
                queue.add(key_of(chart))

    source.on_change(changed)


def _revision(obj: Obj | None) -> str:
    return str((((obj or {}).get("status") or {}).get("artifact") or {}).get("revision") or "")
