"""Objects from request bodies: strict decoding, defaults and, for custom resources, pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.sandbox.defaults import apply_defaults
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.builtin import types
from pyflux.sandbox.schema.decode import DecodeError, Decoder
from pyflux.sandbox.status import ApiError, Obj, bad_request, invalid_value, required

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Options


def _strict(kind: Kind, unknown: list[str], options: Options, obj: Obj, patch: bool) -> None:
    if not unknown or options.field_validation == "Ignore":
        return
    texts = [u if u.startswith("duplicate") else f'unknown field "{u}"' for u in unknown]
    if options.field_validation == "Strict":
        text = "strict decoding error: " + ", ".join(texts)
        if patch:
            import json

            cause = invalid_value("patch", json.dumps(obj, separators=(",", ":")), text)
            raise ApiError(
                422,
                f' "" is invalid: {cause.field}: {cause.text}',
                details={"causes": [{"reason": cause.kind, "message": cause.text, "field": cause.field}]},
            )
        raise bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {text}')
    options.warnings += texts


def _decode_failure(kind: Kind, error: DecodeError) -> ApiError:
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}')


def decode_object(
    kind: Kind, obj: Obj, options: Options, patch: bool = False, apply: bool = False, quiet: bool = False
) -> Obj:
    """The object as the server keeps it.

    `patch`: it is the outcome of a patch. `apply`: it is an apply configuration, which gets no defaults and
    keeps its form. `quiet`: unknown fields were reported before.
    """
    given = obj.get("apiVersion"), obj.get("kind")
    if given[1] and given[1] != kind.kind:
        raise bad_request(
            f'{given[1]} in version {given[0]!r} cannot be handled as a {kind.kind}: no kind "{given[1]}" is registered for version'.replace(
                "'", '"'
            )
        )
    if given[0] and given[0] != kind.api_version:
        raise bad_request(
            f"the API version in the data ({given[0]}) does not match the expected API version ({kind.api_version})"
        )
    meta = obj.get("metadata")
    if meta is not None and not isinstance(meta, dict):
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: json: cannot unmarshal'
        )
    duplicates = obj.pop(" duplicates", [])
    if kind.custom is not None:
        decoded: tuple[Obj, list[str]] = kind.custom.decode(obj, apply=apply)
        made, unknown = decoded
    else:
        made, unknown = _builtin(kind, obj, apply)
    if not quiet:
        _strict(kind, [*duplicates, *unknown], options, obj, patch)
    made["apiVersion"], made["kind"] = kind.api_version, kind.kind
    return made


def _builtin(kind: Kind, obj: Obj, apply: bool) -> tuple[Obj, list[str]]:
    decoder = Decoder()
    try:
        made = decoder.object(kind.schema, obj)
    except DecodeError as error:
        raise _decode_failure(kind, error) from None
    if apply:
        # An apply configuration owns exactly what it says: zero values and all.
        return obj, []
    made.setdefault("metadata", {})
    apply_defaults(f"{kind.table}.{kind.kind}", made)
    return made, decoder.unknown


def decode_meta(meta: Any) -> tuple[Obj, list[str]]:
    """metadata of a custom resource; raises DecodeError."""
    decoder = Decoder()
    made = decoder.object(types().get("meta.v1.ObjectMeta"), meta or {})
    return made, [f"metadata.{u}" for u in decoder.unknown]


__all__ = ["decode_meta", "decode_object", "required"]
