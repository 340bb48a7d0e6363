"""Which HelmReleases to look at when something else changes: their chart, their values, a dependency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.core import wants_work
from pyflux.controllers.helm import depends, prepare
from pyflux.controllers.informer import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import Key, WorkQueue

    Obj = dict[str, Any]


class Triggers:
    """Fills the queue of the HelmReleases that `informer` knows."""

    def __init__(self, informer: Informer, queue: WorkQueue) -> None:
        self._informer = informer
        self._queue = queue
        informer.on_change(self._own_change)

    def watch_source(self, kind: str, informer: Informer) -> None:
        """Looks at the users of a HelmChart, OCIRepository or ExternalArtifact when its artifact changes."""

        def changed(before: Obj | None, after: Obj | None) -> None:
            artifact = ((after or {}).get("status") or {}).get("artifact")
            if after is None or artifact is None or _is_same(before, after):
                return
            key = (kind, *key_of(after))
            self._add(lambda release: _uses(release, key))

        informer.on_change(changed)

    def watch_config(self, kind: str, informer: Informer) -> None:
        """Looks at the users of a ConfigMap or Secret when it changes."""

        def changed(_before: Obj | None, after: Obj | None) -> None:
            if after is not None:
                key = key_of(after)
                self._add(lambda release: _takes_values(release, kind, key))

        informer.on_change(changed)

    def _add(self, wanted: Callable[[Obj], bool]) -> None:
        for release in self._informer.all():
            if wanted(release):
                self._queue.add(key_of(release))

    def _own_change(self, before: Obj | None, after: Obj | None) -> None:
        if after is None:
            assert before is not None
            self._queue.drop(key_of(before))
            return
        key = key_of(after)
        if wants_work(before, after):
            self._queue.add(key)
        was_ready = before is not None and conditions.has(before, conditions.READY)
        if before is not None and not was_ready and conditions.has(after, conditions.READY):
            self._add(lambda release: key in depends.keys(release))


def _is_same(before: Obj | None, after: Obj) -> bool:
    """True when nothing that matters to a release changed: the artifact, or whether the source can be used."""
    if before is None:
        return False
    old, new = before.get("status") or {}, after["status"]
    return bool(
        (old.get("artifact") or {}).get("revision") == new["artifact"].get("revision")
        and old.get("observedGeneration") == new.get("observedGeneration")
    )


def _uses(release: Obj, key: tuple[str, str, str]) -> bool:
    spec = release["spec"]
    return bool(spec.get("chart") or spec.get("chartRef")) and prepare.source_key(release) == key


def _takes_values(release: Obj, kind: str, key: Key) -> bool:
    namespace, spec = release["metadata"]["namespace"], release["spec"]
    references = [(ref["kind"], ref["name"]) for ref in spec.get("valuesFrom") or []]
    for config, field in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
        reference = (spec.get("kubeConfig") or {}).get(field)
        if reference:
            references.append((config, reference["name"]))
    return namespace == key.namespace and (kind, key.name) in references
