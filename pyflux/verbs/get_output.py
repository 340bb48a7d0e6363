"""`pyflux get -o`: objects for programs (json, yaml, name), and tables with more columns (wide)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyflux.catalog import columns, kinds
from pyflux.catalog.gotime import age, parse
from pyflux.ui.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env
    from pyflux.kube.client import Client
    from pyflux.verbs.get import View

    Obj = dict[str, Any]
    Sections = Sequence[tuple[Kind, list[Obj]]]


def write(
    env: Env, client: Client, view: View, sections: Sections, *, single: bool = False, with_kind: bool = False
) -> None:
    """Prints `sections` in the format of `view.output`; `single` prints one object in the place of a list."""
    if view.output == "wide":
        _wide(env, client, view, sections, with_kind)
        return
    if view.output == "name":
        for kind, objects in sections:
            env.write("".join(f"{kind.name.lower()}.{kind.group}/{columns.name(obj)}\n" for obj in objects))
        return
    document = _document([obj for _, objects in sections for obj in objects], single)
    if view.output == "json":
        env.write(json.dumps(document, indent=4, ensure_ascii=False) + "\n")
        return
    from pyflux.ui.yamlout import dump

    env.write(dump(document))


def _document(objects: list[Obj], single: bool) -> Obj:
    for obj in objects:
        # bookkeeping of the API server that nobody reads
        obj["metadata"].pop("managedFields", None)
    if single and len(objects) == 1:
        return objects[0]
    return {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}


def _wide(env: Env, client: Client, view: View, sections: Sections, with_kind: bool) -> None:
    from pyflux.verbs.causes import Causes

    causes = Causes(client)
    for kind, objects in sections:
        header = [*view.headers(kind), "Source", "Age", "Cause"]
        rows = view.rows(kind, objects, with_kind=with_kind)
        shows_source = "Source" in view.headers(kind) or kind is kinds.EXTERNAL_ARTIFACT
        if shows_source:
            header.remove("Source")
        for row, obj in zip(rows, objects, strict=True):
            if not shows_source:
                row.append(columns.source(obj))
            created = parse(str(obj["metadata"].get("creationTimestamp", "")))
            row.append(age(env.now() - created) if created is not None else "")
            cause = causes.of(obj) if not kind.static else None
            row.append(f"{cause.who}: {cause.why}" if cause else "")
        env.write(table(header if view.header else (), rows) + ("\n" if with_kind else ""))
