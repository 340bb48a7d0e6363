"""The values of a HelmRelease: `valuesFrom` in order, then `spec.values`, as helm-controller composes them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError
from pyflux.render.strvals import SetError, parse_into
from pyflux.ui.yamlin import YamlError, load

if TYPE_CHECKING:
    from collections.abc import Callable

    Obj = dict[str, Any]
    Lookup = Callable[[str, str, str], Obj | None]


class ValuesError(PyfluxError):
    """A values reference cannot be resolved; the message is helm-controller's."""


def compose(spec: Obj, namespace: str, lookup: Lookup) -> Obj:
    """The values for a HelmRelease's `spec` in `namespace`.

    `lookup(kind, namespace, name)` gives a ConfigMap or Secret, or None. Raises ValuesError.
    """
    inline: Obj = spec.get("values") or {}
    if not isinstance(inline, dict):
        raise ValuesError("spec.values is not a mapping")
    result: Obj = {}
    for reference in spec.get("valuesFrom") or []:
        text = _data(reference, namespace, lookup)
        if text is None:
            continue
        target = reference.get("targetPath")
        if target:
            result = merge(result, inline)
            try:
                _set(result, target, text, literal=bool(reference.get("literal")))
            except SetError as why:
                raise ValuesError(_refusal(reference, namespace, str(why))) from None
            continue
        try:
            values = load(text)
        except YamlError as why:
            raise ValuesError(_refusal(reference, namespace, str(why))) from None
        if values is not None and not isinstance(values, dict):
            raise ValuesError(_refusal(reference, namespace, "the values are not a mapping"))
        result = merge(result, values or {})
    return merge(result, inline)


def merge(base: Obj, over: Obj) -> Obj:
    """`over` laid on `base`: mappings merge, all else is replaced. Neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else _copy(value)
    return merged


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _data(reference: Obj, namespace: str, lookup: Lookup) -> str | None:
    kind, optional = reference.get("kind", ""), bool(reference.get("optional"))
    if kind not in ("ConfigMap", "Secret"):
        raise ValuesError(_refusal(reference, namespace, "unsupported values reference kind"))
    found = lookup(kind, namespace, reference.get("name", ""))
    if found is None:
        if optional:
            return None
        plural = "configmaps" if kind == "ConfigMap" else "secrets"
        raise ValuesError(_refusal(reference, namespace, f'{plural} "{reference.get("name", "")}" not found'))
    key = reference.get("valuesKey") or "values.yaml"
    clear = (found.get("stringData") or {}).get(key) if kind == "Secret" else None
    data = clear if clear is not None else (found.get("data") or {}).get(key)
    if data is None:
        if optional:
            return None
        raise ValuesError(_refusal(reference, namespace, "key not found"))
    if kind == "ConfigMap" or clear is not None:
        return str(data)
    try:
        return b64decode(str(data), validate=False).decode("utf-8", "replace")
    except binascii.Error:
        raise ValuesError(_refusal(reference, namespace, "the data is not base64")) from None


def _set(values: Obj, path: str, text: str, *, literal: bool) -> None:
    if literal:
        escaped = "".join("\\" + char if char in "\\,[]{}" else char for char in text)
        parse_into(values, f"{path}={escaped}", strings=True)
    elif len(text) > 0 and text[0] in "'\"" and text[-1] == text[0]:
        parse_into(values, f"{path}={text.strip(chr(39) + chr(34))}", strings=True)
    else:
        parse_into(values, f"{path}={text}")


def _refusal(reference: Obj, namespace: str, why: str) -> str:
    optional = " optional" if reference.get("optional") else ""
    kind = reference.get("kind", "")
    key = reference.get("valuesKey") or "values.yaml"
    name = f"{namespace}/{reference.get('name', '')}"
    return f"could not resolve{optional} {kind} chart values reference '{name}' with key '{key}': {why}"
