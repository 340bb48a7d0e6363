"""A chart that holds what another one rendered, word for word: how post-renderers come into a release.

The SDK takes no post-renderer. helm-controller always has one, if only for its labels, and it may change anything. So a
chart is rendered first, then changed, and what comes of it is written as the templates of a chart with the same name,
version and values. Helm releases that chart: its storage, hooks, order and waiting are Helm's own.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import built_in
from pyflux.errors import PyfluxError
from pyflux.render import kustomize
from pyflux.ui.yamlin import YamlError, load_all
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    Obj = dict[str, Any]

HOOK = "helm.sh/hook"
_FILE = "helm.toolkit.fluxcd.io/rendered-from"
_NOTES = "templates/NOTES.txt"


class RenderFailed(PyfluxError):
    """What a chart rendered cannot be read or changed."""


@dataclass
class Changes:
    """What is done to the rendered objects."""

    labels: dict[str, str] = field(default_factory=dict)
    """The origin's labels, which win over common ones."""
    common_labels: dict[str, str] = field(default_factory=dict)
    common_annotations: dict[str, str] = field(default_factory=dict)
    post_renderers: list[Obj] = field(default_factory=list)
    hooks_too: bool = True
    """Whether hooks are post-rendered."""
    hooks_apart: bool = False
    """Whether they are post-rendered for themselves, not together with the other objects."""
    without_hooks: bool = False
    """Whether hooks are left out of the release."""
    namespace: str = ""
    """Written into objects without one; empty where Helm does that by itself."""


def templates(manifests: dict[str, str], changes: Changes) -> tuple[dict[str, str], list[Obj]]:
    """Templates by path, and the objects in them that are no hooks. Raises RenderFailed.

    `manifests` holds what was rendered, by `chart/path`.
    """
    objects: list[tuple[str, Obj]] = []
    result: dict[str, str] = {}
    for name in sorted(manifests):
        path = name.partition("/")[2]
        if posixpath.basename(path) == "NOTES.txt":
            if path == _NOTES:
                result[path] = escaped(manifests[name])
            continue
        objects += [(path, obj) for obj in _objects(name, manifests[name])]
    if changes.without_hooks:
        objects = [(path, obj) for path, obj in objects if not is_hook(obj) or _is_test(obj)]
    objects = _changed(objects, changes)
    texts: dict[str, list[str]] = {}
    for path, obj in objects:
        texts.setdefault(_template_path(path), []).append(dump(obj))
    for path, documents in texts.items():
        result[path] = escaped("---\n".join(documents))
    return result, [obj for _, obj in objects if not is_hook(obj)]


def escaped(text: str) -> str:
    """Text that a template prints as it is."""
    return text.replace("{{", '{{ "{{" }}')


def is_hook(obj: Obj) -> bool:
    return HOOK in ((obj.get("metadata") or {}).get("annotations") or {})


def _is_test(obj: Obj) -> bool:
    hooks = str(obj["metadata"]["annotations"][HOOK]).split(",")
    return any(hook.strip() in ("test", "test-success") for hook in hooks)


def _template_path(path: str) -> str:
    return path if path.startswith("templates/") else f"templates/{path}"


def _objects(name: str, text: str) -> list[Obj]:
    try:
        documents = load_all(text, strict=False)
    except YamlError as why:
        raise RenderFailed(f"YAML parse error on {name}: {why}") from None
    found: list[Obj] = []
    for document in documents:
        if not document:
            continue
        if not isinstance(document, dict):
            raise RenderFailed(f"YAML parse error on {name}: what it renders is not an object")
        if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            found += document["items"]
        else:
            found.append(document)
    return found


def _changed(objects: list[tuple[str, Obj]], changes: Changes) -> list[tuple[str, Obj]]:
    chosen = [entry for entry in objects if changes.hooks_too or not is_hook(entry[1])]
    spared = [entry for entry in objects if not any(entry is other for other in chosen)]
    groups = [chosen]
    if changes.hooks_apart:
        groups = [[entry for entry in chosen if is_hook(entry[1]) is hooks] for hooks in (False, True)]
    for renderer in changes.post_renderers:
        if renderer.get("kustomize"):
            groups = [_kustomized(group, renderer["kustomize"]) if group else group for group in groups]
    chosen = [entry for group in groups for entry in group]
    for _, obj in chosen:
        metadata = obj.setdefault("metadata", {})
        labels = {**changes.common_labels, **changes.labels}
        if labels:
            metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
        if changes.common_annotations:
            metadata["annotations"] = {**(metadata.get("annotations") or {}), **changes.common_annotations}
    if changes.namespace:
        for _, obj in [*chosen, *spared]:
            if _is_namespaced(obj):
                metadata = obj.setdefault("metadata", {})
                metadata["namespace"] = metadata.get("namespace") or changes.namespace
    return [*chosen, *spared]


def _is_namespaced(obj: Obj) -> bool:
    known = built_in(obj.get("apiVersion", ""), obj.get("kind", ""))
    return known is None or known.namespaced


def _kustomized(objects: list[tuple[str, Obj]], spec: Obj) -> list[tuple[str, Obj]]:
    """Patches and images, by kustomize; an annotation remembers the file that an object came from."""
    for path, obj in objects:
        metadata = obj.setdefault("metadata", {})
        metadata["annotations"] = {**(metadata.get("annotations") or {}), _FILE: path}
    with tempfile.TemporaryDirectory(prefix="pyflux-") as folder:
        with open(os.path.join(folder, "helm-output.yaml"), "w", encoding="utf-8") as file:
            file.write("---\n".join(dump(obj) for _, obj in objects))
        with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
            file.write("resources:\n- helm-output.yaml\n")
        overlay = {key: spec[key] for key in ("patches", "images") if spec.get(key)}
        try:
            documents = load_all(kustomize.build(folder, "", overlay), strict=False)
        except PyfluxError as why:
            raise RenderFailed(f"error while running post render on files: {why.message}") from None
    found: list[tuple[str, Obj]] = []
    for obj in documents:
        if not obj:
            continue
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        path = annotations.pop(_FILE, "templates/post-rendered.yaml")
        if not annotations:
            obj["metadata"].pop("annotations", None)
        found.append((path, obj))
    return found


def shells(subcharts: list[Obj]) -> dict[str, str]:
    """Empty charts in the place of subcharts, whose templates are rendered already: Helm asks for their presence."""
    found: dict[str, str] = {}
    for metadata in subcharts:
        plain = {key: value for key, value in metadata.items() if key != "dependencies"}
        found[f"charts/{metadata['name']}-{len(found)}/Chart.yaml"] = dump(plain)
    return found


def write(folder: str, metadata: Obj, values: Obj, files: dict[str, str]) -> str:
    """Writes a chart below `folder`; its path."""
    root = os.path.join(folder, str(metadata["name"]))
    texts = {"Chart.yaml": dump(metadata), "values.yaml": dump(values) if values else "", **files}
    for path, text in texts.items():
        full = os.path.normpath(os.path.join(root, path))
        if not full.startswith(root + os.sep):
            raise RenderFailed(f"the chart holds a template outside of it: {path}")
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
    return root
