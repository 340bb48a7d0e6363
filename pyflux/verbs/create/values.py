"""Helm values from local files."""

from __future__ import annotations

from pyflux.errors import PyfluxError
from pyflux.verbs.create.common import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Obj = dict[str, Any]


def merge(base: Obj, over: Obj) -> Obj:
    """`base` with the keys of `over`; maps are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        before = merged.get(key)
        both_maps = isinstance(before, dict) and isinstance(value, dict)
        merged[key] = merge(before, value) if both_maps and isinstance(before, dict) else value
    return merged


def read_values(paths: list[str]) -> Obj:
    """The merged values of files, later ones over earlier ones. Raises PyfluxError."""
    from pyflux.ui.yamlin import YamlError, load

    merged: Obj = {}
    for path in paths:
        data = read_file(path, f"reading values from {path} failed")
        try:
            values = load(data, strict=False)
        except YamlError as why:
            raise PyfluxError(f"converting values to JSON from {path} failed: {why.message}") from None
        if values is None:
            continue
        if not isinstance(values, dict):
            raise PyfluxError(
                f"unmarshaling values from {path} failed: json: cannot unmarshal {json_type(values)} "
                "into Go value of type map[string]interface {}"
            )
        merged = merge(merged, as_json_numbers(values))
    return merged


def as_json_numbers(value: Any) -> Any:
    """Whole numbers beyond 2^53 lose their last digits, as in flux: it reads values as floats."""
    if isinstance(value, dict):
        return {key: as_json_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json_numbers(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 53:
        return float(value)
    return value


def json_type(value: Any) -> str:
    """JSON's word for the type of a value that is no object."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array"
