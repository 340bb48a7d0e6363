"""Making a chart's archive: pulled as it is, or packed anew for another version or other default values."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyflux.catalog.semver import Version
from pyflux.controllers.helm.work import Helm, HelmFailed, is_installed
from pyflux.controllers.source.chartfile import CHART_FILE, MAX_CHART, VALUES_FILE, ChartError, check_name, metadata_of
from pyflux.errors import PyfluxError
from pyflux.render.artifact import ArtifactError, unpack
from pyflux.render.values import merge
from pyflux.ui.yamlin import YamlError, load
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from pyflux.controllers.source.chartremote import Remote

    Obj = dict[str, Any]

_NAME = re.compile(r"([-a-z0-9]+/?\.?)+")
_SUMMARIES = {
    "InvalidChartReference": "invalid chart reference",
    "ChartPullError": "chart pull error",
    "MetadataPatchError": "chart metadata patch error",
    "ValuesFilesError": "values files merge error",
    "DependencyBuildError": "dependency build error",
    "ChartPackageError": "chart package error",
    "ChartVerificationError": "chart verification error",
    "AuthenticationFailed": "failed to authenticate with the Helm repository",
}
_BUILD = (
    *("MetadataPatchError", "ValuesFilesError", "DependencyBuildError", "ChartPackageError"),
    "ChartVerificationError",
)
_PERSISTENT = ("InvalidChartReference", "MetadataPatchError", "ValuesFilesError")


class BuildFailed(PyfluxError):
    """A chart cannot be had or packed; `reason` is source-controller's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{_SUMMARIES[reason]}: {message}")
        self.reason = reason
        self.is_build = reason in _BUILD
        self.is_persistent = reason in _PERSISTENT


@dataclass
class Build:
    """A chart. `path` is its new archive, empty where the one that is kept will do."""

    name: str
    version: str
    path: str = ""
    packaged: bool = False
    values_files: list[str] = field(default_factory=list)
    done: bool = False
    verified: bool = False
    """Whether a signature was asked for and found."""

    @property
    def summary(self) -> str:
        action = ("packaged" if self.packaged else "pulled") if self.done else "new"
        text = f"{action} '{self.name}' chart with version '{self.version}'"
        return f"{text} and merged values files [{' '.join(self.values_files)}]" if self.values_files else text

    @property
    def reason(self) -> str:
        return "ChartPackageSucceeded" if self.packaged else "ChartPullSucceeded"


def _values_files(obj: Obj) -> list[str]:
    """The values files that replace the chart's own."""
    found: list[str] = obj["spec"].get("valuesFiles") or []
    return [] if len(found) == 1 and os.path.normpath(found[0]) == VALUES_FILE else found


def _version(version: str, metadata: str) -> str:
    if not metadata:
        return version
    parsed = Version.parse(version)
    if parsed is None:
        text = "failed to parse version from chart metadata as SemVer: Invalid Semantic Version"
        raise BuildFailed("MetadataPatchError", text)
    plain = f"{parsed.major}.{parsed.minor}.{parsed.patch}" + (f"-{parsed.pre}" if parsed.pre else "")
    return f"{plain}+{metadata}"


def remote(remote: Remote, obj: Obj, folder: str, kept: str, announce: Callable[[Build], None]) -> Build:
    """A chart of a Helm repository or registry. Raises BuildFailed, SourceFailed."""
    name, wanted = obj["spec"]["chart"], obj["spec"].get("version") or ""
    if not _NAME.fullmatch(name):
        text = (
            f"invalid chart name '{name}': a valid name must be lower case letters and numbers and MAY be "
            "separated with dashes (-), slashes (/) or periods (.)"
        )
        raise BuildFailed("InvalidChartReference", text)
    entry = remote.find(name, wanted)
    try:
        check_name(entry["name"], entry["version"])
    except ChartError as why:
        raise BuildFailed("ChartPullError", why.message) from None
    verified = remote.verify(entry)
    files = _values_files(obj)
    metadata = str(obj["metadata"]["generation"]) if files else ""
    build = Build(entry["name"], _version(entry["version"], metadata), verified=verified)
    announce(build)
    if kept == f"{build.name}@{build.version}":
        return _as_kept(obj, build, bool(files), files)
    path = os.path.join(folder, "chart.tgz")
    remote.download(entry, path)
    if not files:
        try:
            metadata_of(path)
        except ChartError as why:
            text = f"failed to load chart metadata from written chart: {why.message}"
            raise BuildFailed("ChartPullError", text) from None
        build.path, build.done = path, True
        return build
    chart = _expanded(path, folder)
    values, build.values_files = _merged(chart, obj, files, remote=True)
    return _packed(build, chart, chart, values, folder)


def local(root: str, obj: Obj, folder: str, metadata: str, kept: str, announce: Callable[[Build], None]) -> Build:
    """A chart below a source's files at `root`. Raises BuildFailed."""
    path = _inside(root, obj["spec"]["chart"])
    try:
        found = metadata_of(path)
    except ChartError as why:
        raise BuildFailed("InvalidChartReference", why.message) from None
    files = _values_files(obj)
    if files:
        metadata = ".".join(part for part in (metadata, str(obj["metadata"]["generation"])) if part)
    build = Build(found["name"], _version(found["version"], metadata))
    packs = os.path.isdir(path) or bool(metadata) or bool(files)
    announce(build)
    if kept == f"{build.name}@{build.version}":
        return _as_kept(obj, build, packs, files)
    values: Obj | None = None
    if files:
        values, build.values_files = _merged(root, obj, files, remote=False)
    if not packs:
        build.path, build.done = path, True
        return build
    if os.path.isdir(path):
        return _packed(build, path, root, values, folder)
    chart = _expanded(path, folder)
    return _packed(build, chart, chart, values, folder)


def _as_kept(obj: Obj, build: Build, packaged: bool, files: list[str]) -> Build:
    build.done, build.packaged = True, packaged
    build.values_files = obj["status"].get("observedValuesFiles") or files
    return build


def _inside(root: str, path: str) -> str:
    full = os.path.normpath(os.path.join(root, path.lstrip("/")))
    if full != root and not full.startswith(root + os.sep):
        raise BuildFailed("InvalidChartReference", f"'{path}' leads outside of the source")
    return full


def _expanded(path: str, folder: str) -> str:
    """The folder of a chart's archive."""
    target = os.path.join(folder, "expanded")
    try:
        with open(path, "rb") as file:
            unpack(file, target)
    except (OSError, ArtifactError) as why:
        raise BuildFailed("ChartPackageError", f"failed to load downloaded chart: {why}") from None
    for entry in sorted(os.listdir(target)):
        if os.path.isfile(os.path.join(target, entry, CHART_FILE)):
            return os.path.join(target, entry)
    raise BuildFailed("ChartPackageError", f"failed to load downloaded chart: no '{CHART_FILE}' found")


def _merged(base: str, obj: Obj, files: list[str], *, remote: bool) -> tuple[Obj, list[str]]:
    """The values files laid on each other, and those that were there."""
    merged: Obj = {}
    used = []
    prefix = "failed to merge chart values: " if remote else ""
    for name in files:
        path = _inside(base, name)
        if not os.path.isfile(path) or os.path.islink(path):
            if obj["spec"].get("ignoreMissingValuesFiles") and not os.path.lexists(path):
                continue
            shown = f"'{name}'" if remote else f"'{path.removeprefix(base)}' (reference '{name}')"
            raise BuildFailed("ValuesFilesError", f"{prefix}no values file found at path {shown}")
        try:
            with open(path, "rb") as file:
                found = load(file.read(MAX_CHART), strict=False)
        except (OSError, YamlError) as why:
            text = f"{prefix}unmarshaling values from '{name}' failed: {why}"
            raise BuildFailed("ValuesFilesError", text) from None
        if found is not None and not isinstance(found, dict):
            text = f"{prefix}unmarshaling values from '{name}' failed: it is not a mapping"
            raise BuildFailed("ValuesFilesError", text)
        merged = merge(merged, found or {})
        used.append(name)
    return merged, used


def _check_dependencies(chart: str, root: str) -> None:
    """Charts that a chart takes from folders have to be below `root`. Raises BuildFailed."""
    try:
        found = list(metadata_of(chart).get("dependencies") or [])
        older = os.path.join(chart, "requirements.yaml")
        if os.path.isfile(older):
            with open(older, "rb") as file:
                found += (load(file.read(MAX_CHART), strict=False) or {}).get("dependencies") or []
    except ChartError as why:
        raise BuildFailed("ChartPackageError", why.message) from None
    except (OSError, YamlError, TypeError, AttributeError) as why:
        raise BuildFailed("ChartPackageError", f"cannot load the chart's dependencies: {why}") from None
    for one in found:
        place = str(one.get("repository") or "") if isinstance(one, dict) else ""
        if not place.startswith("file://"):
            continue
        full = os.path.normpath(os.path.join(chart, place.removeprefix("file://")))
        if full != root and not full.startswith(root + os.sep):
            text = f"can't load chart '{one.get('name')}' from '{place}': it leads outside of the source"
            raise BuildFailed("DependencyBuildError", text)


def _packed(build: Build, chart: str, root: str, values: Obj | None, folder: str) -> Build:
    """Packs a chart's folder, which is below `root`, by Helm."""
    _check_dependencies(chart, root)
    if not is_installed():
        text = 'packing a chart needs Helm\'s SDK; install it with: pip install "pyflux[helm]"'
        raise BuildFailed("ChartPackageError", text)
    if values is not None:
        with open(os.path.join(chart, VALUES_FILE), "w", encoding="utf-8") as file:
            file.write(dump(values) if values else "")
    destination = os.path.join(folder, "packed")
    shutil.rmtree(destination, ignore_errors=True)
    os.mkdir(destination)
    try:
        with Helm() as helm:
            build.path = helm.call("package", path=chart, version=build.version, destination=destination)
    except HelmFailed as why:
        raise BuildFailed("ChartPackageError", why.message) from None
    build.packaged = build.done = True
    return build
