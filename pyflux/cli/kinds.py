"""Rows for the kinds below a verb, made from the catalog; and the generic forms `VERB KIND/NAME …`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.model import Command, Flag
from pyflux.env import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env
    from pyflux.verbs.targets import Target

MANY_FLAGS = (
    Flag("label-selector", "string", "Take the objects with these labels", short="l", extra=True),
    Flag("all-namespaces", "bool", "With --all or -l: take all namespaces, after a question", short="A", extra=True),
    Flag("silent", "bool", "Do not ask", short="s", extra=True),
    Flag("contexts", "strings", "Do it in these contexts of the kubeconfig, side by side", extra=True),
)
"""What suspend, resume and reconcile take to choose objects in the place of names."""

_GROUPS = {
    "source": "sources",
    "image": "images",
    "artifact": "artifacts",
    "sources": "sources",
    "images": "images",
    "artifacts": "artifacts",
}
_GROUP_HELP = {
    "sources": "Git, OCI, Helm and bucket sources",
    "images": "image repositories, policies and update automations",
    "artifacts": "artifact generators",
}


def plural(kind: Kind) -> str:
    """The kind's name for several objects: "ImagePolicies"."""
    name = kind.name
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def rows(
    verb: str,
    *,
    run: str,
    help: str,
    example: Callable[[Kind, str], str],
    many: bool = False,
    usage: str = "[name]",
    flags: Mapping[Kind, Sequence[Flag]] | None = None,
    group_flags: Mapping[str, Sequence[Flag]] | None = None,
    extra_rows: Mapping[str, Sequence[Command]] | None = None,
    args: tuple[int, int] | None = None,
    hot: bool = False,
    only: Sequence[Kind] | None = None,
) -> tuple[Command, ...]:
    """The children of `verb`: one row a kind that has the verb, those of sources, images and artifacts in groups.

    `help` holds "{kinds}" and `example` gets (kind, words of the command line up to the name). `many` takes the
    plural words (`get sources git`). `extra_rows` are rows that are no kinds, by group ("" for the top).
    """
    grouped: dict[str, list[Command]] = {}
    for kind in only if only is not None else kinds.KINDS:
        if only is None and verb not in kind.verbs:
            continue
        path = kind.many if many else kind.one
        top = len(path) == 1
        aliases = kind.short if top and kind.name in ("Kustomization", "HelmRelease") else ()
        if many and kind.one != kind.many and (top or kind.one[0] == "artifact"):
            aliases = (*aliases, kind.one[-1])
        grouped.setdefault("" if top else path[0], []).append(
            Command(
                path[-1],
                help.format(kinds=plural(kind)),
                run=run,
                aliases=aliases,
                usage=usage,
                args=args,
                hot=hot,
                flags=(flags or {}).get(kind, ()),
                example=example(kind, f"pyflux {verb} {' '.join(path)}"),
                kind=kind.name,
            )
        )
    for name, more in (extra_rows or {}).items():
        grouped.setdefault(name, []).extend(more)
    top_rows = grouped.pop("", [])
    for name, members in grouped.items():
        alias = name.rstrip("s")
        what = help.format(kinds=_GROUP_HELP[_GROUPS[name]])
        top_rows.append(
            Command(
                name,
                what,
                aliases=(alias,) if alias != name else (),
                flags=(group_flags or {}).get(name, ()),
                children=sorted(members, key=_name),
            )
        )
    return tuple(sorted(top_rows, key=_name))


def _name(row: Command) -> str:
    return row.name


def generic(env: Env, call: Call) -> None:
    """`VERB KIND/NAME …` and `VERB KIND,KIND [name …]` for the verb in `call.path`; help where neither is given."""
    from pyflux.cli.main import resolve
    from pyflux.cli.pflag import HelpWanted
    from pyflux.verbs import targets

    verb = call.path[0]
    first = call.args[0] if call.args else ""
    if any("/" in word for word in call.args):
        wanted = [targets.named(word) for word in call.args]
    else:
        chosen = targets.kinds_named(first)
        if not chosen or (len(chosen) == 1 and verb not in chosen[0].verbs):
            # not a command, as far as flux is concerned
            raise HelpWanted
        for kind in chosen:
            targets.need(kind, verb)
        if len(call.args) == 1:
            several = f"pyflux.verbs.{verb}:run_kinds" if verb == "get" else "pyflux.verbs.each_kind:run"
            run_kinds: Callable[[Env, Call, Sequence[Kind]], None] = resolve(several)  # type: ignore[assignment]
            run_kinds(env, Call(call.path, [], call.values, call.changed), chosen)
            return
        wanted = [targets.Target(kind, name) for kind in chosen for name in call.args[1:]]
    run_named: Callable[[Env, Call, list[Target]], None] = resolve(f"pyflux.verbs.{verb}:run_named")  # type: ignore[assignment]
    run_named(env, call, wanted)
