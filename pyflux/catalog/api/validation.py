"""Offline validation of Flux manifests against the API description, in the words of the API server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from pyflux.catalog import api
from pyflux.catalog.api.cel import evaluate
from pyflux.catalog.api.cel_values import CelError
from pyflux.catalog.api.notation import Schema

_FLUX_GROUP = re.compile(r"(^|\.)(toolkit|extensions)\.fluxcd\.io$")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}


@dataclass(frozen=True)
class Problem:
    """One thing the API server would refuse: the dotted path of the field and what is wrong with it."""

    path: str
    message: str
    blocks_rules: bool = field(default=False, compare=False, repr=False)
    """Whether the API server evaluates no CEL rule of an object that has this problem."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def _blocking(path: str, message: str) -> Problem:
    return Problem(path, message, blocks_rules=True)


def validate_object(obj: dict[str, Any]) -> list[Problem]:
    """See `pyflux.catalog.api.validate`."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return []
    group, _, version = api_version.rpartition("/")
    if not _FLUX_GROUP.search(group):
        return []
    found = api.find(group, kind)
    if found is None:
        return [Problem("kind", f'no matches for kind "{kind}" in group "{group}"')]
    if version != found.version:
        return [Problem("apiVersion", f"{kind} has no version {version}, use {found.api_version}")]
    problems = list(_metadata(obj.get("metadata")))
    full = apply_defaults(found.schema, obj)
    problems += _check(found.schema, full, "", open_fields=("metadata",))
    if not any(problem.blocks_rules for problem in problems):
        problems += _check_rules(found.schema, full, "")
    return problems


def apply_defaults(schema: Schema, value: Any) -> Any:
    """A copy of `value` as the API server makes it before it validates: defaults filled in, nulls dropped."""
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        rest = schema.get("additionalProperties")
        result = {}
        for key, item in value.items():
            known = fields.get(key, rest)
            if item is None and known is not None and "type" in known:
                continue
            result[key] = item if known is None else apply_defaults(known, item)
        for key, known in fields.items():
            if key not in result and "default" in known:
                result[key] = apply_defaults(known, known["default"])
        return result
    if isinstance(value, list) and "items" in schema:
        return [apply_defaults(schema["items"], item) for item in value]
    return value


def _metadata(metadata: Any) -> Iterator[Problem]:
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if name is None or name == "":
        if not (isinstance(metadata, dict) and metadata.get("generateName")):
            yield Problem("metadata.name", "Required value: name or generateName is required")
    elif not isinstance(name, str) or len(name) > 253 or not _NAME.match(name):
        yield Problem(
            "metadata.name",
            f"Invalid value: {json.dumps(name)}: a lowercase RFC 1123 subdomain must consist of lower case "
            "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        )


def _check(schema: Schema, value: Any, path: str, open_fields: tuple[str, ...] = ()) -> Iterator[Problem]:
    kind = schema.get("type")
    if "enum" in schema and value not in schema["enum"]:
        shown, allowed = json.dumps(value), ", ".join(json.dumps(choice) for choice in schema["enum"])
        yield _blocking(path, f"Unsupported value: {shown}: supported values: {allowed}")
    if kind is not None and not _TYPES[kind](value):
        found = _type_name(value)
        yield _blocking(path, f'Invalid value: "{found}": {path} in body must be of type {kind}: "{found}"')
    elif isinstance(value, dict):
        yield from _check_object(schema, value, path, open_fields)
    elif isinstance(value, list):
        yield from _check_list(schema, value, path)
    elif isinstance(value, str):
        yield from _check_string(schema, value, path)
    elif "minimum" in schema and value < schema["minimum"]:
        yield Problem(
            path,
            f"Invalid value: {value}: {path} in body should be greater than or equal to {schema['minimum']}",
        )


def _check_object(schema: Schema, value: dict[str, Any], path: str, open_fields: tuple[str, ...]) -> Iterator[Problem]:
    for name in schema.get("required", []):
        if name not in value:
            yield _blocking(_join(path, name), "Required value")
    fields = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    for key, item in value.items():
        if key in open_fields:
            continue
        field = fields.get(key, rest)
        if field is not None:
            yield from _check(field, item, _join(path, str(key)))
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield _blocking(_join(path, str(key)), "unknown field")


def _check_list(schema: Schema, value: list[Any], path: str) -> Iterator[Problem]:
    low, high = schema.get("minItems", 0), schema.get("maxItems")
    if len(value) < low:
        yield Problem(path, f"Invalid value: {len(value)}: {path} in body should have at least {low} items")
    if high is not None and len(value) > high:
        yield _blocking(path, f"Too many: {len(value)}: must have at most {high} items")
    if "items" in schema:
        for index, item in enumerate(value):
            yield from _check(schema["items"], item, f"{path}[{index}]")
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys:
        seen: list[list[Any]] = []
        for index, item in enumerate(value):
            key = [item.get(name) for name in keys] if isinstance(item, dict) else None
            if key in seen:
                shown = json.dumps(dict(zip(keys, key or [], strict=True)), separators=(",", ":"))
                yield Problem(f"{path}[{index}]", f"Duplicate value: {shown}")
            elif key is not None:
                seen.append(key)


def _check_string(schema: Schema, value: str, path: str) -> Iterator[Problem]:
    shown = json.dumps(value, ensure_ascii=False)
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    if len(value) < low:
        yield Problem(path, f"Invalid value: {shown}: {path} in body should be at least {low} chars long")
    if high is not None and len(value) > high:
        yield _blocking(path, f"Too long: may not be more than {high} bytes")
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield Problem(path, f"Invalid value: {shown}: {path} in body should match '{schema['pattern']}'")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield Problem(path, f"Invalid value: {shown}: {path} in body must be of type date-time: {shown}")


def _check_rules(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    """The CEL rules of the value and of everything in it."""
    if isinstance(value, dict):
        fields, rest = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            field = fields.get(key, rest)
            if field is not None:
                yield from _check_rules(field, item, _join(path, str(key)))
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _check_rules(schema["items"], item, f"{path}[{index}]")
    for rule in schema.get("x-kubernetes-validations", []):
        try:
            holds = evaluate(rule["rule"], {"self": value})
        except CelError as error:
            yield Problem(path, f"rule {rule['rule']!r} cannot be evaluated: {error}")
            continue
        if holds is not True:
            yield Problem(path, f"Invalid value: {rule['message']}")


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """`$` of the API is the end of the text; that of `re` also stands before a last line break."""
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"
    return re.compile(pattern)


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return "number"
    return next(name for name, matches in _TYPES.items() if matches(value))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
