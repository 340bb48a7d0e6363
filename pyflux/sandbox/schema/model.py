"""One shape for every type of the API, whether it comes from the built-in tables or from a CRD.

A `Schema` is a node: a scalar, a list, a struct (named fields), a map (one element type) or `any`.
Server-side apply, patches, decoding and defaulting all walk these nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Field:
    """One field of a struct.

    `pointer`: the server keeps an explicit zero value. `always`: a zero value is printed even when unset.
    `default`: the value that list keys fall back to (server-side apply), `number`: its protobuf tag.
    """

    name: str
    schema: Schema
    required: bool = False
    pointer: bool = False
    always: bool = False
    default: Any = None
    merge_key: str | None = None
    merge: bool = False
    retain_keys: bool = False
    number: int = 0


@dataclass(slots=True)
class Schema:
    """A node of the type tree.

    `kind` is scalar, list, struct, map or any; `scalar` the scalar's type; `name` the type's full name
    for structs of the built-in tables. Lists are atomic unless `keys` (a map list) or `is_set` is given.
    `inlined` lists (protobuf number, struct) of embedded structs, whose fields also stand in `fields`.
    """

    kind: str
    scalar: str = ""
    name: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    elem: Schema | None = None
    atomic: bool = False
    keys: tuple[str, ...] = ()
    is_set: bool = False
    inlined: list[tuple[int, Schema]] = field(default_factory=list)
    by_number: dict[int, Field] = field(default_factory=dict)
    embedded: bool = False

    def child(self, key: str) -> Schema | None:
        """The schema of a key of this struct or map; None when the key is not allowed."""
        found = self.fields.get(key)
        return found.schema if found is not None else self.elem


ANY = Schema("any")
