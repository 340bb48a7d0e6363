"""Builds a cluster from its entry point: units are rendered side by side, and what they hold brings the next ones.

A unit that reads a ConfigMap or Secret waits for the repository to define it; when nothing else is left to build, it is
built without. `dependsOn` orders a rollout and not a rendering, so it is only checked (`pyflux.render.fleet.check`).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.fleet import sources
from pyflux.render.fleet import unit as units
from pyflux.render.fleet.discover import Entry, entries
from pyflux.render.fleet.model import (
    HELM_RELEASE,
    KUSTOMIZATION,
    Cluster,
    Obj,
    Unavailable,
    Undefined,
    Unit,
    decrypted,
    id_of,
    is_kustomization,
    is_release,
    show_id,
)
from pyflux.render.fleet.sources import Sources
from pyflux.render.shape import misshapen, usable
from pyflux.render.sopsmask import hide

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor

    from pyflux.render.fleet.options import Options
    from pyflux.render.fleet.recall import Rendered
    from pyflux.render.fleet.snapshot import Snapshot

MAX_UNITS = 20_000


def build(options: Options) -> list[Cluster]:
    """Every cluster of the checkout. A unit that fails carries its error; only a missing entry point raises."""
    found = entries(options.checkout, options.path)
    workers = _Workers(options.workers)
    try:
        return [_Builder(options, entry, workers).run() for entry in found]
    finally:
        workers.close()


class _Workers:
    """Threads that render, started when there is something to render."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, work: Callable[[Unit], Rendered], unit: Unit) -> Future[Rendered]:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._count)
        return self._pool.submit(work, unit)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class _Builder:
    def __init__(self, options: Options, entry: Entry, workers: _Workers) -> None:
        self.options = options
        self.workers = workers
        self.cluster = Cluster(entry.path)
        self.cluster.decrypted = options.decrypted
        self.sources = Sources(options, self.cluster, entry)
        self.root = Unit(entry.root, None, misshapen(entry.root))
        self.root.error = entry.error
        self.root.private = self._is_private(self.root)
        for source in entry.sources:
            self.cluster.index[id_of(source)] = usable(source)

    def run(self) -> Cluster:
        running: dict[Future[Rendered], Unit] = {}
        waiting: list[Unit] = [] if self.root.error else [self.root]
        self.cluster.units[self.root.id] = self.root
        while waiting or running:
            ready = [unit for unit in waiting if self._is_ready(unit)]
            if not ready and not running:
                # nothing more will be defined: what still waits is built with what there is
                ready = waiting
            begun = set(ready)
            waiting = [unit for unit in waiting if unit not in begun]
            for unit in ready:
                known = self._recall(unit)
                if known is None:
                    running[self.workers.submit(self._render, unit)] = unit
                else:
                    waiting += self._finish(unit, known)
            if running and not any(map(self._is_ready, waiting)):
                waiting += self._finish_some(running)
        for snapshot in self.sources.snapshots.values():
            snapshot.keep()
        if self.options.sops is not None:
            # a chart may say anything when it fails
            hidden = decrypted([self.cluster])
            for unit in self.cluster.units.values():
                unit.error, unit.skipped = hide(unit.error, hidden), hide(unit.skipped, hidden)
        return self.cluster

    def _finish_some(self, running: dict[Future[Rendered], Unit]) -> list[Unit]:
        from concurrent.futures import FIRST_COMPLETED, wait

        brought = []
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            unit = running.pop(future)
            found = self._outcome(unit, future)
            if found is None:
                self.options.progress(unit)
            else:
                brought += self._finish(unit, found)
        return brought

    def _outcome(self, unit: Unit, future: Future[Rendered]) -> Rendered | None:
        try:
            return future.result()
        except Unavailable as why:
            unit.skipped = why.message
            if isinstance(why, Undefined):
                unit.problems.append(why.message)
        except PyfluxError as error:
            unit.error = self._without_scratch(" ".join(error.message.split()))
        except OSError as error:
            unit.error = self._without_scratch(f"{error.filename}: {error.strerror}")
        except RecursionError:
            unit.error = "its YAML is nested too deeply"
        return None

    def _without_scratch(self, message: str) -> str:
        """A message that names files by their paths in their source, where that is not the user's own folder."""
        scratch = os.path.realpath(self.options.scratch or os.devnull)
        for folder in self.sources.snapshots:
            if folder.startswith(f"{scratch}/"):
                message = message.replace(f"{folder}/", "").replace(folder, ".")
        return message

    def _is_ready(self, unit: Unit) -> bool:
        index = self.cluster.index
        if unit.kind == HELM_RELEASE and any(found not in index for found in sources.references(unit)):
            return False
        if unit.kind == KUSTOMIZATION and unit is not self.root:
            source = sources.source_id(unit.spec.get("sourceRef") or {}, unit.namespace)
            if not self.sources.is_defined(source):
                return False
        return all(reference in index for reference in units.references(unit))

    def _finish(self, unit: Unit, found: Rendered) -> list[Unit]:
        """Takes in what a unit rendered to; the units it brought."""
        unit.key, unit.count, unit.indexed, objects = found
        unit.load = self._loader(unit, objects)
        self.options.progress(unit)
        if unit is self.root:
            self.cluster.strict = units.is_strict(unit.indexed)
        brought = []
        for obj in unit.indexed:
            self.cluster.index[id_of(obj)] = usable(obj)
            if (is_kustomization(obj) or (is_release(obj) and self.options.helm)) and not self._is_known(unit, obj):
                child = Unit(obj, unit, misshapen(obj))
                child.private = self._is_private(child)
                self.cluster.units[child.id] = child
                brought.append(child)
        if len(self.cluster.units) > MAX_UNITS:
            raise PyfluxError(f"cluster {self.cluster.path} has more than {MAX_UNITS} Kustomizations and HelmReleases")
        return brought

    def _is_private(self, unit: Unit) -> bool:
        """Whether something decrypted may come into what a unit renders to."""
        if self.options.sops is None:
            return False
        above = unit.parent is not None and unit.parent.private
        return above or bool(unit.spec.get("decryption")) or units.reads_any(unit)

    def _is_known(self, unit: Unit, obj: Obj) -> bool:
        known = self.cluster.units.get(id_of(obj))
        if known is None:
            return False
        if known is not self.root and known.parent is not unit:
            where = known.parent.title if known.parent is not None else "the entry point"
            unit.problems.append(f"{show_id(id_of(obj))} is also defined by {where}")
        elif known is self.root:
            # the root's own definition, as bootstrap wrote it into the repository
            known.obj, known.misshapen = obj, misshapen(obj)
        return True

    def _loader(self, unit: Unit, objects: list[Obj] | None) -> Callable[[], list[Obj]]:
        cache, key = self.options.cache, unit.key
        if objects is not None and not (key and cache.has(key)):
            kept = objects
            return lambda: kept

        def load() -> list[Obj]:
            found = cache.get(key)
            if found is None:
                # somebody emptied the cache meanwhile, or it is damaged
                found = self._render(unit, recalling=False).objects
            return found or []

        return load

    def _recall(self, unit: Unit) -> Rendered | None:
        """What a unit rendered to before; None where that takes reading, waiting or an error message."""
        if unit.misshapen:
            return None
        try:
            if unit.kind == KUSTOMIZATION:
                source = self.sources.at_hand(sources.source_id(unit.spec.get("sourceRef") or {}, unit.namespace))
                if source is None:
                    return None
                kustomized = self._kustomized(unit, source)
                known = kustomized.recall()
                if known is not None:
                    unit.problems += kustomized.variables.missing
                return known
            source = self.sources.at_hand(self.sources.of_chart(unit))
            return self._released(unit).recall() if source is not None else None
        except (PyfluxError, OSError, RecursionError):
            # it shows again when the unit is rendered, and is told then
            return None

    def _render(self, unit: Unit, *, recalling: bool = True) -> Rendered:
        start = time.perf_counter()
        if unit.misshapen:
            raise PyfluxError(unit.misshapen)
        try:
            if unit.kind == KUSTOMIZATION:
                kustomized = self._kustomized(unit, self.sources.of(unit))
                unit.problems += kustomized.variables.missing
                return (kustomized.recall() if recalling else None) or kustomized.build()
            released = self._released(unit)
            return (released.recall() if recalling else None) or released.build(self.sources.chart(unit))
        finally:
            unit.seconds = time.perf_counter() - start

    def _kustomized(self, unit: Unit, source: Snapshot) -> units.Kustomized:
        rules = self.sources.rules(source, sources.source_id(unit.spec.get("sourceRef") or {}, unit.namespace))
        return units.Kustomized(unit, self.cluster, source, rules, self.options.cache, self.options.sops)

    def _released(self, unit: Unit) -> units.Released:
        place = self.sources.of_chart(unit)
        source = self.sources.at_hand(place)
        template = sources.chart_spec(unit, self.cluster.index)
        chart = [template, list(place), self.sources.rules(source, place).identity if source is not None else ""]
        return units.Released(unit, self.cluster, source, chart, self.options.cache)
