"""Builds a cluster from its entry point: units are rendered side by side, and what they hold brings the next ones.

A unit that reads a ConfigMap or Secret waits for the repository to define it; when nothing else is left to build, it is
built without. `dependsOn` orders a rollout and not a rendering, so it is only checked (`pyflux.render.fleet.check`).
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.fleet import charts, copying, generate
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
    id_of,
    is_indexed,
    is_kustomization,
    is_release,
    show_id,
)
from pyflux.render.helm import ChartSource
from pyflux.render.ignore import Ignore, defaults, for_bucket, for_source
from pyflux.render.shape import misshapen, usable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyflux.render.fleet.cache import Cache

MAX_UNITS = 20_000


class Place:
    """Where things outside the checkout come from: callbacks of the verb, which may use the network.

    `source(obj)` gives the folder of a GitRepository, OCIRepository, Bucket or ExternalArtifact;
    `chart(release, source, index)` the folder or archive of a HelmRelease's chart; `dependency(repository, name,
    version)` the archive of a chart that another one depends on. All raise Unavailable.
    """

    def __init__(
        self,
        source: Callable[[Obj], str] | None = None,
        chart: Callable[[Obj, Mapping[ObjectId, Obj]], str] | None = None,
        dependency: Callable[[str, str, str], str] | None = None,
    ) -> None:
        self.source = source or _no_source
        self.chart = chart or _no_chart
        self.dependency = dependency or _no_dependency


def _no_source(obj: Obj) -> str:
    raise Unavailable(f"{show_id(id_of(obj))} is not this repository")


def _no_chart(release: Obj, index: Mapping[ObjectId, Obj]) -> str:
    raise Unavailable("its chart is not in this repository")


def _no_dependency(repository: str, name: str, version: str) -> str:
    raise Unavailable(f"chart {name} of {repository} is not in this repository")


class Options:
    """How to build a checkout."""

    def __init__(
        self,
        checkout: str,
        cache: Cache,
        *,
        path: str = "",
        place: Place | None = None,
        remotes: Sequence[str] = (),
        local: Mapping[ObjectId, str] | None = None,
        workers: int = 0,
        progress: Callable[[Unit], None] | None = None,
        helm: bool = True,
        scratch: str | None = None,
    ) -> None:
        self.checkout = os.path.realpath(checkout)
        self.cache = cache
        self.path = path
        self.place = place or Place()
        self.remotes = list(remotes)
        self.local = dict(local or {})
        """Folders that stand in for sources, by the source's id."""
        self.workers = workers or min(8, (os.cpu_count() or 1) + 1)
        self.progress = progress or (lambda _unit: None)
        self.helm = helm
        self.scratch = scratch
        """A folder for what has to be written out, removed by its owner."""


def build(options: Options) -> list[Cluster]:
    """Every cluster of the checkout. A unit that fails carries its error; only a missing entry point raises."""
    with ThreadPoolExecutor(options.workers) as pool:
        return [_Builder(options, entry, pool).run() for entry in entries(options.checkout, options.path)]


class _Builder:
    def __init__(self, options: Options, entry: Entry, pool: ThreadPoolExecutor) -> None:
        self.options = options
        self.pool = pool
        self.cluster = Cluster(entry.path)
        self.own = source_ids(entry)
        self.urls = [*options.remotes, *(str((usable(s).get("spec") or {}).get("url") or "") for s in entry.sources)]
        self.rules: dict[tuple[str, str], Ignore] = {}
        self.artifacts: dict[ObjectId, str] = {}
        self.lock = threading.RLock()
        self.root = Unit(entry.root, None, misshapen=misshapen(entry.root))
        self.root.error = entry.error
        for source in entry.sources:
            self.cluster.index[id_of(source)] = usable(source)

    def run(self) -> Cluster:
        running: dict[Future[list[Obj]], Unit] = {}
        waiting: list[Unit] = [] if self.root.error else [self.root]
        self.cluster.units[self.root.id] = self.root
        while waiting or running:
            ready = [unit for unit in waiting if self._is_ready(unit)]
            if not ready and not running:
                # nothing more will be defined: what still waits is built with what there is
                ready = waiting
            for unit in ready:
                waiting.remove(unit)
                running[self.pool.submit(self._render, unit)] = unit
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                waiting += self._finish(running.pop(future), future)
        return self.cluster

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

    def _finish(self, unit: Unit, future: Future[list[Obj]]) -> list[Unit]:
        """Takes in what a unit rendered to; the units it brought."""
        try:
            unit.objects = future.result()
        except Unavailable as why:
            unit.skipped = why.message
            if isinstance(why, Undefined):
                unit.problems.append(why.message)
        except PyfluxError as error:
            unit.error = " ".join(error.message.split())
        except OSError as error:
            unit.error = f"{error.filename}: {error.strerror}"
        except RecursionError:
            unit.error = "its YAML is nested too deeply"
        self.options.progress(unit)
        if unit is self.root:
            self.cluster.strict = units.is_strict(unit.objects)
        brought = []
        for obj in unit.objects:
            if is_indexed(obj):
                self.cluster.index[id_of(obj)] = usable(obj)
            if (is_kustomization(obj) or (is_release(obj) and self.options.helm)) and not self._is_known(unit, obj):
                child = Unit(obj, unit, misshapen=misshapen(obj))
                self.cluster.units[child.id] = child
                brought.append(child)
        if len(self.cluster.units) > MAX_UNITS:
            raise PyfluxError(f"cluster {self.cluster.path} has more than {MAX_UNITS} Kustomizations and HelmReleases")
        return brought

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

    def _render(self, unit: Unit) -> list[Obj]:
        start = time.perf_counter()
        if unit.misshapen:
            raise PyfluxError(unit.misshapen)
        try:
            if unit.kind == KUSTOMIZATION:
                folder = self._folder(unit)
                rules = self._rules(folder, _source_id(unit.spec.get("sourceRef") or {}, unit.namespace))
                return units.build_kustomization(unit, self.cluster, folder, rules, self.options.cache)
            return units.build_release(unit, self.cluster, self._chart(unit), self.options.cache)
        finally:
            unit.seconds = time.perf_counter() - start

    def _folder(self, unit: Unit) -> str:
        """The folder of a Kustomization's source. Raises Unavailable.

        A source that cannot be had is taken to be this repository where the folder is in it: forks and templates keep
        the address of the original, and OCI artifacts are often pushed from the repository itself.
        """
        source = _source_id(unit.spec.get("sourceRef") or {}, unit.namespace)
        try:
            return self._source(source)
        except Unavailable:
            checkout = self.options.checkout
            if not unit.path or not os.path.isdir(os.path.join(checkout, unit.path)):
                raise
            unit.notes.append(f"{show_id(source)} was taken to be this repository, which has {unit.path}")
            return checkout

    def _rules(self, folder: str, source: ObjectId) -> Ignore:
        """What a source keeps out of its artifact: by its files and by its `spec.ignore`."""
        if source[0] == "ExternalArtifact":
            return Ignore(defaults())
        spec = (self.cluster.index.get(source) or {}).get("spec") or {}
        lines = str(spec.get("ignore") or "")
        if source[0] == "Bucket":
            return for_bucket(folder, lines)
        if (folder, lines) not in self.rules:
            self.rules[folder, lines] = for_source(folder, lines)
        return self.rules[folder, lines]

    def _source(self, source: ObjectId) -> str:
        local = self.options.local.get(source)
        if local is not None:
            return os.path.realpath(local)
        if source in self.own:
            return self.options.checkout
        if source[0] == "ExternalArtifact":
            generated = self._generated(source)
            if generated:
                return generated
        obj = self.cluster.index.get(source)
        if not source[2]:
            raise Undefined("it names no source")
        if obj is None:
            raise Undefined(f"its source {show_id(source)} is not in the repository")
        if source[0] == "GitRepository":
            url = str((obj.get("spec") or {}).get("url") or "")
            if any(same_place(url, known) for known in self.urls):
                return self.options.checkout
        return self.options.place.source(obj)

    def _generated(self, wanted: ObjectId) -> str:
        """The folder of an ExternalArtifact that a generator of the repository makes; empty where none does."""
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

    def _tree(self, source: ObjectId) -> copying.Tree:
        """The files in the artifact of a source. Raises Unavailable."""
        folder = self._source(source)
        return copying.Tree(folder, self._rules(folder, source))

    def _chart(self, unit: Unit) -> ChartSource:
        """The chart of a HelmRelease, with the values files that its template asks for. Raises Unavailable."""
        index = self.cluster.index
        template = chart_spec(unit, index)
        names = tuple(str(name) for name in template.get("valuesFiles") or [])
        lenient = bool(template.get("ignoreMissingValuesFiles"))
        reference = template.get("sourceRef") or {}
        direct = _source_id(unit.spec.get("chartRef") or {}, unit.namespace)
        if direct[0] == "ExternalArtifact" or direct in self.options.local:
            return ChartSource(charts.in_artifact(self._source(direct)), names, ignore_missing=lenient)
        if reference.get("kind") not in ("GitRepository", "Bucket") or not template.get("chart"):
            return ChartSource(self.options.place.chart(unit.obj, index), names, ignore_missing=lenient)
        source = _source_id(reference, template["__namespace__"])
        folder = self._source(source)
        path = os.path.normpath(os.path.join(folder, str(template["chart"])))
        if path != folder and not path.startswith(folder.rstrip("/") + "/"):
            raise PyfluxError(f"chart path {template['chart']!r} is not in the repository")
        if not os.path.exists(path):
            raise PyfluxError(f"chart {template['chart']!r} is not in {show_id(_source_id(reference, ''))}")
        options = self.options
        path = charts.prepared(folder, path, self._rules(folder, source), options.place.dependency, options.scratch)
        return ChartSource(path, names, folder, lenient)


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
