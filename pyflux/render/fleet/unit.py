"""Renders one unit: a Kustomization's folder or a HelmRelease's chart to the objects that its controller applies."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.render import guard, kustomize, manifests, overlay
from pyflux.render.fleet.cache import below
from pyflux.render.fleet.model import Unavailable, is_builder, secret_texts, show_id
from pyflux.render.fleet.recall import Rendered, reads_of, recalled, remember, rendered
from pyflux.render.ignore import Ignore
from pyflux.render.sopsfiles import unmarked
from pyflux.render.sopsmask import is_ciphertext
from pyflux.render.values import compose
from pyflux.ui.yamlin import YamlError, load_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.render import helm
    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.model import Cluster, Obj, Unit
    from pyflux.render.fleet.snapshot import Snapshot
    from pyflux.render.sops import Sops

    Lookup = Callable[[str, str, str], Obj | None]

OWNER = "kustomize.toolkit.fluxcd.io"


class _Below(Ignore):
    """What a source's artifact lacks, as seen from one of its folders: by the ignore rules, and symbolic links."""

    __slots__ = ("_folder", "_prefix", "_source")

    def __init__(self, source: Ignore, folder: str, prefix: str) -> None:
        super().__init__(())
        self._source = source
        self._folder = os.path.join(folder, prefix)
        self._prefix = prefix

    def excludes(self, path: str, is_dir: bool = False) -> bool:
        if os.path.islink(os.path.join(self._folder, path)):
            return True
        return self._source.excludes(f"{self._prefix}/{path}" if self._prefix else path, is_dir)


class Kustomized:
    """A Kustomization about to be built from `source`, less what the source's `rules` leave out."""

    def __init__(
        self, unit: Unit, cluster: Cluster, source: Snapshot, rules: Ignore, cache: Cache, sops: Sops | None
    ) -> None:
        self._unit = unit
        self._sops = sops
        self._source = source
        self._rules = rules
        self._cache = cache
        self.variables = variables_of(unit, cluster)
        self._strict = cluster.strict and self.variables.complete
        self._owned = _owner_labels(unit)
        parts = [unit.path, unit.spec, self._owned, self.variables.values, self._strict, rules.identity]
        self._request = f"kustomization {kustomize.identity()} {json.dumps(parts, sort_keys=True)}"
        # what is left out where it is missing may be missing in ways that no identity tells
        self._recalls = not unit.private and not unit.spec.get("ignoreMissingComponents")

    def recall(self) -> Rendered | None:
        """What it rendered to before; None where that is not known."""
        return recalled(self._cache, self._request, self._source) if self._recalls else None

    def build(self) -> Rendered:
        """Its objects. Raises BuildError, YamlError."""
        unit, source, cache = self._unit, self._source, self._cache
        folder = source.folder
        directory = os.path.join(folder, unit.path)
        self._bring(directory)
        self._note(unit.path)
        ignore = _Below(self._rules, folder, unit.path)
        made = _overlay(unit, directory, ignore)
        reach = guard.check(folder, directory, made.content, allow_links=False, need=self._need)
        _refuse_ignored(folder, reach.files, self._rules)
        encrypted = bool(unit.spec.get("decryption"))
        if unit.private:
            return rendered("", self._run(ignore, reach.files, encrypted))
        parts = [made.content, made.name, self.variables.values, self._strict, self._owned, encrypted]
        files = [below(path, folder) for path in reach.files]
        contents = [(path, source.identity(path) or "") for path in files]
        text = json.dumps(parts, sort_keys=True)
        key = cache.key("kustomization", kustomize.identity(), unit.path, text, contents=contents)
        objects = cache.get(key)
        if objects is None:
            objects = self._run(ignore, reach.files, encrypted)
        reads = reads_of(files, [_within(path, folder) for path in reach.folders])
        if not all(identity for _, identity in contents) or not source.is_unchanged([*files, *reads]):
            # somebody writes them at this moment: right for now, and nothing to remember
            return rendered("", objects)
        cache.put(key, objects)
        found = rendered(key, objects)
        if self._recalls:
            remember(cache, self._request, source, reads, found)
        return found

    def _bring(self, directory: str) -> None:
        unit, source = self._unit, self._source
        for name in overlay.FILE_NAMES:
            source.need(f"{unit.path}/{name}" if unit.path else name)
        if not overlay.find(directory):
            source.need(unit.path)
        for component in unit.spec.get("components") or []:
            self._need(os.path.join(directory, str(component)))
        if os.path.isfile(directory):
            raise overlay.BuildError(f"kustomization path is not a folder: {unit.path}")
        if not os.path.isdir(directory):
            raise overlay.BuildError(f"kustomization path not found: stat {directory}: no such file or directory")

    def _need(self, path: str) -> None:
        path = os.path.normpath(path)
        if path == self._source.folder or path.startswith(self._source.folder.rstrip("/") + "/"):
            path = _within(path, self._source.folder)
            self._source.need(path)
            self._note(path)

    def _note(self, path: str) -> None:
        """Takes the identity of what is read next: a change from now on will show."""
        if not self._unit.private:
            self._source.identity(path)

    def _run(self, ignore: Ignore, files: frozenset[str], encrypted: bool) -> list[Obj]:
        unit, folder = self._unit, self._source.folder
        sops = self._sops if encrypted else None
        decrypt = (sops.file if sops is not None else unmarked) if encrypted else None
        try:
            text = kustomize.build(folder, unit.path, unit.spec, ignore=ignore, drop_ignored=False, decrypt=decrypt)
        except overlay.BuildError as why:
            raise overlay.BuildError(f"{why.message}{_culprit(folder, files, why.message)}") from None
        text = manifests.post_build(
            text,
            variables=self.variables.values,
            strict=self._strict,
            decrypt=sops.object if sops is not None else None,
        )
        objects = manifests.read_objects(text)
        for obj in objects:
            _own(obj, self._owned)
        return objects


def _overlay(unit: Unit, directory: str, ignore: Ignore) -> overlay.Overlay:
    try:
        return overlay.make(directory, unit.spec, ignore=ignore, drop_ignored=False)
    except YamlError as why:
        name = os.path.join(unit.path, overlay.find(directory))
        raise overlay.BuildError(f"kustomize build failed: {name}: {why.message}") from None


def _culprit(folder: str, files: frozenset[str], message: str) -> str:
    """Where the mistake is that kustomize tells of without naming the file; empty where it did, or nobody knows."""
    if "yaml: " not in message or any(os.path.basename(path) in message for path in files):
        return ""
    root = os.path.realpath(folder)
    for path in sorted(files):
        with open(path, "rb") as file:
            try:
                load_all(file.read())
            except YamlError as why:
                return f" (in {os.path.relpath(path, root)}: {why.message})"
    return ""


def _refuse_ignored(folder: str, files: frozenset[str], rules: Ignore) -> None:
    """Raises BuildError where the build reads what the source's ignore rules keep out of the artifact."""
    root = os.path.realpath(folder)
    for file in sorted(files):
        path = below(file, root)
        if rules.excludes(path):
            raise overlay.BuildError(f"kustomize build failed: {path} is left out by the source's ignore rules")


def _owner_labels(unit: Unit) -> Obj:
    common = unit.spec.get("commonMetadata") or {}
    labels = {
        **(common.get("labels") or {}),
        f"{OWNER}/name": unit.name,
        f"{OWNER}/namespace": unit.namespace,
    }
    return {"labels": labels, "annotations": common.get("annotations") or {}}


def _own(obj: Obj, owned: Obj) -> None:
    for field in ("labels", "annotations"):
        manifests.lay_metadata(obj, field, owned[field])


def _lookup_in(cluster: Cluster) -> Lookup:
    """Finds ConfigMaps and Secrets that the repository itself defines; raises Unavailable for an encrypted Secret."""

    def lookup(kind: str, namespace: str, name: str) -> Obj | None:
        found = cluster.index.get((kind, namespace, name))
        if (
            kind == "Secret"
            and found is not None
            and any(is_ciphertext(value) for value in secret_texts(found).values())
        ):
            raise Unavailable(f"its values from {show_id((kind, namespace, name))} are encrypted with SOPS")
        return found

    return lookup


def references(unit: Unit) -> list[tuple[str, str, str]]:
    """The ConfigMaps and Secrets that a unit reads and needs (optional ones are left out)."""
    listed = (unit.spec.get("postBuild") or {}).get("substituteFrom") or unit.spec.get("valuesFrom") or []
    return [(r.get("kind", ""), unit.namespace, r.get("name", "")) for r in listed if not r.get("optional")]


def reads_any(unit: Unit) -> bool:
    """Whether a unit reads a ConfigMap or a Secret, needed or not."""
    return bool((unit.spec.get("postBuild") or {}).get("substituteFrom") or unit.spec.get("valuesFrom"))


class Variables(NamedTuple):
    """The variables of a `postBuild`."""

    values: dict[str, str] | None
    """None where nothing is substituted."""
    missing: list[str]
    """What has to be there and is not in the repository."""
    complete: bool
    """False where some may be in the cluster only: then an unset one says nothing."""


def variables_of(unit: Unit, cluster: Cluster) -> Variables:
    """The variables of a Kustomization, as far as the repository has them."""
    post_build = unit.spec.get("postBuild")
    if post_build is None:
        return Variables(None, [], complete=True)
    found: dict[str, str] = {}
    missing: list[str] = []
    complete = True
    for reference in post_build.get("substituteFrom") or []:
        kind, name = reference.get("kind", ""), reference.get("name", "")
        obj = cluster.index.get((kind, unit.namespace, name))
        if obj is None:
            complete = False
            if not reference.get("optional"):
                missing.append(f"substituteFrom: {kind} {unit.namespace}/{name} is not in the repository")
            continue
        data = _data_of(obj)
        complete = complete and len(data) == len(_keys_of(obj))
        found.update(data)
    found.update({key: str(value) for key, value in (post_build.get("substitute") or {}).items()})
    if not found and post_build.get("substituteStrategy") != "Always":
        return Variables(None, missing, complete)
    return Variables({key: value.replace("\n", "") for key, value in found.items()}, missing, complete)


def is_strict(objects: list[Obj]) -> bool:
    """Whether an unset variable is an error for the kustomize-controller in `objects`: yes, unless a flag says no."""
    for obj in filter(is_builder, objects):
        pod = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
        args = [str(arg) for container in pod.get("containers") or [] for arg in container.get("args") or []]
        return not any("StrictPostBuildSubstitutions=false" in arg for arg in args)
    return True


def _keys_of(obj: Obj) -> set[str]:
    return {*(obj.get("data") or {}), *(obj.get("stringData") or {})}


def _data_of(obj: Obj) -> dict[str, str]:
    # what SOPS encrypted is known in the cluster only
    return {key: value for key, value in secret_texts(obj).items() if not is_ciphertext(value)}


class Chart(NamedTuple):
    """The chart of a HelmRelease, ready to be rendered."""

    source: helm.ChartSource
    reads: list[str] | None
    """What was read of the snapshot that it comes from; None where it, or a dependency of it, comes from elsewhere."""


class Released:
    """A HelmRelease about to be rendered; `source` is what its chart comes from where that is at hand."""

    def __init__(self, unit: Unit, cluster: Cluster, source: Snapshot | None, chart: list[Any], cache: Cache) -> None:
        """`chart` is all that decides about the chart but for files. Raises ValuesError, Unavailable."""
        from pyflux.render import helm

        self._unit = unit
        self._source = source
        self._cache = cache
        self._values: dict[str, Any] = compose(unit.spec, unit.namespace, _lookup_in(cluster))
        parts = [unit.obj, self._values, chart]
        self._request = f"release {helm.sdk_identity()} {json.dumps(parts, sort_keys=True)}"

    def recall(self) -> Rendered | None:
        """What it rendered to before; None where that is not known."""
        if self._source is None or self._unit.private:
            return None
        return recalled(self._cache, self._request, self._source)

    def build(self, chart: Chart) -> Rendered:
        """Its objects. Raises HelmError."""
        from pyflux.render import helm

        unit, source, cache = self._unit, chart.source, self._cache
        if unit.private:
            return rendered("", helm.render(unit.obj, source, self._values))
        if os.path.isfile(source.path):
            root, files = os.path.dirname(source.path), [source.path]
        else:
            root, files = source.path, list(_files_of(source.path))
        files += source.values_paths()
        parts = [unit.obj, self._values, source.values_files, source.ignore_missing]
        contents = cache.contents(root, files)
        key = cache.key("release", helm.sdk_identity(), json.dumps(parts, sort_keys=True), contents=contents)
        objects = cache.get(key)
        if objects is None:
            objects = helm.render(unit.obj, source, self._values)
        if self._source is not None and chart.reads is not None and not self._source.is_unchanged(chart.reads):
            return rendered("", objects)
        cache.put(key, objects)
        found = rendered(key, objects)
        if self._source is not None and chart.reads is not None:
            remember(cache, self._request, self._source, chart.reads, found)
        return found


def _within(path: str, folder: str) -> str:
    return "" if path == folder else below(path, folder)


def _files_of(folder: str) -> list[str]:
    return [os.path.join(here, name) for here, _, names in os.walk(folder) for name in names]
