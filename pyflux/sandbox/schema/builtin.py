"""Reads the tables of built-in types (`data/types/*.txt`).

A file starts with `package SHORT OPENAPI-PREFIX`. A line at the margin starts a type, with `atomic` after
its name when server-side apply treats it as one leaf. An indented line is a field:

    name TYPE [!] [*] [+] [atomic|granular|set|keys(a,b)] [merge(key)] [retain] [=default] [#protobuf-number]

TYPE is a scalar, `[T]` a list, `{T}` a map with string keys, or the name of a type. `!` required, `*` a
pointer, `+` printed even when empty. `~ TYPE #n` embeds a struct.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

from pyflux.sandbox.schema.model import ANY, Field, Schema

SCALARS = [
    "string",
    "int32",
    "int64",
    "bool",
    "double",
    "bytes",
    "time",
    "microtime",
    "quantity",
    "intstr",
    "raw",
    "fields",
    "json",
    "any",
    "object",
]
_OPEN = ("raw", "fields", "json", "any", "object")


class Types:
    """All built-in types by short name (`core.v1.Pod`); `full` gives the OpenAPI name of each."""

    def __init__(self) -> None:
        self.types: dict[str, Schema] = {}
        self.full: dict[str, str] = {}
        self._lines: dict[str, tuple[str, list[str]]] = {}
        self._scalars = {
            s: Schema("any", scalar=s, atomic=True) if s in _OPEN else Schema("scalar", scalar=s) for s in SCALARS
        }
        folder = resources.files("pyflux.sandbox.data") / "types"
        for entry in folder.iterdir():
            if entry.name.endswith(".txt"):
                self._index(entry.read_text())

    def _index(self, text: str) -> None:
        package = prefix = ""
        current: list[str] = []
        for line in text.splitlines():
            if line.startswith("package "):
                _, package, prefix = line.split()
            elif line.startswith("  "):
                current.append(line.strip())
            elif line and not line.startswith("#"):
                name = f"{package}.{line.split()[0]}"
                current = []
                self._lines[name] = (package, current)
                self.full[name] = f"{prefix}.{line.split()[0]}"
                self.types[name] = Schema("struct", name=self.full[name], atomic=line.endswith(" atomic"))
        self._parsed: set[str] = set()

    def get(self, name: str) -> Schema:
        """The type of this short name, with all its fields read."""
        schema = self.types[name]
        if name not in self._parsed:
            self._parsed.add(name)
            package, lines = self._lines[name]
            for line in lines:
                self._field(schema, package, line)
        return schema

    def _field(self, schema: Schema, package: str, line: str) -> None:
        name, kind, *flags = line.split()
        if name == "~":
            embedded = self.get(kind if kind in self.types else f"{package}.{kind}")
            schema.inlined.append((int(flags[0][1:]), embedded))
            schema.fields.update(embedded.fields)
            return
        made = Field(name, self._type(kind, package))
        for flag in flags:
            self._flag(made, flag)
        schema.fields[name] = made
        if made.number:
            schema.by_number[made.number] = made

    def _flag(self, made: Field, flag: str) -> None:
        if flag == "!":
            made.required = True
        elif flag == "*":
            made.pointer = True
        elif flag == "+":
            made.always = True
        elif flag[0] == "#":
            made.number = int(flag[1:])
        elif flag[0] == "=":
            made.default = json.loads(flag[1:])
        elif flag.startswith("merge("):
            made.merge, made.merge_key = True, flag[6:-1] or None
        elif flag == "retain":
            made.retain_keys = True
        elif flag != "replace":
            made.schema = _variant(made.schema, flag)

    def _type(self, kind: str, package: str) -> Schema:
        if kind[0] == "[":
            return Schema("list", elem=self._type(kind[1:-1], package), atomic=True)
        if kind[0] == "{":
            return Schema("map", elem=self._type(kind[1:-1], package))
        if kind in self._scalars:
            return self._scalars[kind]
        return self.get(kind if kind in self.types else f"{package}.{kind}")


def _variant(schema: Schema, flag: str) -> Schema:
    """The same type as another kind of list or map."""
    made = Schema(
        schema.kind,
        schema.scalar,
        schema.name,
        schema.fields,
        schema.elem,
        inlined=schema.inlined,
        by_number=schema.by_number,
    )
    if flag == "atomic":
        made.atomic = True
    elif flag == "set":
        made.is_set = True
    elif flag != "granular":
        made.keys = tuple(flag[5:-1].split(","))
    return made


@lru_cache(maxsize=1)
def types() -> Types:
    """The tables, read once."""
    return Types()


def object_schema(short: str) -> Schema:
    """The schema of a whole object of a built-in kind, with apiVersion and kind."""
    base = types().get(short)
    made = Schema("struct", name=base.name, fields=dict(base.fields), by_number=base.by_number)
    string = types()._scalars["string"]
    made.fields["apiVersion"] = Field("apiVersion", string)
    made.fields["kind"] = Field("kind", string)
    return made


def zero(schema: Schema) -> Any:
    """What the server prints for an unset field that it always prints."""
    if schema.kind == "struct":
        return {f.name: zero(f.schema) for f in schema.fields.values() if f.always and not f.pointer}
    if schema.kind == "scalar":
        return {"int32": 0, "int64": 0, "double": 0, "bool": False, "string": "", "quantity": "0", "bytes": ""}.get(
            schema.scalar
        )
    return None


__all__ = ["ANY", "Types", "object_schema", "types", "zero"]
