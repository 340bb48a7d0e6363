"""`pyflux get`: one line an object, for one kind, several kinds, or single objects of different kinds."""

from __future__ import annotations

from pyflux.catalog import columns, kinds
from pyflux.errors import Invalid, KubeError, NoMatch, NotFound, PyfluxError, UsageError
from pyflux.kube import connect
from pyflux.ui.table import table
from pyflux.verbs import targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pyflux.catalog.columns import Column
    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target

    Obj = dict[str, Any]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FORMATS = ("", "wide", "name", "json", "yaml")


class View:
    """How objects are chosen and shown: the flags of one `get`."""

    def __init__(self, env: Env, call: Call) -> None:
        self.everywhere = call.bool("all-namespaces")
        self.namespace = "" if self.everywhere else env.kube.namespace
        self.labels = call.str("label-selector")
        self.header = not call.bool("no-header")
        self.output = call.str("output")
        self.show_source = bool(call.values.get("show-source"))
        self.selector = call.str("status-selector")
        self.suspended = call.bool("suspended")
        self.keep = self._filter()
        if self.output not in _FORMATS:
            raise UsageError(
                f'unable to match a printer suitable for the output format "{self.output}", '
                "allowed formats are: json,yaml,name,wide"
            )

    @property
    def where(self) -> str:
        """The namespace as messages name it."""
        return "any" if self.everywhere else f'"{self.namespace}"'

    def _filter(self) -> Callable[[Kind, Obj], bool]:
        """Reads `--status-selector` when it is first needed, since flux complains of it only then."""
        if not self.selector:
            return lambda _kind, _obj: True
        wanted = "!=" not in self.selector
        name, separator, status = self.selector.partition("=" if wanted else "!=")
        name, status = name.lower(), status.lower()

        def keep(kind: Kind, obj: Obj) -> bool:
            if not separator:
                raise UsageError(
                    f"expected status selector in type=status or type!=status format, but found: {self.selector}"
                )
            return _has_status(kind, obj, name, status) is wanted

        return keep

    def slim(self, obj: Obj) -> None:
        """Takes out what is not shown and may be large."""
        # bookkeeping of the API server that nobody reads
        obj["metadata"].pop("managedFields", None)
        if self.output not in ("json", "yaml"):
            obj["metadata"].get("annotations", {}).pop(_LAST_APPLIED, None)
            (obj.get("status") or {}).pop("inventory", None)

    def columns(self, kind: Kind) -> tuple[Column, ...]:
        shown = kind.columns
        if self.show_source and kind.shows_source:
            shown = (columns.SOURCE, *shown)
        return shown

    def headers(self, kind: Kind) -> list[str]:
        names = ["Name", *(name for name, _ in self.columns(kind))]
        return ["Namespace", *names] if self.everywhere else names

    def choose(self, kind: Kind, objects: Sequence[Obj]) -> list[Obj]:
        return [obj for obj in objects if (not self.suspended or columns.is_suspended(obj)) and self.keep(kind, obj)]

    def rows(self, kind: Kind, objects: Sequence[Obj], *, with_kind: bool = False) -> list[list[str]]:
        """The cells of each object; `with_kind` puts the kind before the name, for mixed lists."""
        cells = [function for _, function in self.columns(kind)]
        prefix = kind.name.lower() + "/" if with_kind else ""
        found = []
        for obj in objects:
            row = [prefix + columns.name(obj), *(cell(obj) for cell in cells)]
            if self.everywhere:
                row.insert(0, columns.namespace(obj))
            found.append(row)
        return found


def _has_status(kind: Kind, obj: Obj, name: str, status: str) -> bool:
    if kind.static:
        return name == "ready" and status == "true"
    found = ""
    for condition in columns.conditions(obj):
        if str(condition.get("type", "")).lower() == name:
            found = str(condition.get("status", ""))
    return found.lower() == status


def run(env: Env, call: Call) -> None:
    """`get KIND [name]`."""
    if call.values.get("path"):
        from pyflux.verbs.fleet.listing import run as list_repository

        list_repository(env, call)
        return
    kind = kinds.by_path(call.path)
    view = View(env, call)
    name = call.args[0] if call.args else ""
    if call.strings("contexts"):
        from pyflux.verbs import get_contexts

        get_contexts.run(env, call, view, [kind], name)
        return
    client = connect(env)
    if call.bool("watch"):
        from pyflux.verbs import get_watch

        get_watch.run(env, client, kind, name, view)
        return
    objects = targets.listing(client, kind, view.namespace, name=name, labels=view.labels, slim=view.slim).items
    if not objects:
        if name:
            raise NotFound(f"{kind.name} object '{name}' not found in {view.where} namespace")
        raise PyfluxError(f"no {kind.name} objects found in {view.where} namespace")
    chosen = view.choose(kind, objects)
    if view.output:
        from pyflux.verbs import get_output

        get_output.write(env, client, view, [(kind, chosen)], single=bool(name))
        return
    env.write(table(view.headers(kind) if view.header else (), view.rows(kind, chosen)))


def run_all(env: Env, call: Call) -> None:
    """`get all`, `get sources all` and `get images all`: the lists of all kinds, fetched side by side."""
    if call.bool("watch"):
        raise UsageError("expected a single resource type, but found all")
    group = call.path[1]
    wanted = {"sources": kinds.SOURCES, "images": kinds.IMAGES}.get(group, kinds.ALL)
    view = View(env, call)
    if call.strings("contexts"):
        from pyflux.verbs import get_contexts

        get_contexts.run(env, call, view, wanted, "")
        return
    client = connect(env)
    targets.check_labels(view.labels)
    fields = f"metadata.name={call.args[0]}" if call.args else ""
    places = [(kind.resource, view.namespace) for kind in wanted]
    answers = client.list_many(places, labels=view.labels, fields=fields, slim=view.slim)
    sections: list[tuple[Kind, list[Obj]]] = []
    for kind, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, NoMatch):
            continue
        if isinstance(answer, Invalid):
            raise targets.selector_error(answer, view.labels)
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
    _write_sections(env, client, view, sections)


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`get KIND/NAME …`: objects of any kinds by name."""
    if call.bool("watch") and len(wanted) > 1:
        raise UsageError("only one object can be watched")
    view = View(env, call)
    client = connect(env)
    if call.bool("watch"):
        from pyflux.verbs import get_watch

        get_watch.run(env, client, wanted[0].kind, wanted[0].name, view)
        return
    found: dict[Kind, list[Obj]] = {}
    missing = []
    for target in wanted:
        items = targets.listing(client, target.kind, view.namespace, name=target.name, labels=view.labels).items
        if not items:
            missing.append(target)
        found.setdefault(target.kind, []).extend(view.choose(target.kind, items))
    sections = [(kind, objects) for kind, objects in found.items() if objects]
    if len(wanted) == 1 and sections and not view.output:
        kind, objects = sections[0]
        env.write(table(view.headers(kind) if view.header else (), view.rows(kind, objects)))
    else:
        _write_sections(env, client, view, sections, single=len(wanted) == 1)
    for target in missing[:-1]:
        env.log.failure(f"{target.kind.name} object '{target.name}' not found in {view.where} namespace")
    if missing:
        last = missing[-1]
        raise NotFound(f"{last.kind.name} object '{last.name}' not found in {view.where} namespace")


def _write_sections(
    env: Env,
    client: Client,
    view: View,
    sections: Sequence[tuple[Kind, list[Obj]]],
    *,
    single: bool = False,
) -> None:
    if view.output:
        from pyflux.verbs import get_output

        get_output.write(env, client, view, sections, single=single, with_kind=True)
        return
    for kind, objects in sections:
        header = view.headers(kind) if view.header else ()
        env.write(table(header, view.rows(kind, objects, with_kind=True)) + "\n")
