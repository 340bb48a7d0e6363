"""The compact text that describes the Flux API, and its expansion to OpenAPI v3 schemas.

One file a group under `data/`, two-space indentation, one fact a line:

    type NAME TYPE [constraints]          a type used by several fields, of this group or (shared.api) of all
    kind KIND VERSION PLURAL              a custom resource; its lines are the ones below
      short NAME...                       short names
      categories NAME...
      substitute allowed                  the CRD may pass through post-build substitution
      column NAME [JSONPATH] [priority=N] printer column; Age, Ready and Status have a path of their own
      spec|status object ...
    FIELD[!] TYPE [constraints] [-- words for the user]
    ...NAME                               the fields and rules of type NAME, in this place
    rule CEL / says MESSAGE               a rule over the surrounding object

`!` marks a required field. TYPE is `string`, `bool`, `int`, `int64`, `time`, `any`, `object` (its fields
follow, indented), `(a|b)` for an enumeration, `[TYPE]` for a list, `{TYPE}` for a map, or the name of a type.
Constraints: `len=1..253`, `range=0..`, `items=1..`, `pattern=REGEX`, `default=VALUE`, `list=atomic|map:KEY`,
`map=atomic`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

_SCALARS: dict[str, Schema] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "int64": {"type": "integer", "format": "int64"},
    "time": {"type": "string", "format": "date-time"},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
    "object": {"type": "object"},
}
_RANGES = {
    "len": ("minLength", "maxLength"),
    "range": ("minimum", "maximum"),
    "items": ("minItems", "maxItems"),
}


@dataclass
class Line:
    """One line of the text with the lines indented under it; `number` counts from 1."""

    text: str
    number: int
    children: list[Line] = field(default_factory=list)


@dataclass
class KindEntry:
    """One `kind` block: names, printer columns as (name, path, priority), and its schemas by field."""

    kind: str
    version: str
    plural: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    substitute: bool = False
    columns: list[tuple[str, str | None, int | None]] = field(default_factory=list)
    fields: dict[str, Schema] = field(default_factory=dict)


def read_lines(text: str) -> list[Line]:
    """Nest lines by their indentation. Raises ValueError when it is not two spaces a level."""
    roots: list[Line] = []
    stack: list[Line] = []
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped or stripped.startswith("#"):
            continue
        indent = len(raw) - len(raw.lstrip(" "))
        depth = indent // 2
        if indent % 2 or depth > len(stack):
            raise ValueError(f"line {number}: indentation of {indent} spaces does not fit")
        line = Line(stripped, number)
        (stack[depth - 1].children if depth else roots).append(line)
        del stack[depth:]
        stack.append(line)
    return roots


def parse_types(lines: list[Line], known: dict[str, Schema]) -> dict[str, Schema]:
    """The `type` blocks among `lines` added to `known`; a type must stand before its first use."""
    types = dict(known)
    for line in lines:
        word, _, rest = line.text.partition(" ")
        if word == "type":
            name, _, expression = rest.partition(" ")
            types[name] = parse_type(expression, line, types)
    return types


def parse_kinds(lines: list[Line], types: dict[str, Schema]) -> Iterator[KindEntry]:
    """The `kind` blocks among `lines`, in their order."""
    for line in lines:
        if line.text.startswith("kind "):
            yield _parse_kind(line, types)


def _parse_kind(line: Line, types: dict[str, Schema]) -> KindEntry:
    _, kind, version, plural = line.text.split()
    entry = KindEntry(kind, version, plural)
    for child in line.children:
        word, _, rest = child.text.partition(" ")
        if word == "short":
            entry.short_names = tuple(rest.split())
        elif word == "categories":
            entry.categories = tuple(rest.split())
        elif word == "substitute":
            entry.substitute = rest == "allowed"
        elif word == "column":
            entry.columns.append(_parse_column(rest))
        elif word in ("spec", "status"):
            entry.fields[word] = parse_type(rest, child, types)
        else:
            raise ValueError(f"line {child.number}: {word!r} means nothing in a kind")
    return entry


def _parse_column(text: str) -> tuple[str, str | None, int | None]:
    name, *rest = text.split()
    priority = None
    if rest and rest[-1].startswith("priority="):
        priority = int(rest.pop().partition("=")[2])
    return name.replace("_", " "), rest[0] if rest else None, priority


def parse_type(expression: str, line: Line, types: dict[str, Schema]) -> Schema:
    """The schema of `TYPE [constraints] [-- words]`; the fields of an object are the children of `line`."""
    expression, _, words = expression.partition(" -- ")
    base, *constraints = expression.split()
    schema = _base(base, line, types)
    for constraint in constraints:
        _constrain(schema, constraint, line)
    if words:
        schema["description"] = words.strip()
    return schema


def _base(text: str, line: Line, types: dict[str, Schema]) -> Schema:
    if text[0] == "[":
        return {"type": "array", "items": _base(text[1:-1], line, types)}
    if text[0] == "{":
        return {"type": "object", "additionalProperties": _base(text[1:-1], line, types)}
    if text[0] == "(":
        return {"type": "string", "enum": text[1:-1].split("|")}
    if text == "object":
        return _object(line, types)
    found = _SCALARS.get(text) or types.get(text)
    if found is None:
        raise ValueError(f"line {line.number}: no type is called {text!r}")
    return dict(found)


def _object(line: Line, types: dict[str, Schema]) -> Schema:
    properties: dict[str, Schema] = {}
    required: list[str] = []
    rules: list[Schema] = []
    for child in line.children:
        word, _, rest = child.text.partition(" ")
        if word == "rule":
            rules.append({"rule": rest})
        elif word == "says":
            rules[-1]["message"] = rest
        elif word.startswith("..."):
            other = types[word[3:]]
            properties.update(other["properties"])
            required += other.get("required", [])
            rules += other.get("x-kubernetes-validations", [])
        else:
            name = word.removesuffix("!")
            properties[name] = parse_type(rest, child, types)
            if name != word:
                required.append(name)
    schema: Schema = {"type": "object"}
    if properties:
        schema["properties"] = properties
    if required:
        schema["required"] = sorted(required)
    if rules:
        schema["x-kubernetes-validations"] = rules
    return schema


def _constrain(schema: Schema, constraint: str, line: Line) -> None:
    name, _, value = constraint.partition("=")
    if name in _RANGES:
        low, _, high = value.partition("..")
        for key, bound in zip(_RANGES[name], (low, high), strict=True):
            if bound:
                schema[key] = int(bound)
    elif name == "pattern":
        schema["pattern"] = value
    elif name == "default":
        schema["default"] = value if schema["type"] == "string" else json.loads(value)
    elif name == "list":
        kind, _, keys = value.partition(":")
        schema["x-kubernetes-list-type"] = kind
        if keys:
            schema["x-kubernetes-list-map-keys"] = keys.split(",")
    elif name == "map":
        schema["x-kubernetes-map-type"] = value
    else:
        raise ValueError(f"line {line.number}: no constraint is called {name!r}")
