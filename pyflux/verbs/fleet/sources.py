"""Brings what a repository refers to but does not hold: Git and OCI sources, buckets, charts. `--offline` forbids it.

What has an immutable name (a chart's version, a commit, a digest) is kept in the cache folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError
from pyflux.render.fleet.cache import written
from pyflux.render.fleet.model import Obj, ObjectId, Unavailable, Undefined, id_of, show_id
from pyflux.verbs.fleet import buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyflux.env import Env


_DIGEST_LENGTH = 12


class Fetcher:
    """Callbacks for `pyflux.render.fleet.build.Place`. Each thing is brought once a run."""

    def __init__(self, env: Env, *, offline: bool, cache: str, scratch: str) -> None:
        self._env = env
        self._offline = offline
        self._cache = os.path.join(os.path.dirname(cache), "charts")
        self._scratch = scratch
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._found: dict[str, str | PyfluxError] = {}
        self._digests: dict[str, str] = {}
        """Manifests' digests by the folders of artifacts that no chart was read from yet."""

    def source(self, obj: Obj, index: Mapping[ObjectId, Obj]) -> str:
        """The folder of a source object; `index` has the Secrets that it may need. Raises Unavailable."""
        kind = obj.get("kind")
        spec = obj.get("spec") or {}
        name = show_id(id_of(obj))
        if kind == "GitRepository":
            self._online(f"{name} is another repository")
            return self._once(f"git {spec.get('url')} {spec.get('ref')}", lambda: self._git(spec))
        if kind == "OCIRepository":
            self._online(f"{name} is an artifact in a registry")
            try:
                return self._once(f"oci {spec.get('url')} {_wanted(spec)}", lambda: self._oci(spec))
            except Unavailable as why:
                raise Unavailable(f"{name}: {why.message}") from None
        if kind == "Bucket":
            self._online(f"{name} is in a storage")
            try:
                return self._once(f"bucket {id_of(obj)[1]} {spec}", lambda: self._bucket(obj, index))
            except Unavailable as why:
                raise Unavailable(f"{name}: {why.message}") from None
        raise Unavailable(f"{name} can only be had in the cluster; --local-sources {name}=FOLDER stands in for it")

    def chart(self, release: Obj, index: Mapping[ObjectId, Obj]) -> str:
        """The folder or archive of a HelmRelease's chart. Raises Unavailable."""
        spec, namespace = release.get("spec") or {}, id_of(release)[1]
        template = (spec.get("chart") or {}).get("spec") or {}
        reference = spec.get("chartRef") or {}
        if reference.get("kind") == "HelmChart":
            chart = index.get(("HelmChart", str(reference.get("namespace") or namespace), str(reference.get("name"))))
            if chart is None:
                raise Undefined(f"its HelmChart {reference.get('name')} is not in the repository")
            template, namespace = chart.get("spec") or {}, id_of(chart)[1]
            reference = {}
        reference = reference or template.get("sourceRef") or {}
        source_id = (
            str(reference.get("kind", "")),
            str(reference.get("namespace") or namespace),
            str(reference.get("name", "")),
        )
        source = index.get(source_id)
        if not source_id[2]:
            raise Undefined("it names no chart")
        if source is None:
            raise Undefined(f"its source {show_id(source_id)} is not in the repository")
        if source_id[0] == "HelmRepository":
            return self._helm(source, str(template.get("chart", "")), str(template.get("version") or ""))
        if source_id[0] == "OCIRepository":
            return self._chart_of(self.source(source, index))
        raise Unavailable(f"charts from {show_id(source_id)} can only be had in the cluster")

    def dependency(self, repository: str, name: str, version: str) -> str:
        """The archive of a chart that another one depends on. Raises Unavailable."""
        return self._helm({"spec": {"url": repository}}, name, version)

    def _chart_of(self, folder: str) -> str:
        """The chart in an artifact's folder; its version says which artifact, as helm-controller has it."""
        from pyflux.render import helm
        from pyflux.render.fleet.charts import in_artifact

        # a chart's layer holds one folder, named as the chart
        chart = in_artifact(folder)
        with self._lock:
            # once, before anyone reads it
            digest = self._digests.pop(folder, "")
            if digest and os.path.isfile(os.path.join(chart, "Chart.yaml")):
                helm.set_build(chart, digest.partition(":")[2][:_DIGEST_LENGTH])
        return chart

    def _online(self, what: str) -> None:
        if self._offline:
            raise Unavailable(f"{what}, and --offline is set")

    def _once(self, key: str, bring: Callable[[], str]) -> str:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._found.get(key)
            if known is None:
                try:
                    known = bring()
                except PyfluxError as error:
                    known = Unavailable(error.message)
                self._found[key] = known
        if isinstance(known, PyfluxError):
            raise known
        return known

    def _folder(self) -> str:
        return tempfile.mkdtemp(dir=self._scratch)

    def _git(self, spec: Obj) -> str:
        from pyflux.git.auth import NO_AUTH
        from pyflux.git.refs import Ref
        from pyflux.git.source import fetch_commit

        wanted = spec.get("ref") or {"branch": "master"}
        ref = Ref(**{key: str(value) for key, value in wanted.items() if key in Ref.__dataclass_fields__})
        folder = self._folder()
        fetch_commit(
            str(spec.get("url")),
            ref,
            NO_AUTH,
            into=folder,
            recurse_submodules=bool(spec.get("recurseSubmodules")),
            sparse=tuple(spec.get("sparseCheckout") or ()),
        )
        return folder

    def _bucket(self, obj: Obj, index: Mapping[ObjectId, Obj]) -> str:
        folder = self._folder()
        buckets.fetch(self._env, obj, index, folder)
        return folder

    def _oci(self, spec: Obj) -> str:
        from pyflux.oci import artifact, credentials, reference
        from pyflux.oci.client import Repository
        from pyflux.oci.transport import Transport

        url, ref = str(spec.get("url", "")), spec.get("ref") or {}
        suffix = f"@{ref['digest']}" if ref.get("digest") else f":{ref.get('tag') or 'latest'}"
        target = reference.parse(reference.parse_url(url + suffix))
        env, insecure = self._env, bool(spec.get("insecure"))
        transport = Transport(
            environ=env.environ,
            insecure=insecure,
            deadline=env.monotonic() + env.kube.timeout,
            monotonic=env.monotonic,
            sleep=env.sleep,
            debug=None,
        )
        folder = self._folder()
        try:
            login = credentials.find(env.environ, target.registry, target.repository)
            repository = Repository(target, transport, login, plain=insecure)
            repository.login()
            if ref.get("semver") and not ref.get("digest"):
                tag = newest(repository.tags(), str(ref["semver"]), str(ref.get("semverFilter") or ""))
                target = reference.parse(reference.parse_url(f"{url}:{tag}"))
            manifest, content = artifact.find(repository, target)
            selector = spec.get("layerSelector") or {}
            digest, size = artifact.layer_of(content, str(selector.get("mediaType") or ""))
            with tempfile.TemporaryFile() as layer:
                repository.blob(digest, size, layer)
                layer.seek(0)
                artifact.extract(layer, folder)
            self._digests[folder] = manifest.digest
        finally:
            transport.close()
        return folder

    def _helm(self, repository: Obj, chart: str, version: str) -> str:
        spec = repository.get("spec") or {}
        url = str(spec.get("url", "")).rstrip("/")
        kept = self._kept(url, chart, version)
        if kept and os.path.exists(kept):
            return kept
        self._online(f"chart {chart} comes from {url}")
        return self._once(f"helm {url} {chart} {version}", lambda: self._pull(url, chart, version, kept, spec))

    def _kept(self, url: str, chart: str, version: str) -> str:
        """Where a chart of an exact version is kept; empty for a version range, whose newest may change."""
        exact = version.removeprefix("v").split("-")[0].split("+")[0].split(".")
        if len(exact) != 3 or not all(part.isdigit() for part in exact):
            return ""
        digest = hashlib.sha256(f"{url} {chart} {version}".encode()).hexdigest()[:16]
        return os.path.join(self._cache, f"{os.path.basename(chart)}-{version}-{digest}.tgz")

    def _pull(self, url: str, chart: str, version: str, kept: str, spec: Obj) -> str:
        from pyflux.render import helm

        sdk: Any = helm.sdk()
        folder = self._folder()
        options: dict[str, Any] = {"destination": folder, "version": version or None}
        try:
            if url.startswith("oci://"):
                sdk.pull(f"{url}/{chart}", plain_http=bool(spec.get("insecure")), **options)
            else:
                sdk.pull(chart, repo_url=url, **options)
        except sdk.HelmError as error:
            raise Unavailable(f"chart {chart} {version} of {url}: {' '.join(str(error).split())}") from None
        archives = [entry.path for entry in os.scandir(folder) if entry.name.endswith(".tgz")]
        if not archives:
            raise Unavailable(f"chart {chart} {version} of {url}: nothing was downloaded")
        return _moved(archives[0], kept) if kept else archives[0]


def _moved(archive: str, kept: str) -> str:
    """Where an archive is in the end: where it was, if the cache cannot be written."""
    try:
        with open(archive, "rb") as source, written(kept) as target:
            shutil.copyfileobj(source, target)
    except OSError:
        return archive
    return kept


def _wanted(spec: Obj) -> str:
    """What tells one artifact of a registry's repository from another."""
    return f"{spec.get('ref')} {spec.get('layerSelector')}"


def newest(tags: list[str], wanted: str, pattern: str) -> str:
    """The tag of the highest version in the range `wanted`, of those that match `pattern`. Raises Unavailable."""
    from pyflux.catalog.semver import Constraint, Version

    try:
        allowed, chosen = Constraint.parse(wanted), re.compile(pattern)
    except (ValueError, re.error) as why:
        raise Unavailable(f"semver {wanted!r} with semverFilter {pattern!r}: {why}") from None
    found = [
        (version, tag)
        for tag in tags
        if chosen.search(tag) and (version := Version.parse(tag)) is not None and allowed.allows(version)
    ]
    if not found:
        raise Unavailable(f"no tag matches semver {wanted!r}")
    return max(found, key=lambda one: one[0])[1]
