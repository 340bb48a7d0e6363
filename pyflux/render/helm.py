"""Renders a HelmRelease as helm-controller would: chart, values, CRDs, post-renderers, labels.

The templates are rendered by Helm's own SDK (`helm-python-sdk`, the extra `helm`), without a cluster: `lookup` finds
nothing, and hooks of tests are left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import built_in
from pyflux.errors import PyfluxError
from pyflux.render import kustomize
from pyflux.render.artifact import ArtifactError, unpack
from pyflux.render.values import merge
from pyflux.ui.yamlin import YamlError, load, load_all
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    Obj = dict[str, Any]

GROUP = "helm.toolkit.fluxcd.io"
MAX_NAME = 53
_HASH_LENGTH = 12
_CHART = "Chart.yaml"
_VALUES = "values.yaml"
_SCHEMA = "values.schema.json"


@dataclass(frozen=True)
class ChartSource:
    """A chart (folder or archive) at `path`, and the values files that take the place of its own."""

    path: str
    values_files: tuple[str, ...] = ()
    base: str = ""
    """The folder that values files are relative to; empty for the chart itself."""
    ignore_missing: bool = False

    def values_paths(self) -> list[str]:
        """The values files outside of the chart that exist."""
        found = [os.path.join(self.base, name) for name in self.values_files] if self.base else []
        return [path for path in found if os.path.isfile(path)]


class HelmError(PyfluxError):
    """A chart cannot be loaded or rendered; the message is Helm's."""


def sdk() -> Any:
    """The `helm_python` module. Raises HelmError with what to install where it is missing."""
    try:
        import helm_python
    except ImportError:
        raise HelmError(
            "rendering a HelmRelease needs Helm's SDK, which is not installed",
            hint='install it with: pip install "pyflux[helm]"',
        ) from None
    return helm_python


@cache
def sdk_identity() -> str:
    """What tells one version of the SDK from another, without loading it; empty where there is none."""
    from importlib.util import find_spec

    found = find_spec("helm_python")
    if found is None or found.origin is None:
        return ""
    installed = os.path.dirname(os.path.dirname(found.origin))
    for name in sorted(os.listdir(installed)):
        if name.startswith("helm_python_sdk-") and name.endswith(".dist-info"):
            return name
    return str(os.stat(found.origin).st_mtime_ns)


def release_name(release: Obj) -> str:
    """The name of the Helm release: given, or made of target namespace and name, at most 53 characters."""
    spec, meta = release.get("spec") or {}, release["metadata"]
    name: str = spec.get("releaseName") or (
        f"{spec['targetNamespace']}-{meta['name']}" if spec.get("targetNamespace") else meta["name"]
    )
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: MAX_NAME - 1 - _HASH_LENGTH]}-{digest}"


def release_namespace(release: Obj) -> str:
    """The namespace that the release's objects go to unless they name one."""
    namespace: str = (release.get("spec") or {}).get("targetNamespace") or release["metadata"].get("namespace", "")
    return namespace


def render(release: Obj, source: ChartSource, values: Obj) -> list[Obj]:
    """The objects that the release applies: CRDs, then those of the templates, then hooks. Raises HelmError."""
    helm = sdk()
    namespace = release_namespace(release)
    install = (release.get("spec") or {}).get("install") or {}
    lenient = bool(install.get("disableSchemaValidation"))
    path = source.path
    try:
        with _prepared(source, without_schema=lenient) as path, helm.Chart.load(path) as chart:
            crds = [entry["data"] for entry in chart.crds] if _wants_crds(install) else []
            if not lenient:
                chart.validate_schema(values)
            manifests: dict[str, str] = chart.render(
                values, name=release_name(release), namespace=namespace, is_install=True, revision=1
            )
    except helm.HelmError as error:
        # the chart may be a copy in a private folder
        text = str(error).replace(f"{path}/", "").replace(path, os.path.basename(source.path))
        raise HelmError(" ".join(text.split())) from None
    definitions = [obj for text in crds for obj in _objects("crds", text)]
    for obj in definitions:
        _label(obj, _origin(release), {})
    objects = [
        obj
        for name, text in sorted(manifests.items())
        if not name.endswith("NOTES.txt")
        for obj in _objects(name, text)
        if not _is_test(obj) and not (install.get("disableHooks") and _is_hook(obj))
    ]
    objects = _post_render(release, objects)
    for obj in objects:
        if _is_namespaced(obj):
            obj.setdefault("metadata", {}).setdefault("namespace", namespace)
    return definitions + objects


@contextmanager
def _prepared(source: ChartSource, *, without_schema: bool) -> Iterator[str]:
    """The chart, or a changed copy of it: with the values files that are asked for, or without schemas of values."""
    names = source.values_files
    if len(names) == 1 and os.path.normpath(names[0]) == _VALUES:
        names = ()
    if not names and not without_schema:
        yield source.path
        return
    with tempfile.TemporaryDirectory(prefix="pyflux-") as scratch:
        copy = _copied(source.path, scratch)
        if without_schema:
            for folder, _, files in os.walk(copy):
                if _SCHEMA in files:
                    os.unlink(os.path.join(folder, _SCHEMA))
        if names:
            _set_values(copy, _merged_files(source.base or copy, names, ignore_missing=source.ignore_missing))
        yield copy


def _copied(chart: str, scratch: str) -> str:
    """A folder of our own with the chart in it."""
    copy = os.path.join(scratch, "chart")
    if os.path.isdir(chart):
        shutil.copytree(chart, copy)
        return copy
    try:
        with open(chart, "rb") as archive:
            unpack(archive, copy)
    except (OSError, ArtifactError) as why:
        raise HelmError(f"failed to load chart: {why}") from None
    for entry in os.scandir(copy):
        if os.path.isfile(os.path.join(entry.path, _CHART)):
            return entry.path
    raise HelmError(f"failed to load chart: no {_CHART} found")


def _set_values(chart: str, values: Obj) -> None:
    """Writes values and version as source-controller packs a chart with values files."""
    # the generation of a HelmChart that never changed
    set_build(chart, "1")
    with open(os.path.join(chart, _VALUES), "w", encoding="utf-8") as file:
        file.write(dump(values) if values else "")


def set_build(chart: str, build: str) -> None:
    """Gives the version of a chart's folder, which is changed, another build part: 1.2.3+build. Raises HelmError."""
    path = os.path.join(chart, _CHART)
    try:
        with open(path, encoding="utf-8") as file:
            metadata = load(file.read(), strict=False)
    except (OSError, UnicodeDecodeError, YamlError) as why:
        raise HelmError(f"failed to load {_CHART}: {_reason(why)}") from None
    if not isinstance(metadata, dict):
        raise HelmError(f"failed to load {_CHART}: it is not a mapping")
    metadata["version"] = f"{str(metadata.get('version', '')).partition('+')[0]}+{build}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(dump(metadata))


def _reason(why: Exception) -> str:
    """What is wrong with a file that the message names already: it may be a copy in a private folder."""
    return (why.strerror or str(why)) if isinstance(why, OSError) else str(why)


def _merged_files(base: str, names: tuple[str, ...], *, ignore_missing: bool) -> Obj:
    """Values files laid on each other, in order. Raises HelmError."""
    merged: Obj = {}
    for name in names:
        path = os.path.realpath(os.path.join(base, name))
        if not path.startswith(os.path.realpath(base) + os.sep):
            raise HelmError(f"values file '{name}' leads outside of the source")
        if not os.path.isfile(path):
            if ignore_missing:
                continue
            raise HelmError(f"no values file found at path '{name}'")
        try:
            with open(path, encoding="utf-8") as file:
                found = load(file.read(), strict=False)
        except (OSError, UnicodeDecodeError, YamlError) as why:
            raise HelmError(f"unmarshaling values from '{name}' failed: {_reason(why)}") from None
        if found is not None and not isinstance(found, dict):
            raise HelmError(f"unmarshaling values from '{name}' failed: it is not a mapping")
        merged = merge(merged, found or {})
    return merged


def _wants_crds(install: Obj) -> bool:
    return (install.get("crds") or "Create") != "Skip" and not install.get("skipCRDs")


def _objects(name: str, text: str) -> Iterator[Obj]:
    try:
        documents = list(load_all(text, strict=False))
    except YamlError as error:
        raise HelmError(f"{name} does not render to YAML: {error}") from None
    for document in documents:
        if not document:
            continue
        if not isinstance(document, dict) or not document.get("kind"):
            raise HelmError(f"{name} renders to something that is not a Kubernetes object")
        items = document.get("items")
        for obj in items if document["kind"] == "List" and isinstance(items, list) else [document]:
            if not _is_shaped(obj):
                raise HelmError(f"{name} renders to an object whose metadata are no mappings")
            yield obj


def _is_shaped(obj: object) -> bool:
    metadata = (obj.get("metadata") or {}) if isinstance(obj, dict) else None
    return isinstance(metadata, dict) and all(
        isinstance(metadata.get(field) or {}, dict) for field in ("labels", "annotations")
    )


def _is_test(obj: Obj) -> bool:
    hooks = str(((obj.get("metadata") or {}).get("annotations") or {}).get("helm.sh/hook") or "")
    return any(hook.strip() in ("test", "test-success", "test-failure") for hook in hooks.split(","))


def _is_namespaced(obj: Obj) -> bool:
    known = built_in(obj.get("apiVersion", ""), obj.get("kind", ""))
    return known is None or known.namespaced


def _is_hook(obj: Obj) -> bool:
    return "helm.sh/hook" in ((obj.get("metadata") or {}).get("annotations") or {})


def _post_render(release: Obj, objects: list[Obj]) -> list[Obj]:
    """Post-renderers and labels; hooks take part unless `postRenderStrategy` says otherwise. Hooks come last."""
    spec = release.get("spec") or {}
    strategy = spec.get("postRenderStrategy") or "combined"
    plain = [obj for obj in objects if not _is_hook(obj)]
    hooks = [obj for obj in objects if _is_hook(obj)]
    if strategy == "nohooks":
        return _changed(release, plain) + hooks
    if strategy == "separate":
        return _changed(release, plain) + _changed(release, hooks)
    changed = _changed(release, objects)
    return [obj for obj in changed if not _is_hook(obj)] + [obj for obj in changed if _is_hook(obj)]


def _changed(release: Obj, objects: list[Obj]) -> list[Obj]:
    spec = release.get("spec") or {}
    for renderer in spec.get("postRenderers") or []:
        if renderer.get("kustomize") and objects:
            objects = _kustomized(objects, renderer["kustomize"])
    common = spec.get("commonMetadata") or {}
    for obj in objects:
        _label(obj, {**(common.get("labels") or {}), **_origin(release)}, common.get("annotations") or {})
    return objects


def _origin(release: Obj) -> dict[str, str]:
    meta = release["metadata"]
    return {f"{GROUP}/name": meta["name"], f"{GROUP}/namespace": meta.get("namespace", "")}


def _label(obj: Obj, labels: dict[str, str], annotations: dict[str, str]) -> None:
    meta = obj.setdefault("metadata", {})
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    if annotations:
        meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}


def _kustomized(objects: list[Obj], spec: Obj) -> list[Obj]:
    with tempfile.TemporaryDirectory(prefix="pyflux-") as folder:
        with open(os.path.join(folder, "helm-output.yaml"), "w", encoding="utf-8") as file:
            file.write("---\n".join(dump(obj) for obj in objects))
        with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
            file.write("resources:\n- helm-output.yaml\n")
        overlay = {key: spec[key] for key in ("patches", "images") if spec.get(key)}
        text = kustomize.build(folder, "", overlay)
    return [obj for obj in load_all(text, strict=False) if obj]
