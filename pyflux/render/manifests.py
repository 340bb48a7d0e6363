"""What happens to kustomize's output before it is applied: decryption, substitution, reading into objects.

Works on the text document by document, since substitution is a matter of text: `replicas: ${n}` becomes a number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pyflux.render.overlay import BuildError
from pyflux.render.substitute import SubstitutionError, check_names, substitute
from pyflux.ui.yamlin import YamlError, load, load_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Obj = dict[str, Any]

SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"
DISABLED = "disabled"

_SEPARATOR = re.compile(r"^---[ \t]*\n", re.M)


def split(text: str) -> list[str]:
    """The documents of kustomize's output, each ending in a line break."""
    return [part for part in _SEPARATOR.split(text) if part.strip()]


def join(documents: list[str]) -> str:
    """Documents as kustomize prints several of them."""
    return "---\n".join(documents)


def post_build(
    text: str,
    *,
    variables: Mapping[str, str] | None = None,
    strict: bool = False,
    decrypt: Callable[[Obj], Obj | None] | None = None,
) -> str:
    """kustomize's output with its objects decrypted and its variables replaced; None replaces nothing.

    `decrypt` gives the object in the clear, or None for one that is not encrypted.
    Raises BuildError in kustomize-controller's words.
    """
    return join([_one(document, variables, strict, decrypt) for document in split(text)])


def _one(
    document: str,
    variables: Mapping[str, str] | None,
    strict: bool,
    decrypt: Callable[[Obj], Obj | None] | None,
) -> str:
    if decrypt is not None:
        document = _decrypted(document, decrypt)
    if variables is None or ("$" not in document and all(map(str.isidentifier, variables))):
        return document
    if SUBSTITUTE in document and _opted_out(load(document, strict=False)):
        return document
    try:
        return _substituted(document, variables, strict)
    except (SubstitutionError, YamlError) as error:
        raise BuildError(f"post build failed for '{title(load(document, strict=False))}': {_cause(error)}") from None


def _cause(error: SubstitutionError | YamlError) -> str:
    if isinstance(error, YamlError):
        return f"envsubst error: YAMLToJSON: {error.message}"
    if "var name is invalid" in error.message:
        return f"envsubst error: {error.message}"
    return f"envsubst error: variable substitution failed: {error.message}"


def _substituted(document: str, variables: Mapping[str, str], strict: bool) -> str:
    from pyflux.ui.yamlout import dump

    check_names(variables)
    replaced = substitute(document, variables, strict=strict)
    if replaced == document:
        return document
    return dump(load(replaced, strict=False))


def _decrypted(document: str, decrypt: Callable[[Obj], Obj | None]) -> str:
    from pyflux.ui.yamlout import dump

    if "sops:" not in document and "kind: Secret" not in document:
        # a Secret may hold encrypted files, which base64 hides
        return document
    obj = load(document, strict=False)
    try:
        clear = decrypt(obj)
    except BuildError as error:
        raise BuildError(f"decryption failed for '{title(obj)}': {error.message}", hint=error.hint) from None
    return document if clear is None else dump(clear)


def _opted_out(obj: Any) -> bool:
    metadata = (obj.get("metadata") if isinstance(obj, dict) else None) or {}
    return any((metadata.get(field) or {}).get(SUBSTITUTE) == DISABLED for field in ("labels", "annotations"))


def title(obj: Any) -> str:
    """How kustomize names an object: Deployment.v1.apps/web."""
    if not isinstance(obj, dict):
        return "~"
    group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
    name = (obj.get("metadata") or {}).get("name", "")
    return f"{obj.get('kind') or '[noKind]'}.{version or '[noVer]'}.{group or '[noGrp]'}/{name}"


def read_objects(text: str) -> list[Obj]:
    """The objects of a build, lists taken apart. Raises BuildError for one without apiVersion, kind or name."""
    objects: list[Obj] = []
    for document in load_all(text, strict=False):
        if document is None:
            continue
        for obj in _flat(document):
            _require_identity(obj)
            if not (obj["kind"] == "Kustomization" and obj["apiVersion"].startswith("kustomize.config.k8s.io/")):
                objects.append(obj)
    return objects


def _flat(document: Any) -> Iterator[Any]:
    if isinstance(document, dict) and isinstance(document.get("items"), list):
        yield from document["items"]
    else:
        yield document


def _require_identity(obj: Any) -> None:
    fine = isinstance(obj, dict) and all(isinstance(obj.get(key), str) and obj[key] for key in ("apiVersion", "kind"))
    if fine and isinstance(obj.get("metadata"), dict) and obj["metadata"].get("name"):
        return
    import json

    shown = json.dumps(obj, sort_keys=True, separators=(",", ":"))
    raise BuildError(f"failed to decode Kubernetes apiVersion, kind and name from: {shown[:1000]}")


def lay_metadata(obj: Obj, field: str, values: Mapping[str, str] | None) -> None:
    """Lays labels or annotations over an object's, in place.

    One value of the object that is no text makes all of them void, as in Go's typed maps.
    """
    if values:
        metadata = obj["metadata"]
        known = metadata.get(field) or {}
        fine = isinstance(known, dict) and all(isinstance(value, str) for value in known.values())
        metadata[field] = {**known, **values} if fine else dict(values)
