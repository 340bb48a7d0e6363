"""Whether objects have the shape that rendering takes for granted: mappings, lists and texts where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.catalog import api
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    Obj = dict[str, Any]

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
_WORDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


class ShapeError(PyfluxError):
    """A field holds a value of another type than the API has."""


def misshapen(obj: Obj) -> str:
    """The first field of a Flux object with a value of another type than the API has, and what is wrong with it.

    Empty where there is none. Fields that the API does not have, or lacks, are left to `pyflux.catalog.api.validate`.
    """
    return _wrong(_spec_schema(obj), obj.get("spec"), "spec")


def with_texts(obj: Obj) -> Obj:
    """A Flux object read from a file, with texts for the numbers and booleans that stand where the API has texts.

    Raises ShapeError where it is misshapen even then.
    """
    found = {**obj, "spec": _with_texts(_spec_schema(obj), obj.get("spec"))} if "spec" in obj else obj
    wrong = misshapen(found)
    if wrong:
        raise ShapeError(wrong)
    return found


def _spec_schema(obj: Obj) -> Any:
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    found = api.find(group, str(obj.get("kind", "")))
    return {} if found is None else found.schema.get("properties", {}).get("spec", {})


def _with_texts(schema: Any, value: Any) -> Any:
    if not schema:
        return value
    if isinstance(value, dict):
        fields, rest = schema.get("properties", {}), schema.get("additionalProperties")
        return {key: _with_texts(fields.get(key, rest), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_texts(schema.get("items"), item) for item in value]
    if schema.get("type") == "string" and isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def _wrong(schema: Any, value: object, path: str) -> str:
    kind = schema.get("type")
    if value is None or kind not in _TYPES:
        return ""
    if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
        word = _WORDS.get(type(value), type(value).__name__)
        return f'{path}: Invalid value: "{word}": {path} in body must be of type {kind}: "{word}"'
    if isinstance(value, dict):
        fields, rest = schema.get("properties", {}), schema.get("additionalProperties")
        inner = ((fields.get(key, rest), item, f"{path}.{key}") for key, item in value.items())
    elif isinstance(value, list):
        if None in value and schema.get("items", {}).get("type") in _TYPES:
            path = f"{path}[{value.index(None)}]"
            return f'{path}: Invalid value: "null": {path} in body must be of type {schema["items"]["type"]}: "null"'
        inner = ((schema.get("items"), item, f"{path}[{index}]") for index, item in enumerate(value))
    else:
        return ""
    return next(filter(None, (_wrong(known, item, where) for known, item, where in inner if known)), "")


def usable(obj: Obj) -> Obj:
    """An object for references: without a spec that is misshapen, and of data only what is a mapping."""
    if ".fluxcd.io/" in str(obj.get("apiVersion", "")):
        return {**obj, "spec": {}} if misshapen(obj) else obj
    wrong = [field for field in ("data", "stringData") if not isinstance(obj.get(field) or {}, dict)]
    return {key: value for key, value in obj.items() if key not in wrong} if wrong else obj
