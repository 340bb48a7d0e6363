"""`pyflux get`: one line an object, for one kind, several kinds, or single objects of different kinds."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.errors import Invalid, KubeError, NoMatch, PyfluxError, SilentExit, Unauthorized, UsageError
from pyflux.kube import connect
from pyflux.kube.request import by_name
from pyflux.ui.table import table
from pyflux.verbs import targets
from pyflux.verbs.get_view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target

    Obj = dict[str, Any]


def run(env: Env, call: Call) -> None:
    """`get KIND [name …]`."""
    if call.values.get("path"):
        from pyflux.verbs.fleet.listing import run as list_repository

        list_repository(env, call)
        return
    _show(env, call, {kinds.by_path(call.path): targets.unique(call.args)})


def run_kinds(env: Env, call: Call, wanted: Sequence[Kind]) -> None:
    """`get KIND,KIND`: a table a kind."""
    _show(env, call, {kind: [] for kind in wanted})


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`get KIND/NAME …`: objects of any kinds by name."""
    names: dict[Kind, list[str]] = {}
    for target in wanted:
        mine = names.setdefault(target.kind, [])
        if target.name not in mine:
            mine.append(target.name)
    _show(env, call, names)


def _show(env: Env, call: Call, wanted: Mapping[Kind, list[str]]) -> None:
    """Shows the objects of each kind that have one of the names; without names all of them."""
    view = View(env, call)
    if call.strings("contexts"):
        from pyflux.verbs import get_contexts

        get_contexts.run(env, call, view, wanted)
        return
    if call.bool("watch"):
        _watch(env, view, wanted)
        return
    client = connect(env)
    if len(wanted) > 1:
        _write_sections(env, client, view, *_of_each(env, client, view, wanted))
        return
    kind, names = next(iter(wanted.items()))
    name = names[0] if len(names) == 1 else None
    items = targets.listing(client, kind, view.namespace, name=name, labels=view.labels, slim=view.slim).items
    objects, missing = view.named(kind, items, names)
    if not items and not names:
        raise PyfluxError(f"no {kind.name} objects found in {view.where} namespace")
    if objects:
        _write(env, client, view, kind, view.choose(kind, objects), single=name is not None)
    _say(env, missing)


def _watch(env: Env, view: View, wanted: Mapping[Kind, list[str]]) -> None:
    if len(wanted) > 1:
        raise UsageError(f"expected a single resource type, but found {','.join(kind.name for kind in wanted)}")
    kind, names = next(iter(wanted.items()))
    if len(names) > 1:
        raise UsageError("only one object can be watched")
    if names == [""]:
        raise UsageError("resource name may not be empty")
    from pyflux.verbs import get_watch

    get_watch.run(env, connect(env), kind, names[0] if names else "", view)


def _of_each(
    env: Env, client: Client, view: View, wanted: Mapping[Kind, list[str]]
) -> tuple[list[tuple[Kind, list[Obj]]], list[PyfluxError]]:
    """The objects of several kinds, fetched side by side, and what went wrong."""
    targets.check_labels(view.labels)
    answers = client.list_many([(kind.resource, view.namespace) for kind in wanted], labels=view.labels, slim=view.slim)
    sections: list[tuple[Kind, list[Obj]]] = []
    failed: list[PyfluxError] = []
    for (kind, names), answer in zip(wanted.items(), answers, strict=True):
        if isinstance(answer, Invalid):
            raise targets.selector_error(answer, view.labels)
        if isinstance(answer, Unauthorized):
            raise answer
        if isinstance(answer, KubeError):
            failed.append(targets.explained(client, kind, answer) if isinstance(answer, NoMatch) else answer)
            continue
        objects, missing = view.named(kind, answer.items, names)
        failed += missing
        chosen = view.choose(kind, objects)
        if chosen:
            sections.append((kind, chosen))
    if not sections and not failed:
        listed = ", ".join(kind.name for kind in wanted)
        failed.append(PyfluxError(f"no {listed} objects found in {view.where} namespace"))
    return sections, failed


def run_all(env: Env, call: Call) -> None:
    """`get all`, `get sources all` and `get images all`: the lists of all kinds, fetched side by side."""
    if call.bool("watch"):
        raise UsageError("expected a single resource type, but found all")
    group = call.path[1]
    wanted = {"sources": kinds.SOURCES, "images": kinds.IMAGES}.get(group, kinds.ALL)
    view = View(env, call)
    if call.strings("contexts"):
        from pyflux.verbs import get_contexts

        get_contexts.run(env, call, view, dict.fromkeys(wanted, call.args[:1]))
        return
    client = connect(env)
    targets.check_labels(view.labels)
    fields = by_name(call.args[0]) if call.args else ""
    places = [(kind.resource, view.namespace) for kind in wanted]
    answers = client.list_many(places, labels=view.labels, fields=fields, slim=view.slim)
    sections: list[tuple[Kind, list[Obj]]] = []
    for kind, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, NoMatch):
            continue
        if isinstance(answer, Invalid):
            raise targets.selector_error(answer, view.labels)
        if isinstance(answer, Unauthorized):
            raise answer
        if isinstance(answer, KubeError):
            env.log.failure(answer.message)
            continue
        try:
            chosen = view.choose(kind, answer.items)
        except UsageError as error:
            env.log.failure(error.message)
            continue
        if not answer.items and call.args:
            env.log.failure(f"{kind.name} object '{call.args[0]}' not found in {view.where} namespace")
        if chosen:
            sections.append((kind, chosen))
    _write_sections(env, client, view, sections, [])


def _write(env: Env, client: Client, view: View, kind: Kind, objects: list[Obj], *, single: bool) -> None:
    """One kind's objects, without the kind before their names."""
    if view.output:
        from pyflux.verbs import get_output

        get_output.write(env, client, view, [(kind, objects)], single=single)
        return
    env.write(table(view.headers(kind) if view.header else (), view.rows(kind, objects)))


def _write_sections(
    env: Env,
    client: Client,
    view: View,
    sections: Sequence[tuple[Kind, list[Obj]]],
    failed: Sequence[PyfluxError],
) -> None:
    """A table a kind, the kind before each name, and then what went wrong. Raises PyfluxError for that."""
    if view.output:
        from pyflux.verbs import get_output

        get_output.write(env, client, view, sections, with_kind=True)
    else:
        for kind, objects in sections:
            header = view.headers(kind) if view.header else ()
            env.write(table(header, view.rows(kind, objects, with_kind=True)) + "\n")
    _say(env, failed)


def _say(env: Env, failed: Sequence[PyfluxError]) -> None:
    """Raises the only failure, or says all of several and raises SilentExit."""
    if len(failed) == 1:
        raise failed[0]
    for error in failed:
        env.log.failure(error.message)
        if error.hint:
            env.log.plain(f"  {error.hint}")
    if failed:
        raise SilentExit("")
