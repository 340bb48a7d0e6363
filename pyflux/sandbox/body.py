"""Objects from request bodies: strict decoding, defaults and, for custom resources, pruning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyflux.sandbox.defaults import apply_defaults
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.builtin import types
from pyflux.sandbox.schema.decode import DecodeError, Decoder
from pyflux.sandbox.status import ApiError, Obj, bad_request, invalid_value

if TYPE_CHECKING:
    from pyflux.sandbox.options import Options


def _bad_patch(shown: Any, text: str) -> ApiError:
    cause = invalid_value("patch", shown, text)
    body = {"reason": cause.kind, "message": cause.text, "field": cause.field}
    return ApiError(422, f' "" is invalid: {cause.field}: {cause.text}', details={"causes": [body]})


def no_kind(obj: Obj) -> str:
    """What the server says of a kind that nothing registers."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    return f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'


def converting(kind: Kind, obj: Obj) -> str:
    """What the server says of an object of another kind than the resource's."""
    group = kind.group.split(".")[0] or "core"
    return f"converting ({obj.get('apiVersion')}.{obj.get('kind')}) to ({group}.{kind.kind}): unknown conversion"


def _ordered(kind: Kind, obj: Obj) -> str:
    """The object as JSON in the order of the server's messages."""
    meta = obj.get("metadata") or {}
    names = list(types().get("meta.v1.ObjectMeta").fields)
    meta = {k: meta[k] for k in sorted(meta, key=lambda k: names.index(k) if k in names else 99)}
    return json.dumps({k: meta if k == "metadata" else obj[k] for k in sorted(obj)}, separators=(",", ":"))


def _strict(kind: Kind, unknown: list[str], options: Options, obj: Obj, patch: Any) -> None:
    if not unknown or options.field_validation == "Ignore":
        return
    texts = [u if u.startswith("duplicate") else f'unknown field "{u}"' for u in unknown]
    if options.field_validation == "Strict":
        text = "strict decoding error: " + ", ".join(texts)
        if patch is not None:
            raise _bad_patch(patch if isinstance(patch, str) else _ordered(kind, obj), text)
        raise bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {text}')
    options.warnings += texts


def _decode_failure(kind: Kind, error: DecodeError) -> ApiError:
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}')


def _unconvertible(kind: Kind, where: str, error: DecodeError) -> ApiError:
    gvk = f"{kind.group}/{kind.version}, Kind={kind.kind}"
    text = f"failed to convert new object ({where}; {gvk}) to proper version: unable to convert unstructured object to"
    return ApiError(500, f"{text} {gvk}: {error}", reason="")


def decode_object(
    kind: Kind,
    obj: Obj,
    options: Options,
    patch: Any = None,
    apply: bool = False,
    quiet: bool = False,
    where: str = "",
) -> Obj:
    """The object as the server keeps it.

    `patch`: it is the outcome of a patch, shown in errors when it is a text. `apply`: it is an apply configuration,
    which gets no defaults and keeps its form. `quiet`: unknown fields were reported before.
    `where`: it was applied; `namespace/name` as its configuration has them.
    """
    if patch is not None:
        _check_patched(kind, obj)
    duplicates = obj.pop(" duplicates", [])
    if kind.custom is not None:
        decoded: tuple[Obj, list[str]] = kind.custom.decode(obj, apply=apply)
        made, unknown = decoded
    else:
        made, unknown = _builtin(kind, obj, apply, patch, where)
    if not quiet:
        _strict(kind, [*duplicates, *unknown], options, obj, patch)
    made["apiVersion"], made["kind"] = kind.api_version, kind.kind
    return made


def _check_patched(kind: Kind, obj: Any) -> None:
    """A patch may not turn an object into something else."""
    if not isinstance(obj, dict):
        raise ApiError(422, "the patched object is not an object", details={})
    if obj.get("kind") != kind.kind and obj.get("apiVersion") == kind.api_version:
        raise _bad_patch(_ordered(kind, obj), converting(kind, obj))
    if obj.get("apiVersion") != kind.api_version:
        raise _bad_patch(_ordered(kind, obj), no_kind(obj))


def _builtin(kind: Kind, obj: Obj, apply: bool, patch: Any, where: str) -> tuple[Obj, list[str]]:
    if apply:
        # An apply configuration owns exactly what it says: zero values and all.
        return obj, []
    decoder = Decoder()
    try:
        made = decoder.object(kind.schema, obj)
    except DecodeError as error:
        if patch is not None:
            raise _bad_patch(patch if isinstance(patch, str) else _ordered(kind, obj), str(error)) from None
        if where:
            raise _unconvertible(kind, where, error) from None
        raise _decode_failure(kind, error) from None
    made.setdefault("metadata", {})
    apply_defaults(f"{kind.table}.{kind.kind}", made)
    return made, decoder.unknown


def decode_meta(meta: Any) -> tuple[Obj, list[str]]:
    """metadata of a custom resource; raises DecodeError."""
    decoder = Decoder()
    made = decoder.object(types().get("meta.v1.ObjectMeta"), meta or {})
    return made, [f"metadata.{u}" for u in decoder.unknown]


__all__ = ["decode_meta", "decode_object"]
