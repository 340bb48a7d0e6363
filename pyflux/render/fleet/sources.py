"""Where the files of a cluster's sources are: the checkout, a folder that stands in, a generated or a fetched one."""

from __future__ import annotations

import os
import tempfile
import threading
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.fleet.discover import Entry, same_place, source_ids
from pyflux.render.fleet.model import Cluster, Obj, ObjectId, Unavailable, Undefined, Unit, id_of, show_id
from pyflux.render.fleet.snapshot import WorkTree, normal
from pyflux.render.fleet.unit import Chart
from pyflux.render.ignore import FILE, Ignore, defaults, for_bucket, for_source
from pyflux.render.shape import usable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.copying import Tree
    from pyflux.render.fleet.options import Options
    from pyflux.render.fleet.snapshot import Snapshot


class Sources:
    """The sources of one cluster. Safe for several threads."""

    def __init__(self, options: Options, cluster: Cluster, entry: Entry) -> None:
        self._options = options
        self._index = cluster.index
        self.own = source_ids(entry)
        """Those that are the checkout itself."""
        self._urls = [str((usable(source).get("spec") or {}).get("url") or "") for source in entry.sources]
        self.snapshots: dict[str, Snapshot] = {options.checkout.folder: options.checkout}
        self._rules: dict[tuple[str, str, bool], Ignore] = {}
        self._artifacts: dict[ObjectId, str] = {}
        self._lock = threading.RLock()

    def is_defined(self, source: ObjectId) -> bool:
        """Whether a source is there, or is defined by what was built so far."""
        if source in self.own or source in self._options.local or source in self._index:
            return True
        try:
            return source[0] == "ExternalArtifact" and bool(self._generated(source))
        except PyfluxError:
            # its own sources may still come; what is wrong shows when it is built
            return False

    def of(self, unit: Unit) -> Snapshot:
        """The source of a Kustomization. Raises Unavailable.

        A source that cannot be had is taken to be this repository where the folder is in it: forks and templates keep
        the address of the original, and OCI artifacts are often pushed from the repository itself.
        """
        source = source_id(unit.spec.get("sourceRef") or {}, unit.namespace)
        try:
            return self._source(source)
        except Unavailable:
            checkout = self._options.checkout
            if not unit.path or not checkout.has_folder(unit.path):
                raise
            unit.notes.append(f"{show_id(source)} was taken to be this repository, which has {unit.path}")
            return checkout

    def rules(self, snapshot: Snapshot, source: ObjectId) -> Ignore:
        """What a source keeps out of its artifact: by its files and by its `spec.ignore`."""
        if source[0] == "ExternalArtifact":
            return Ignore(defaults())
        spec = (self._index.get(source) or {}).get("spec") or {}
        lines = str(spec.get("ignore") or "")
        folder, bucket = snapshot.folder, source[0] == "Bucket"
        with self._lock:
            if (folder, lines, bucket) not in self._rules:
                paths = [FILE] if bucket else snapshot.named(FILE)
                for path in paths:
                    snapshot.need(path)
                made = for_bucket(folder, lines) if bucket else for_source(folder, lines, paths)
                self._rules[folder, lines, bucket] = made
            return self._rules[folder, lines, bucket]

    def _source(self, source: ObjectId) -> Snapshot:
        """A source's files, brought from elsewhere where they have to be. Raises Unavailable."""
        found = self.at_hand(source)
        if found is not None:
            return found
        obj = self._index.get(source)
        if not source[2]:
            raise Undefined("it names no source")
        if obj is None:
            raise Undefined(f"its source {show_id(source)} is not in the repository")
        return self._snapshot(self._options.place.source(obj, self._index))

    def at_hand(self, source: ObjectId) -> Snapshot | None:
        """A source's files where nothing has to be brought for them. Raises PyfluxError for a bad generator."""
        local = self._options.local.get(source)
        if local is not None:
            return self._snapshot(local, self._options.cache)
        if source in self.own:
            return self._options.checkout
        if source[0] == "ExternalArtifact":
            generated = self._generated(source)
            return self._snapshot(generated) if generated else None
        obj = self._index.get(source)
        if source[0] == "GitRepository" and obj is not None:
            url = str((obj.get("spec") or {}).get("url") or "")
            if any(same_place(url, known) for known in (*self._urls, *self._options.remotes())):
                return self._options.checkout
        return None

    def _snapshot(self, folder: str, cache: Cache | None = None) -> Snapshot:
        folder = os.path.realpath(folder)
        with self._lock:
            if folder not in self.snapshots:
                self.snapshots[folder] = WorkTree(folder, cache)
            return self.snapshots[folder]

    def _generated(self, wanted: ObjectId) -> str:
        """The folder of an ExternalArtifact that a generator of the repository makes; empty where none does."""
        from pyflux.render.fleet import copying, generate

        with self._lock:
            known = self._artifacts.get(wanted)
            if known is not None:
                return known
            found = generate.find(self._index, wanted, self._tree)
            if found is None:
                return ""
            generator, filled = found
            sources = {alias: self._tree(source) for alias, source in generate.sources_of(generator).items()}
            folder = tempfile.mkdtemp(prefix="artifact-", dir=self._options.scratch)
            copying.copy(filled.get("copy") or [], sources, folder)
            self._artifacts[wanted] = folder
            return folder

    def _tree(self, source: ObjectId) -> Tree:
        """The files in the artifact of a source. Raises Unavailable."""
        from pyflux.render.fleet.copying import Tree

        found = self._source(source)
        found.need("")
        return Tree(found.folder, self.rules(found, source))

    def of_chart(self, unit: Unit) -> ObjectId:
        """The source whose files hold a HelmRelease's chart; without a name where its chart is an archive elsewhere."""
        direct = source_id(unit.spec.get("chartRef") or {}, unit.namespace)
        if direct[0] == "ExternalArtifact" or direct in self._options.local:
            return direct
        template = chart_spec(unit, self._index)
        reference = template.get("sourceRef") or {}
        if reference.get("kind") not in ("GitRepository", "Bucket") or not template.get("chart"):
            return "", "", ""
        return source_id(reference, template["__namespace__"])

    def chart(self, unit: Unit) -> Chart:
        """The chart of a HelmRelease, with the values files that its template asks for. Raises Unavailable."""
        from pyflux.render.fleet import charts
        from pyflux.render.helm import ChartSource

        template = chart_spec(unit, self._index)
        names = tuple(str(name) for name in template.get("valuesFiles") or [])
        lenient = bool(template.get("ignoreMissingValuesFiles"))
        place = self.of_chart(unit)
        if not place[2]:
            path = self._options.place.chart(unit.obj, self._index)
            return Chart(ChartSource(path, names, ignore_missing=lenient), None)
        source = self._source(place)
        if place == source_id(unit.spec.get("chartRef") or {}, unit.namespace):
            source.need("")
            source.identity("")
            return Chart(ChartSource(charts.in_artifact(source.folder), names, ignore_missing=lenient), [""])
        path = os.path.normpath(os.path.join(source.folder, str(template["chart"])))
        if path != source.folder and not path.startswith(source.folder.rstrip("/") + "/"):
            raise PyfluxError(f"chart path {template['chart']!r} is not in the repository")
        below = os.path.relpath(path, source.folder)
        found = charts.prepared(
            source,
            "" if below == "." else below,
            self.rules(source, place),
            self._options.place.dependency,
            self._options.scratch,
        )
        if found is None:
            raise PyfluxError(f"chart {template['chart']!r} is not in {show_id(source_id(template['sourceRef'], ''))}")
        inside = not any(os.path.normpath(name).startswith(("..", "/")) for name in names)
        for name in names:
            source.need(normal(name))
            source.identity(normal(name))
        reads = [*found.reads, *map(normal, names)] if found.is_whole and inside else None
        return Chart(ChartSource(found.path, names, source.folder, lenient), reads)


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
        chart = index.get(source_id(reference, unit.namespace))
        if chart is not None:
            return {**(chart.get("spec") or {}), "__namespace__": id_of(chart)[1]}
    return {"__namespace__": unit.namespace}


def source_id(reference: Obj, namespace: str) -> ObjectId:
    return str(reference.get("kind", "")), str(reference.get("namespace") or namespace), str(reference.get("name", ""))


def references(unit: Unit) -> list[ObjectId]:
    spec = unit.spec
    reference = ((spec.get("chart") or {}).get("spec") or {}).get("sourceRef") or spec.get("chartRef") or {}
    return [source_id(reference, unit.namespace)]
