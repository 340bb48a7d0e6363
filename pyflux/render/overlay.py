"""The kustomization.yaml that a Flux Kustomization builds: the folder's own, or one made by scanning, plus the spec.

Pure but for reading the folder: nothing is written here. `pyflux.render.workspace` puts the result beside the files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.render.ignore import Ignore

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAX_SCANNED = 50_000
"""Manifests that one scan may find."""

_FIELDS = frozenset(
    (
        *("apiVersion", "kind", "metadata", "openapi", "namePrefix", "nameSuffix", "namespace", "commonLabels"),
        *("labels", "commonAnnotations", "patchesStrategicMerge", "patchesJson6902", "patches", "images", "imageTags"),
        *("replacements", "replicas", "vars", "sortOptions", "resources", "components", "crds", "bases"),
        *("configMapGenerator", "secretGenerator", "helmGlobals", "helmCharts", "helmChartInflationGenerator"),
        *("generatorOptions", "configurations", "generators", "transformers", "validators", "buildMetadata"),
    )
)
_LISTS = (
    *("images", "labels", "patches", "patchesJson6902", "replacements", "replicas", "vars"),
    *("configMapGenerator", "secretGenerator"),
)
_MAPS = ("commonLabels", "commonAnnotations", "generatorOptions", "metadata", "openapi", "sortOptions")
_REMOTE = ("git::", "gh:", "ssh://", "https://", "http://", "git@", "github.com:", "github.com/")
_URL_SCHEMES = ("http://", "https://", "ssh://", "git://", "file://")


class BuildError(PyfluxError):
    """The manifests of a folder cannot be built; the message is kustomize's or kustomize-controller's."""


class Overlay(NamedTuple):
    """A kustomization.yaml ready to build: `name` of the file, its `content`, and whether the folder had none."""

    name: str
    content: dict[str, Any]
    created: bool


def find(directory: str) -> str:
    """The name of the folder's own kustomization file, empty where it has none."""
    for name in FILE_NAMES:
        if os.path.isfile(os.path.join(directory, name)):
            return name
    return ""


def make(directory: str, spec: dict[str, Any], *, ignore: Ignore | None = None, drop_ignored: bool = True) -> Overlay:
    """What to build for a Kustomization's `spec` in `directory`. Raises BuildError, YamlError.

    Of what the folder's own file lists, `drop_ignored` leaves out what `ignore` excludes, as `flux build` does.
    """
    name = find(directory)
    content = _read(os.path.join(directory, name)) if name else _generated(directory, ignore)
    content = {key: value for key, value in content.items() if key in _FIELDS and value is not None}
    _spell_out(content)
    content.setdefault("apiVersion", "kustomize.config.k8s.io/v1beta1")
    content.setdefault("kind", "Kustomization")
    if name and not content.get("resources"):
        # kustomize refuses a file that asks for nothing; this asks for something without effect
        content["buildMetadata"] = ["originAnnotations"]
    if ignore is not None and drop_ignored:
        _filter(directory, content, ignore)
    _merge(directory, content, spec)
    # the controllers keep the order of the files, kubectl would sort
    content.setdefault("sortOptions", {"order": "fifo"})
    return Overlay(name or FILE_NAMES[0], content, not name)


def _read(path: str) -> dict[str, Any]:
    from pyflux.ui.yamlin import load

    with open(path, "rb") as file:
        content = load(file.read(), strict=False)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BuildError(f"{os.path.basename(path)} must hold a mapping, it holds a {_word(content)}")
    for field in ("resources", "components", "bases", "crds"):
        value = content.get(field)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise BuildError(f"{os.path.basename(path)}: {field} must be a list of strings")
    for field in _LISTS:
        value = content.get(field)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            raise BuildError(f"{os.path.basename(path)}: {field} must be a list of mappings")
    for field in _MAPS:
        if not isinstance(content.get(field) or {}, dict):
            raise BuildError(f"{os.path.basename(path)}: {field} must be a mapping")
    return content


def _spell_out(content: dict[str, Any]) -> None:
    """Makes texts of numbers and booleans where kustomize has text, as Flux does: `newTag: 1.2`."""
    for field in ("namespace", "namePrefix", "nameSuffix"):
        if field in content:
            content[field] = _text(content[field])
    maps = [content.get("commonLabels"), content.get("commonAnnotations")]
    maps += [item.get("pairs") for item in content.get("labels") or [] if isinstance(item, dict)]
    maps += [item for item in content.get("images") or [] if isinstance(item, dict)]
    for found in maps:
        if isinstance(found, dict):
            found.update({key: _text(value) for key, value in found.items()})


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else value


def _word(value: object) -> str:
    return {list: "list", str: "string", bool: "boolean"}.get(type(value), "number")


def _generated(directory: str, ignore: Ignore | None) -> dict[str, Any]:
    resources = [f"./{path}" for path in scan(directory, ignore)]
    return {"resources": resources} if resources else {"namespace": "_placeholder"}


def scan(directory: str, ignore: Ignore | None = None) -> list[str]:
    """Manifests below a folder, in walking order; a folder with a kustomization file of its own counts as one."""
    found = []
    for path in _walk(directory, "", ignore):
        found.append(path)
        if len(found) > MAX_SCANNED:
            raise BuildError(f"more than {MAX_SCANNED} manifests below {directory}")
    return found


def _walk(root: str, below: str, ignore: Ignore | None) -> Iterator[str]:
    with os.scandir(os.path.join(root, below) if below else root) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            if find(entry.path):
                yield path
            else:
                yield from _walk(root, path, ignore)
        elif os.path.splitext(entry.name)[1] in (".yaml", ".yml") and not (ignore and ignore.excludes(path)):
            yield path


def _filter(directory: str, content: dict[str, Any], ignore: Ignore) -> None:
    for field in ("resources", "components", "crds"):
        kept = []
        for item in content.get(field) or []:
            if field == "crds" or not item.startswith(_URL_SCHEMES):
                path = os.path.normpath(item)
                full = os.path.normpath(os.path.join(directory, path))
                if not os.path.lexists(full):
                    raise BuildError(f"lstat {full}: no such file or directory")
                is_dir = os.path.isdir(full) and not os.path.islink(full)
                if not path.startswith("..") and ignore.excludes(path, is_dir):
                    continue
            kept.append(item)
        if field in content:
            content[field] = kept


def is_local_relative(path: str) -> bool:
    """False for absolute paths and for what kustomize would fetch."""
    lowered = path.lower()
    if any(len(path) > len(prefix) and lowered.startswith(prefix) for prefix in _REMOTE):
        return False
    return not os.path.isabs(path) and not os.path.isabs(lowered.removeprefix("file://"))


def _merge(directory: str, content: dict[str, Any], spec: dict[str, Any]) -> None:
    """Lays the fields of a Flux Kustomization's spec over a kustomization file's."""
    for field, name in (("targetNamespace", "namespace"), ("namePrefix", "namePrefix"), ("nameSuffix", "nameSuffix")):
        if field in spec:
            content[name] = spec[field]
    for patch in spec.get("patches") or []:
        content.setdefault("patches", []).append(_patch(patch.get("patch", ""), patch.get("target")))
    components = list(content.get("components") or [])
    for component in spec.get("components") or []:
        if not is_local_relative(component):
            raise BuildError(f"component path '{component}' must be local and relative")
        if spec.get("ignoreMissingComponents") and not os.path.exists(os.path.join(directory, component)):
            continue
        components.append(component)
    if components:
        content["components"] = components
    for image in spec.get("images") or []:
        _merge_image(content.setdefault("images", []), image)
    if spec.get("buildMetadata"):
        content["buildMetadata"] = list(spec["buildMetadata"])


def _patch(text: str, target: dict[str, Any] | None) -> dict[str, Any]:
    patch: dict[str, Any] = {"patch": text} if text else {}
    if target is not None:
        patch["target"] = {key: value for key, value in target.items() if value}
    return patch


def _merge_image(images: list[dict[str, Any]], image: dict[str, Any]) -> None:
    for existing in images:
        if existing.get("name") == image.get("name"):
            if image.get("newName"):
                existing["newName"] = image["newName"]
            if image.get("newTag") or image.get("digest"):
                # tag and digest choose the version together: a new one of either replaces both
                for key in ("newTag", "digest"):
                    existing.pop(key, None)
                    if image.get(key):
                        existing[key] = image[key]
            return
    images.append({key: image[key] for key in ("name", "newName", "newTag", "digest") if image.get(key)})
