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
    from pyflux.verbs.get_view import View

    Obj = dict[str, Any]
    Sections = Sequence[tuple[Kind, list[Obj]]]


def write(
    env: Env, client: Client, view: View, sections: Sections, *, single: bool = False, with_kind: bool = False
) -> None:
    """Prints `sections` in the format of `view.output`; `single` prints one object in the place of a list."""
    if view.output == "wide":
        for kind, objects in sections:
            header, rows = wide(env, client, view, kind, objects, with_kind=with_kind)
            env.write(table(header if view.header else (), rows) + ("\n" if with_kind else ""))
    elif view.output == "name":
        for kind, objects in sections:
            env.write("".join(full_name(kind, obj) + "\n" for obj in objects))
    else:
        objects = [obj for _, members in sections for obj in members]
        write_document(env, view, document(objects, single=single))


def full_name(kind: Kind, obj: Obj) -> str:
    """As kubectl names it: "kustomization.kustomize.toolkit.fluxcd.io/app-sync"."""
    return f"{kind.name.lower()}.{kind.group}/{columns.name(obj)}"


def document(objects: list[Obj], *, single: bool) -> Obj:
    """One object as it is, or a List of them."""
    for obj in objects:
        # bookkeeping of the API server that nobody reads
        obj["metadata"].pop("managedFields", None)
    if single and len(objects) == 1:
        return objects[0]
    return {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}


def write_document(env: Env, view: View, found: Obj) -> None:
    """Prints as json or yaml."""
    if view.output == "json":
        env.write(json.dumps(found, indent=4, ensure_ascii=False) + "\n")
        return
    from pyflux.ui.yamlout import dump

    env.write(dump(found))


def wide(
    env: Env, client: Client, view: View, kind: Kind, objects: Sequence[Obj], *, with_kind: bool
) -> tuple[list[str], list[list[str]]]:
    """Header and rows with the source, the age, and what holds up the objects that are not ready."""
    from pyflux.verbs.causes import Causes

    causes = Causes(client)
    header = view.headers(kind)
    adds_source = "Source" not in header
    header = [*header, *(["Source"] if adds_source else []), "Age", "Cause"]
    rows = view.rows(kind, objects, with_kind=with_kind)
    for row, obj in zip(rows, objects, strict=True):
        if adds_source:
            row.append(columns.source(obj))
        created = parse(str(obj["metadata"].get("creationTimestamp", "")))
        row.append(age(env.now() - created) if created is not None else "")
        cause = None if kind.static or kind is kinds.EXTERNAL_ARTIFACT else causes.of(obj)
        row.append(f"{cause.who}: {cause.why}" if cause else "")
    return header, rows
