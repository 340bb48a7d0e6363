"""Builds a cluster from its entry point: units are rendered side by side, and what they hold brings the next ones.

A unit that reads a ConfigMap or Secret waits for the repository to define it; when nothing else is left to build, it is
built without. `dependsOn` orders a rollout and not a rendering, so it is only checked (`pyflux.render.fleet.check`).
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from functools import cache as cached
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.fleet import unit as units
from pyflux.render.fleet.discover import Entry, entries, same_place, source_ids
from pyflux.render.fleet.model import (
    HELM_RELEASE,
    KUSTOMIZATION,
    Cluster,
    Obj,
    ObjectId,
    Unavailable,
    Undefined,
    Unit,
    decrypted,
    id_of,
    is_kustomization,
    is_release,
    show_id,
)
from pyflux.render.fleet.snapshot import WorkTree, normal
from pyflux.render.ignore import FILE, Ignore, defaults, for_bucket, for_source
from pyflux.render.shape import misshapen, usable
from pyflux.render.sopsmask import hide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.copying import Tree
    from pyflux.render.fleet.recall import Rendered
    from pyflux.render.fleet.snapshot import Snapshot
    from pyflux.render.sops import Sops

MAX_UNITS = 20_000


class Place:
    """Where things outside the checkout come from: callbacks of the verb, which may use the network.

    `source(obj, index)` gives the folder of a GitRepository, OCIRepository, Bucket or ExternalArtifact;
    `chart(release, source, index)` the folder or archive of a HelmRelease's chart; `dependency(repository, name,
    version)` the archive of a chart that another one depends on. All raise Unavailable.
    """

    def __init__(
        self,
        source: Callable[[Obj, Mapping[ObjectId, Obj]], str] | None = None,
        chart: Callable[[Obj, Mapping[ObjectId, Obj]], str] | None = None,
        dependency: Callable[[str, str, str], str] | None = None,
    ) -> None:
        self.source = source or _no_source
        self.chart = chart or _no_chart
        self.dependency = dependency or _no_dependency


def _no_source(obj: Obj, index: Mapping[ObjectId, Obj]) -> str:
    raise Unavailable(f"{show_id(id_of(obj))} is not this repository")


def _no_chart(release: Obj, index: Mapping[ObjectId, Obj]) -> str:
    raise Unavailable("its chart is not in this repository")


def _no_dependency(repository: str, name: str, version: str) -> str:
    raise Unavailable(f"chart {name} of {repository} is not in this repository")


class Options:
    """How to build a checkout."""

    def __init__(
        self,
        checkout: Snapshot,
        cache: Cache,
        *,
        path: str = "",
        place: Place | None = None,
        remotes: Callable[[], Sequence[str]] = tuple,
        local: Mapping[ObjectId, str] | None = None,
        workers: int = 0,
        progress: Callable[[Unit], None] | None = None,
        helm: bool = True,
        sops: Sops | None = None,
        seen: set[str] | None = None,
        scratch: str | None = None,
    ) -> None:
        self.checkout = checkout
        self.cache = cache
        self.path = path
        self.place = place or Place()
        self.remotes = cached(remotes)
        """The addresses of this repository; they may take a look at its configuration."""
        self.local = dict(local or {})
        """Folders that stand in for sources, by the source's id."""
        self.workers = workers or min(8, (os.cpu_count() or 1) + 1)
        self.progress = progress or (lambda _unit: None)
        self.helm = helm
        self.sops = sops
        """Decrypts what Kustomizations with `spec.decryption` hold; None leaves it encrypted."""
        self.decrypted = set() if seen is None else seen
        """What it has decrypted so far."""
        self.scratch = scratch
        """A folder for what has to be written out, removed by its owner."""


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
        self.own = source_ids(entry)
        self.urls = [str((usable(source).get("spec") or {}).get("url") or "") for source in entry.sources]
        self.snapshots: dict[str, Snapshot] = {options.checkout.folder: options.checkout}
        self.rules: dict[tuple[str, str, bool], Ignore] = {}
        self.artifacts: dict[ObjectId, str] = {}
        self.lock = threading.RLock()
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
            waiting = [unit for unit in waiting if unit not in ready]
            for unit in ready:
                known = self._recall(unit)
                if known is None:
                    running[self.workers.submit(self._render, unit)] = unit
                else:
                    waiting += self._finish(unit, known)
            if running and not any(map(self._is_ready, waiting)):
                waiting += self._finish_some(running)
        for snapshot in self.snapshots.values():
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
        for folder in self.snapshots:
            if folder.startswith(f"{scratch}/"):
                message = message.replace(f"{folder}/", "").replace(folder, ".")
        return message

    def _is_ready(self, unit: Unit) -> bool:
        index = self.cluster.index
        if unit.kind == HELM_RELEASE and any(found not in index for found in _source_references(unit)):
            return False
        if unit.kind == KUSTOMIZATION and unit is not self.root:
            source = _source_id(unit.spec.get("sourceRef") or {}, unit.namespace)
            if source not in self.own and source not in self.options.local and not self._is_defined(source):
                return False
        return all(reference in index for reference in units.references(unit))

    def _is_defined(self, source: ObjectId) -> bool:
        if source in self.cluster.index:
            return True
        try:
            return source[0] == "ExternalArtifact" and bool(self._generated(source))
        except PyfluxError:
            # its own sources may still come; what is wrong shows when it is built
            return False

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
                source = self._at_hand(_source_id(unit.spec.get("sourceRef") or {}, unit.namespace))
                if source is None:
                    return None
                kustomized = self._kustomized(unit, source)
                known = kustomized.recall()
                if known is not None:
                    unit.problems += kustomized.variables.missing
                return known
            source = self._at_hand(self._chart_source(unit))
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
                kustomized = self._kustomized(unit, self._source_of(unit))
                unit.problems += kustomized.variables.missing
                return (kustomized.recall() if recalling else None) or kustomized.build()
            released = self._released(unit)
            return (released.recall() if recalling else None) or released.build(self._chart(unit))
        finally:
            unit.seconds = time.perf_counter() - start

    def _kustomized(self, unit: Unit, source: Snapshot) -> units.Kustomized:
        rules = self._rules(source, _source_id(unit.spec.get("sourceRef") or {}, unit.namespace))
        return units.Kustomized(unit, self.cluster, source, rules, self.options.cache, self.options.sops)

    def _source_of(self, unit: Unit) -> Snapshot:
        """The source of a Kustomization. Raises Unavailable.

        A source that cannot be had is taken to be this repository where the folder is in it: forks and templates keep
        the address of the original, and OCI artifacts are often pushed from the repository itself.
        """
        source = _source_id(unit.spec.get("sourceRef") or {}, unit.namespace)
        try:
            return self._source(source)
        except Unavailable:
            checkout = self.options.checkout
            if not unit.path or not checkout.has_folder(unit.path):
                raise
            unit.notes.append(f"{show_id(source)} was taken to be this repository, which has {unit.path}")
            return checkout

    def _rules(self, snapshot: Snapshot, source: ObjectId) -> Ignore:
        """What a source keeps out of its artifact: by its files and by its `spec.ignore`."""
        if source[0] == "ExternalArtifact":
            return Ignore(defaults())
        spec = (self.cluster.index.get(source) or {}).get("spec") or {}
        lines = str(spec.get("ignore") or "")
        folder, bucket = snapshot.folder, source[0] == "Bucket"
        with self.lock:
            if (folder, lines, bucket) not in self.rules:
                paths = [FILE] if bucket else snapshot.named(FILE)
                for path in paths:
                    snapshot.need(path)
                made = for_bucket(folder, lines) if bucket else for_source(folder, lines, paths)
                self.rules[folder, lines, bucket] = made
            return self.rules[folder, lines, bucket]

    def _source(self, source: ObjectId) -> Snapshot:
        """A source's files, brought from elsewhere where they have to be. Raises Unavailable."""
        found = self._at_hand(source)
        if found is not None:
            return found
        obj = self.cluster.index.get(source)
        if not source[2]:
            raise Undefined("it names no source")
        if obj is None:
            raise Undefined(f"its source {show_id(source)} is not in the repository")
        return self._snapshot(self.options.place.source(obj, self.cluster.index))

    def _at_hand(self, source: ObjectId) -> Snapshot | None:
        """A source's files where nothing has to be brought for them. Raises PyfluxError for a bad generator."""
        local = self.options.local.get(source)
        if local is not None:
            return self._snapshot(local, self.options.cache)
        if source in self.own:
            return self.options.checkout
        if source[0] == "ExternalArtifact":
            generated = self._generated(source)
            return self._snapshot(generated) if generated else None
        obj = self.cluster.index.get(source)
        if source[0] == "GitRepository" and obj is not None:
            url = str((obj.get("spec") or {}).get("url") or "")
            if any(same_place(url, known) for known in (*self.urls, *self.options.remotes())):
                return self.options.checkout
        return None

    def _snapshot(self, folder: str, cache: Cache | None = None) -> Snapshot:
        folder = os.path.realpath(folder)
        with self.lock:
            if folder not in self.snapshots:
                self.snapshots[folder] = WorkTree(folder, cache)
            return self.snapshots[folder]

    def _generated(self, wanted: ObjectId) -> str:
        """The folder of an ExternalArtifact that a generator of the repository makes; empty where none does."""
        from pyflux.render.fleet import copying, generate

        with self.lock:
            known = self.artifacts.get(wanted)
            if known is not None:
                return known
            found = generate.find(self.cluster.index, wanted, self._tree)
            if found is None:
                return ""
            generator, filled = found
            sources = {alias: self._tree(source) for alias, source in generate.sources_of(generator).items()}
            folder = tempfile.mkdtemp(prefix="artifact-", dir=self.options.scratch)
            copying.copy(filled.get("copy") or [], sources, folder)
            self.artifacts[wanted] = folder
            return folder

    def _tree(self, source: ObjectId) -> Tree:
        """The files in the artifact of a source. Raises Unavailable."""
        from pyflux.render.fleet.copying import Tree

        found = self._source(source)
        found.need("")
        return Tree(found.folder, self._rules(found, source))

    def _chart_source(self, unit: Unit) -> ObjectId:
        """The source whose files hold a HelmRelease's chart; without a name where its chart is an archive elsewhere."""
        direct = _source_id(unit.spec.get("chartRef") or {}, unit.namespace)
        if direct[0] == "ExternalArtifact" or direct in self.options.local:
            return direct
        template = chart_spec(unit, self.cluster.index)
        reference = template.get("sourceRef") or {}
        if reference.get("kind") not in ("GitRepository", "Bucket") or not template.get("chart"):
            return "", "", ""
        return _source_id(reference, template["__namespace__"])

    def _released(self, unit: Unit) -> units.Released:
        place = self._chart_source(unit)
        source = self._at_hand(place)
        template = chart_spec(unit, self.cluster.index)
        chart = [template, list(place), self._rules(source, place).identity if source is not None else ""]
        return units.Released(unit, self.cluster, source, chart, self.options.cache)

    def _chart(self, unit: Unit) -> units.Chart:
        """The chart of a HelmRelease, with the values files that its template asks for. Raises Unavailable."""
        from pyflux.render.fleet import charts
        from pyflux.render.helm import ChartSource

        template = chart_spec(unit, self.cluster.index)
        names = tuple(str(name) for name in template.get("valuesFiles") or [])
        lenient = bool(template.get("ignoreMissingValuesFiles"))
        place = self._chart_source(unit)
        if not place[2]:
            path = self.options.place.chart(unit.obj, self.cluster.index)
            return units.Chart(ChartSource(path, names, ignore_missing=lenient), None)
        source = self._source(place)
        if place == _source_id(unit.spec.get("chartRef") or {}, unit.namespace):
            source.need("")
            source.identity("")
            return units.Chart(ChartSource(charts.in_artifact(source.folder), names, ignore_missing=lenient), [""])
        path = os.path.normpath(os.path.join(source.folder, str(template["chart"])))
        if path != source.folder and not path.startswith(source.folder.rstrip("/") + "/"):
            raise PyfluxError(f"chart path {template['chart']!r} is not in the repository")
        below = os.path.relpath(path, source.folder)
        found = charts.prepared(
            source,
            "" if below == "." else below,
            self._rules(source, place),
            self.options.place.dependency,
            self.options.scratch,
        )
        if found is None:
            raise PyfluxError(f"chart {template['chart']!r} is not in {show_id(_source_id(template['sourceRef'], ''))}")
        inside = not any(os.path.normpath(name).startswith(("..", "/")) for name in names)
        for name in names:
            source.need(normal(name))
            source.identity(normal(name))
        reads = [*found.reads, *map(normal, names)] if found.is_whole and inside else None
        return units.Chart(ChartSource(found.path, names, source.folder, lenient), reads)


def chart_spec(unit: Unit, index: Mapping[ObjectId, Obj]) -> Obj:
    """The chart template of a HelmRelease, or of the HelmChart it refers to; `__namespace__` is its source's default.

    Empty for a chartRef to an OCIRepository or ExternalArtifact, which is the chart itself.
    """
    spec = unit.spec
    inline = (spec.get("chart") or {}).get("spec")
    if inline:
        return {**inline, "__namespace__": unit.namespace}
    reference = spec.get("chartRef") or {}
    if reference.get("kind") == "HelmChart":
        chart = index.get(_source_id(reference, unit.namespace))
        if chart is not None:
            return {**(chart.get("spec") or {}), "__namespace__": id_of(chart)[1]}
    return {"__namespace__": unit.namespace}


def _source_id(reference: Obj, namespace: str) -> ObjectId:
    return str(reference.get("kind", "")), str(reference.get("namespace") or namespace), str(reference.get("name", ""))


def _source_references(unit: Unit) -> list[ObjectId]:
    spec = unit.spec
    reference = ((spec.get("chart") or {}).get("spec") or {}).get("sourceRef") or spec.get("chartRef") or {}
    return [_source_id(reference, unit.namespace)]
