"""What `build kustomization` makes of a folder and a Flux Kustomization: objects as the controller would apply them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from pyflux.render import ignore, kustomize, manifests, sopsmask
from pyflux.render.overlay import BuildError
from pyflux.render.shape import ShapeError, with_texts
from pyflux.render.substitute import SubstitutionError, check_names, substitute
from pyflux.ui.yamlin import YamlError, load
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyflux.render.sops import Sops

    Obj = dict[str, Any]

GROUP = "kustomize.toolkit.fluxcd.io"
_SUBSTITUTE = f"{GROUP}/substitute"
_VIEW = re.compile(r"[^\s'\"]*/kustomization-[a-z0-9_]{8}(?=/)")
_DOCUMENT = re.compile(r"^---.*$", re.M)


def is_kustomization(obj: Obj) -> bool:
    """True for a Flux Kustomization of any version."""
    return obj.get("kind") == "Kustomization" and str(obj.get("apiVersion")).startswith(f"{GROUP}/")


def name_of(obj: Obj) -> tuple[str, str]:
    """Namespace and name of an object; the namespace is empty where it says none."""
    metadata = obj.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}
    return str(found.get("namespace") or ""), str(found.get("name") or "")


def read_kustomization(path: str, name: str, namespace: str) -> Obj:
    """The Kustomization called `name` of a YAML file, in `namespace` or in none. Raises BuildError."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as why:
        raise BuildError(f"failed to read kustomization file {path}: {why}") from why
    for document in _DOCUMENT.split(text):
        try:
            obj = load(document, strict=False)
        except YamlError as why:
            cause = f"error converting YAML to JSON: {why.message}"
            raise BuildError(f"failed to unmarshall kustomization file {path}: {cause}") from why
        if isinstance(obj, dict) and is_kustomization(obj) and name_of(obj) in ((namespace, name), ("", name)):
            obj["spec"] = obj.get("spec") or {}
            try:
                return with_texts(obj)
            except ShapeError as why:
                raise BuildError(f"failed to unmarshall kustomization file {path}: {why.message}") from None
    raise BuildError(f"failed find kustomization with name '{name}' and namespace '{namespace}' in file '{path}'")


def source_key(kustomization: Obj) -> str:
    """The source of a Kustomization as `--local-sources` names it: Kind/namespace/name."""
    ref = kustomization["spec"].get("sourceRef") or {}
    parts = (ref.get("kind"), ref.get("namespace") or name_of(kustomization)[0], ref.get("name"))
    return "/".join(str(part) for part in parts if part)


def build(
    kustomization: Obj,
    path: str,
    *,
    variables: Callable[[], Mapping[str, str] | None] | None = None,
    strict: bool = False,
    ignore_lines: Sequence[str] = (),
    sops: Sops | None = None,
    warn: Callable[[str], None] | None = None,
    timeout: float = kustomize.DEFAULT_TIMEOUT,
) -> list[Obj]:
    """The objects of folder `path`, in kustomize's order. Raises BuildError.

    `variables` is asked for each object that may have some; None, from it or for it, substitutes nothing.
    `sops` decrypts objects, and the files of generators and patches. `warn` is told kustomize's warnings.
    The folder may refer to files anywhere and to remote bases, as it may with flux: it is the user's own.
    """
    text = _kustomized(kustomization, path, ignore_lines, sops, warn, timeout)
    namespace, name = name_of(kustomization)
    labels = {f"{GROUP}/name": name, f"{GROUP}/namespace": namespace}
    found: list[Obj] = []
    for document in manifests.split(text):
        obj = _one(document, variables, strict, sops)
        metadata = obj.setdefault("metadata", {})
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
        sopsmask.mask(obj)
        if _is_applied(obj):
            found.append(obj)
    _common_metadata(found, kustomization["spec"].get("commonMetadata"))
    return found


def _is_applied(obj: Obj) -> bool:
    """False for what is no Kubernetes object, or configures kustomize."""
    kind, version = obj.get("kind"), obj.get("apiVersion")
    config = kind == "Kustomization" and str(version).startswith("kustomize.config.k8s.io/")
    named = all(isinstance(text, str) and text for text in (kind, version))
    return named and bool(name_of(obj)[1]) and not config


def _kustomized(
    kustomization: Obj,
    path: str,
    ignore_lines: Sequence[str],
    sops: Sops | None,
    warn: Callable[[str], None] | None,
    timeout: float,
) -> str:
    folder = os.path.realpath(path)
    rules = ignore.for_build(folder, "\n".join(ignore_lines))
    try:
        return kustomize.build(
            os.sep,
            folder.lstrip(os.sep),
            kustomization["spec"],
            ignore=rules,
            allow_remote=True,
            decrypt=sops.file if sops is not None else None,
            warn=warn,
            timeout=timeout,
        )
    except (BuildError, YamlError) as why:
        # kustomize saw the folder below a private one
        message = _VIEW.sub("", why.message)
        if isinstance(why, YamlError):
            message = f"error converting YAML to JSON: {message}"
        if not message.startswith(("kustomize build failed", "error decrypting sources")):
            message = f"failed to generate kustomization.yaml: {message}"
        raise BuildError(message, hint=why.hint) from why
    except OSError as why:
        raise BuildError(f"failed to generate kustomization.yaml: {why.filename}: {why.strerror}") from why


def _one(
    document: str,
    ask: Callable[[], Mapping[str, str] | None] | None,
    strict: bool,
    sops: Sops | None,
) -> Obj:
    obj: Obj = load(document, strict=False)
    if sops is not None:
        try:
            clear = sops.object(obj)
        except BuildError as why:
            raise BuildError(f"decryption failed for '{manifests.title(obj)}': {why.message}", hint=why.hint) from None
        if clear is not None:
            obj, document = clear, dump(clear)
    if ask is None or _opted_out(obj):
        return obj
    try:
        variables = ask()
        if variables is None:
            return obj
        replaced = _substituted(document, variables, strict)
        if replaced == document:
            return obj
        found: Obj = load(replaced, strict=False)
    except YamlError as why:
        raise _failed(obj, f"envsubst error: YAMLToJSON: {why.message}") from None
    except BuildError as why:
        raise _failed(obj, why.message) from why
    return found


def _failed(obj: Obj, why: str) -> BuildError:
    return BuildError(f"var substitution failed for '{name_of(obj)[1]}': {why}")


def _substituted(document: str, variables: Mapping[str, str], strict: bool) -> str:
    try:
        check_names(variables)
    except SubstitutionError as why:
        raise BuildError(f"envsubst error: {why.message}") from None
    try:
        return substitute(document, variables, strict=strict)
    except SubstitutionError as why:
        raise BuildError(f"envsubst error: variable substitution failed: {why.message}") from None


def _opted_out(obj: Obj) -> bool:
    metadata = obj.get("metadata") or {}
    return any((metadata.get(field) or {}).get(_SUBSTITUTE) == "disabled" for field in ("labels", "annotations"))


def _common_metadata(objects: list[Obj], common: Obj | None) -> None:
    for field in ("labels", "annotations"):
        for obj in objects:
            manifests.lay_metadata(obj, field, (common or {}).get(field))
