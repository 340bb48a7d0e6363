"""Table answers, which `kubectl get` prints: columns and cells of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyflux.sandbox.ages import age
from pyflux.sandbox.columns import COLUMNS, Column
from pyflux.sandbox.jsonpath import evaluate
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.status import Obj

if TYPE_CHECKING:
    from pyflux.sandbox.engine import Engine
    from pyflux.sandbox.storage import Record

NAME: Obj = {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}


def _definition(column: Column) -> Obj:
    return {"name": column.name, "type": column.type, "format": column.format, "description": column.help,
            "priority": column.priority}  # fmt: skip


def _custom(kind: Kind) -> tuple[list[Obj], Callable[[Obj], list[Any]]]:
    columns = kind.custom.columns or [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
    definitions = [
        {
            "name": c["name"],
            "type": c["type"],
            "format": c.get("format", ""),
            "description": c.get("description")
            or f"Custom resource definition column (in JSONPath format): {c['jsonPath']}",
            "priority": c.get("priority", 0),
        }
        for c in columns
    ]

    def cells(obj: Obj) -> list[Any]:
        return [_cell(c["type"], evaluate(c["jsonPath"], obj)) for c in columns]

    return [NAME, *definitions], lambda obj: [obj["metadata"]["name"], *cells(obj)]


def _cell(kind: str, found: list[Any]) -> Any:
    if not found:
        return None
    value = found[0]
    if kind == "date":
        try:
            return age(value) if isinstance(value, str) and value else "<unknown>"
        except ValueError:
            return "<invalid>"
    if kind == "string":
        if len(found) > 1:
            return ",".join(_text(v) for v in found)
        return _text(value)
    if kind == "integer":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind == "number":
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        import json

        return json.dumps(value, separators=(",", ":"), sort_keys=True)
    return "" if value is None else str(value)


def _columns(kind: Kind) -> tuple[list[Obj], Callable[[Obj], list[Any]]]:
    if kind.custom is not None:
        return _custom(kind)
    columns = COLUMNS.get(f"{kind.group}/{kind.plural}") or COLUMNS[""]
    definitions = [{**NAME, "priority": c.priority} if c.name == "Name" else _definition(c) for c in columns]
    return definitions, lambda obj: [c.cell(obj) for c in columns]


def table(
    engine: Engine,
    kind: Kind,
    records: list[Record],
    meta: Obj,
    include: str,
    definitions: bool = True,
    version: str = "meta.k8s.io/v1",
) -> Obj:
    """A Table of records; `include` is None, Metadata or Object."""
    heads, cells = _columns(kind)
    rows = []
    for record in records:
        obj = engine.load(kind, record)
        row: Obj = {"cells": cells(obj)}
        if include == "Object":
            row["object"] = obj
        elif include != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": version,
                "metadata": obj["metadata"],
            }
        else:
            row["object"] = None
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": version,
        "metadata": meta,
        "columnDefinitions": heads if definitions else [],
        "rows": rows,
    }
