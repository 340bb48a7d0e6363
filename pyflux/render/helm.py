"""Renders a HelmRelease as helm-controller would: chart, values, CRDs, post-renderers, labels.

The templates are rendered by Helm's own SDK (`helm-python-sdk`, the extra `helm`), without a cluster: `lookup` finds
nothing, and hooks of tests are left out.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import built_in
from pyflux.errors import PyfluxError
from pyflux.render import kustomize
from pyflux.render.values import merge
from pyflux.ui.yamlin import YamlError, load, load_all
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    Obj = dict[str, Any]

GROUP = "helm.toolkit.fluxcd.io"
MAX_NAME = 53
_HASH_LENGTH = 12


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


def render(release: Obj, chart_path: str, values: Obj) -> list[Obj]:
    """The objects that the release applies, CRDs first, in the order of the chart's templates. Raises HelmError."""
    helm = sdk()
    namespace = release_namespace(release)
    try:
        with helm.Chart.load(chart_path) as chart:
            crds = [entry["data"] for entry in chart.crds] if _wants_crds(release) else []
            if not (release.get("spec") or {}).get("install", {}).get("disableSchemaValidation"):
                chart.validate_schema(values)
            manifests: dict[str, str] = chart.render(
                values, name=release_name(release), namespace=namespace, is_install=True, revision=1
            )
    except helm.HelmError as error:
        raise HelmError(" ".join(str(error).split())) from None
    definitions = [obj for text in crds for obj in _objects("crds", text)]
    objects = [
        obj
        for name, text in manifests.items()
        if not name.endswith("NOTES.txt")
        for obj in _objects(name, text)
        if not _is_test(obj)
    ]
    objects = _post_render(release, objects)
    for obj in objects:
        if _is_namespaced(obj):
            obj.setdefault("metadata", {}).setdefault("namespace", namespace)
    return definitions + objects


def merge_files(chart_path: str, names: list[str], values: Obj) -> Obj:
    """`values` laid on the chart's own values files, in order (`valuesFiles`). Raises HelmError."""
    merged: Obj = {}
    helm = sdk()
    try:
        with helm.Chart.load(chart_path) as chart:
            files = {entry["name"]: entry["data"] for entry in chart.files}
            files["values.yaml"] = dump(chart.values)
    except helm.HelmError as error:
        raise HelmError(" ".join(str(error).split())) from None
    for name in names:
        text = files.get(os.path.normpath(name))
        if text is None:
            raise HelmError(f"no values file found at path '{name}'")
        merged = merge(merged, load(text) or {})
    return merge(merged, values)


def _wants_crds(release: Obj) -> bool:
    policy = ((release.get("spec") or {}).get("install") or {}).get("crds") or "Create"
    return policy != "Skip"


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
        yield from document["items"] if document["kind"] == "List" else [document]


def _is_test(obj: Obj) -> bool:
    hooks = str(((obj.get("metadata") or {}).get("annotations") or {}).get("helm.sh/hook") or "")
    return any(hook.strip() in ("test", "test-success", "test-failure") for hook in hooks.split(","))


def _is_namespaced(obj: Obj) -> bool:
    known = built_in(obj.get("apiVersion", ""), obj.get("kind", ""))
    return known is None or known.namespaced


def _post_render(release: Obj, objects: list[Obj]) -> list[Obj]:
    spec = release.get("spec") or {}
    hooks = [obj for obj in objects if "helm.sh/hook" in ((obj.get("metadata") or {}).get("annotations") or {})]
    plain = [obj for obj in objects if not any(obj is hook for hook in hooks)]
    for renderer in spec.get("postRenderers") or []:
        if renderer.get("kustomize") and plain:
            plain = _kustomized(plain, renderer["kustomize"])
    common = spec.get("commonMetadata") or {}
    labels = {
        **(common.get("labels") or {}),
        f"{GROUP}/name": release["metadata"]["name"],
        f"{GROUP}/namespace": release["metadata"].get("namespace", ""),
    }
    for obj in plain:
        meta = obj.setdefault("metadata", {})
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
        if common.get("annotations"):
            meta["annotations"] = {**(meta.get("annotations") or {}), **common["annotations"]}
    return plain + hooks


def _kustomized(objects: list[Obj], spec: Obj) -> list[Obj]:
    with tempfile.TemporaryDirectory(prefix="pyflux-") as folder:
        with open(os.path.join(folder, "helm-output.yaml"), "w", encoding="utf-8") as file:
            file.write("---\n".join(dump(obj) for obj in objects))
        with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
            file.write("resources:\n- helm-output.yaml\n")
        overlay = {key: spec[key] for key in ("patches", "images") if spec.get(key)}
        text = kustomize.build(folder, "", overlay)
    return [obj for obj in load_all(text, strict=False) if obj]
