"""`pyflux get --contexts a,b`: the lists of several clusters in one table, with a CONTEXT column."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyflux.errors import KubeError, NoMatch, PyfluxError, SilentExit, UsageError
from pyflux.kube import connect
from pyflux.kube.request import by_name
from pyflux.ui.table import table
from pyflux.verbs import get_output
from pyflux.verbs.contexts import gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.verbs.get_view import View

    Obj = dict[str, Any]


class Part(NamedTuple):
    """What one cluster holds of one kind: its objects, and the table to show of them."""

    kind: Kind
    objects: list[Obj]
    header: list[str]
    rows: list[list[str]]


def run(env: Env, call: Call, view: View, wanted: Mapping[Kind, list[str]]) -> None:
    """Prints one table a kind. Raises PyfluxError where nothing was found or a cluster did not answer."""
    if call.bool("watch"):
        raise UsageError("--watch works with one context")
    found, failed = gather(env, call, lambda env, call: _fetch(env, view, wanted))
    if view.output in ("json", "yaml"):
        lists = {
            context: get_output.document([obj for part in parts for obj in part.objects], single=False)
            for context, parts in found
        }
        get_output.write_document(env, view, {"contexts": lists})
    else:
        _tables(env, view, wanted, found, mixed=len(wanted) > 1)
    if failed:
        raise SilentExit("")
    if len(wanted) == 1 and not any(parts for _, parts in found):
        raise PyfluxError(f"no {next(iter(wanted)).name} objects found in {view.where} namespace")


def _tables(
    env: Env, view: View, wanted: Iterable[Kind], found: Sequence[tuple[str, list[Part]]], *, mixed: bool
) -> None:
    for kind in wanted:
        header: list[str] = []
        rows: list[list[str]] = []
        for context, parts in found:
            for part in parts:
                if part.kind is not kind:
                    continue
                if view.output == "name":
                    env.write("".join(f"{context}: {get_output.full_name(kind, obj)}\n" for obj in part.objects))
                    continue
                header = ["Context", *part.header]
                rows += [[context, *row] for row in part.rows]
        if rows:
            env.write(table(header if view.header else (), rows) + ("\n" if mixed else ""))


def _fetch(env: Env, view: View, wanted: Mapping[Kind, list[str]]) -> list[Part]:
    client = connect(env)
    every = {name for names in wanted.values() for name in names}
    fields = by_name(every.pop()) if len(every) == 1 else ""
    answers = client.list_many([(kind.resource, view.namespace) for kind in wanted], labels=view.labels, fields=fields)
    parts = []
    mixed = len(wanted) > 1
    for (kind, names), answer in zip(wanted.items(), answers, strict=True):
        if isinstance(answer, NoMatch) and mixed:
            continue
        if isinstance(answer, KubeError):
            raise answer
        objects, missing = view.named(kind, answer.items, names)
        if missing:
            raise missing[0]
        objects = view.choose(kind, objects)
        if not objects:
            continue
        if view.output == "wide":
            header, rows = get_output.wide(env, client, view, kind, objects, with_kind=mixed)
        else:
            header, rows = view.headers(kind), view.rows(kind, objects, with_kind=mixed)
        parts.append(Part(kind, objects, header, rows))
    return parts
