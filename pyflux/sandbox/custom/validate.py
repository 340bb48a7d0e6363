"""Validation of custom objects against OpenAPI schemas, in the API server's words."""

from __future__ import annotations

import ipaddress
import json
import re
from functools import lru_cache
from typing import Any

from pyflux.sandbox.objectmeta import validate_annotations, validate_labels
from pyflux.sandbox.schema.scalars import parse_time
from pyflux.sandbox.ssa.typed import same_value
from pyflux.sandbox.status import (
    Cause,
    Obj,
    duplicate,
    invalid_value,
    not_supported,
    required,
    too_long,
    type_invalid,
)


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(go_pattern(text))
    except re.error:
        return None


def go_pattern(text: str) -> str:
    """A Go pattern for Python: `$` is the very end, `\\z` is written `\\Z`."""
    out, i, inside = [], 0, False
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text):
            out.append(r"\Z" if text[i + 1] == "z" and not inside else text[i : i + 2])
            i += 2
            continue
        if text[i] == "[":
            inside = True
        elif text[i] == "]":
            inside = False
        out.append(r"\Z" if text[i] == "$" and not inside else text[i])
        i += 1
    return "".join(out)


def type_name(value: Any) -> str:
    """The OpenAPI type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def _fits(kind: str, value: Any) -> bool:
    have = type_name(value)
    if kind == have or (kind == "number" and have == "integer"):
        return True
    return kind == "integer" and have == "number" and float(value).is_integer()


def validate(schema: Obj, value: Any, path: str = "") -> list[Cause]:
    """All errors of a value; `path` is the field it stands in."""
    out: list[Cause] = []
    _node(schema, value, path, out)
    return out


def _node(schema: Obj, value: Any, path: str, out: list[Cause]) -> None:
    if value is None and schema.get("nullable"):
        return
    fits = _type(schema, value, path, out)
    if "enum" in schema and not any(same_value(value, e) for e in schema["enum"]):
        out.append(not_supported(path, value, [e if isinstance(e, str) else json.dumps(e) for e in schema["enum"]]))
    if not fits:
        if schema.get("x-kubernetes-int-or-string"):
            _logic(schema, value, path, out)
        return
    if isinstance(value, str):
        _string(schema, value, path, out)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, (int, float)):
        _number(schema, value, path, out)
    elif isinstance(value, list):
        _array(schema, value, path, out)
    elif isinstance(value, dict):
        _object(schema, value, path, out)
        if schema.get("x-kubernetes-embedded-resource"):
            _embedded(value, path, out)
    _logic(schema, value, path, out)


def _embedded(value: Obj, path: str, out: list[Cause]) -> None:
    """An object within the object says what it is, and has metadata as any other."""
    for key in ("apiVersion", "kind"):
        if not value.get(key):
            out.append(required(f"{path}.{key}"))
    meta = value.get("metadata")
    if isinstance(meta, dict):
        out += validate_labels(meta.get("labels") or {}, f"{path}.metadata.labels")
        out += validate_annotations(meta.get("annotations") or {}, f"{path}.metadata.annotations")


def _type(schema: Obj, value: Any, path: str, out: list[Cause]) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            name = path or "<nil>"
            out.append(
                type_invalid(
                    path, type_name(value), f'{name} in body must be of type integer,string: "{type_name(value)}"'
                )
            )
            return False
        return True
    kind = schema.get("type")
    if kind is None:
        return True
    if not _fits(kind, value):
        text = f'{path or "<nil>"} in body must be of type {kind}: "{type_name(value)}"'
        out.append(type_invalid(path, type_name(value), text))
        return False
    return True


def _string(schema: Obj, value: str, path: str, out: list[Cause]) -> None:
    # Length and pattern are one check, which stops at its first failure.
    found = _pattern(schema["pattern"]) if "pattern" in schema else None
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        out.append(too_long(path, f"may not be more than {schema['maxLength']} bytes"))
    elif "minLength" in schema and len(value) < schema["minLength"]:
        out.append(invalid_value(path, value, f"{path} in body should be at least {schema['minLength']} chars long"))
    elif found is not None and not found.search(value):
        out.append(invalid_value(path, value, f"{path} in body should match '{schema['pattern']}'"))
    form = schema.get("format")
    if form and not _format(form, value):
        out.append(type_invalid(path, value, f'{path} in body must be of type {form}: "{value}"'))


def _format(form: str, value: str) -> bool:
    try:
        if form == "date-time":
            parse_time(value)
        elif form in ("ipv4", "ipv6", "ip"):
            found = ipaddress.ip_address(value)
            return form == "ip" or found.version == int(form[-1])
        elif form == "cidr":
            ipaddress.ip_network(value, strict=False)
        elif form == "uuid":
            return re.fullmatch(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", value) is not None
        elif form == "duration":
            return _duration(value)
        elif form == "byte":
            return re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", value) is not None
        elif form == "uri":
            return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", value))
        elif form == "email":
            return re.fullmatch(r"(.*<)?[^\s<>@]+@[^\s<>@]+>?", value.strip()) is not None
        elif form == "mac":
            return re.fullmatch(r"(?i)[0-9a-f]{2}([:-][0-9a-f]{2}){5}", value) is not None
        elif form == "hostname":
            labels = r"[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
            return re.fullmatch(rf"{labels}(\.{labels})*\.?", value) is not None
        elif form == "date":
            parse_time(value + "T00:00:00Z")
    except ValueError:
        return False
    return True


_UNITS = re.compile(
    r"(ns|us|µs|ms|s|m|h|hr|d|w|nano|micro|milli|nanosec|microsec|millisec|sec|min|hour|day|week|second|minute"
    r"|nanosecond|microsecond|millisecond|nanos|micros|millis)s?"
)


def _duration(value: str) -> bool:
    """Whether a text is a duration: `1h30m`, `5 minutes`."""
    if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))*|0", value):
        return True
    pairs = re.findall(r"(\d+)\s*([A-Za-zµ]+)", value)
    return bool(pairs) and all(_UNITS.fullmatch(unit) for _, unit in pairs)


def _number(schema: Obj, value: float, path: str, out: list[Cause]) -> None:
    if "maximum" in schema:
        strict = schema.get("exclusiveMaximum")
        if value > schema["maximum"] or (strict and value == schema["maximum"]):
            word = "less than" if strict else "less than or equal to"
            out.append(invalid_value(path, value, f"{path} in body should be {word} {_num(schema['maximum'])}"))
    if "minimum" in schema:
        strict = schema.get("exclusiveMinimum")
        if value < schema["minimum"] or (strict and value == schema["minimum"]):
            word = "greater than" if strict else "greater than or equal to"
            out.append(invalid_value(path, value, f"{path} in body should be {word} {_num(schema['minimum'])}"))
    if schema.get("multipleOf") and value % schema["multipleOf"]:
        out.append(invalid_value(path, value, f"{path} in body should be a multiple of {_num(schema['multipleOf'])}"))
    bounds = {"int32": 2**31, "int64": 2**63}.get(schema.get("format", ""))
    if bounds and not -bounds <= value < bounds:
        out.append(invalid_value(path, value, f"{path} in body must be of type {schema['format']}"))


def _num(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _array(schema: Obj, value: list[Any], path: str, out: list[Cause]) -> None:
    items = schema.get("items")
    if isinstance(items, dict):
        for i, item in enumerate(value):
            _node(items, item, f"{path}[{i}]", out)
    if "minItems" in schema and len(value) < schema["minItems"]:
        out.append(invalid_value(path, len(value), f"{path} in body should have at least {schema['minItems']} items"))
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        text = f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        out.append(Cause(path, text, "FieldValueTooMany"))
    kind = schema.get("x-kubernetes-list-type")
    if kind in ("set", "map") or schema.get("uniqueItems"):
        _unique(schema, value, path, out)


def _unique(schema: Obj, value: list[Any], path: str, out: list[Cause]) -> None:
    keys = schema.get("x-kubernetes-list-map-keys")
    seen: list[Any] = []
    for i, item in enumerate(value):
        if keys and not isinstance(item, dict):
            out.append(invalid_value(f"{path}[{i}]", item, "must be an object for an array of list-type map"))
            continue
        mark = {k: item.get(k) for k in keys} if keys and isinstance(item, dict) else item
        if any(same_value(mark, s) for s in seen):
            out.append(duplicate(f"{path}[{i}]", mark))
        else:
            seen.append(mark)


def _object(schema: Obj, value: Obj, path: str, out: list[Cause]) -> None:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for key in schema.get("required") or []:
        if key not in value:
            out.append(required(f"{path}.{key}" if path else key))
    for key in sorted(value):
        where = f"{path}.{key}" if path else key
        if key in properties:
            _node(properties[key], value[key], where, out)
        elif isinstance(extra, dict):
            _node(extra, value[key], where, out)
    if "minProperties" in schema and len(value) < schema["minProperties"]:
        out.append(
            invalid_value(path, len(value), f"{path} in body should have at least {schema['minProperties']} properties")
        )
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        text = f"Too many: {len(value)}: must have at most {schema['maxProperties']} items"
        out.append(Cause(path, text, "FieldValueTooMany"))


def _logic(schema: Obj, value: Any, path: str, out: list[Cause]) -> None:
    name = f'"{path}"'
    for part in schema.get("allOf") or []:
        found = validate(part, value, path)
        if found:
            out += [*found, invalid_value("<nil>", "", f"{name} must validate all the schemas (allOf)")]
    if schema.get("anyOf"):
        tried = [validate(part, value, path) for part in schema["anyOf"]]
        if all(tried):
            out.append(invalid_value("<nil>", "", f"{name} must validate at least one schema (anyOf)"))
            out += _shortest(tried)
    if schema.get("oneOf"):
        tried = [validate(part, value, path) for part in schema["oneOf"]]
        good = sum(not t for t in tried)
        if good != 1:
            text = f"{name} must validate one and only one schema (oneOf). "
            text += "Found none valid" if not good else f"Found {good} valid alternatives"
            out.append(invalid_value("<nil>", "", text))
            if not good:
                out += _shortest(tried)
    if schema.get("not") is not None and not validate(schema["not"], value, path):
        out.append(invalid_value("<nil>", "", f"{name} must not validate the schema (not)"))


def _shortest(tried: list[list[Cause]]) -> list[Cause]:
    return sorted(tried, key=len)[0]
