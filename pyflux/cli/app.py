"""The Typer application: built from the command rows, one group at a time as it is entered.

Typer gives the tree, the help pages (with Rich on a terminal) and the contexts; the flags are read by
`pyflux.cli.pflag`, since click knows neither `--prune=false` nor flags before subcommands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from pyflux.cli import main, pflag, tree
from pyflux.cli.flagtypes import shown
from pyflux.cli.globals import GLOBAL_FLAGS
from pyflux.errors import EXIT_OK

if TYPE_CHECKING:
    from pyflux.cli.main import Found
    from pyflux.cli.model import Command, Flag
    from pyflux.env import Env

_METAVARS = {"bool": "", "strings": "strings", "stringArray": "string", "stringToString": "key=value"}
_PANEL_GLOBAL = "Global flags"
_PANEL_OWN = "Flags"


def _option(flag: Flag, panel: str) -> TyperOption:
    names = [f"--{flag.name}"]
    if flag.short:
        names.append(f"-{flag.short}")
    default = flag.default if flag.type != "bool" else ("true" if flag.default == "true" else "")
    is_bool = flag.type == "bool"
    return TyperOption(
        param_decls=[*names, flag.name.replace("-", "_")],
        help=flag.help,
        default=default or None,
        show_default=bool(default) and default != "[]",
        is_flag=is_bool,
        metavar=None if is_bool else _METAVARS.get(flag.type) or shown(flag.type),
        hidden=flag.hidden or bool(flag.deprecated),
        rich_help_panel=panel,
        required=flag.required,
    )


def _params(chain: list[Command]) -> list[Any]:
    own = [_option(flag, _PANEL_OWN) for row in chain[1:] for flag in row.flags]
    own_names = {param.name for param in own}
    shared = [
        option
        for flag in (tree.ROOT_FLAGS if len(chain) == 1 else GLOBAL_FLAGS)
        if (option := _option(flag, _PANEL_GLOBAL)).name not in own_names
    ]
    return own + shared


def _text(row: Command) -> str:
    parts = [row.help]
    if row.long:
        parts.append(row.long)
    if row.example:
        parts.append("Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in row.example.strip().splitlines()))
    return "\n\n".join(parts)


class RowCommand(TyperCommand):
    """A command that is a row: help from its data, flags read by pflag, run by name."""

    def __init__(self, chain: list[Command], *, rich: bool) -> None:
        row = chain[-1]
        arguments: list[Any] = []
        if row.usage:
            arguments.append(
                TyperArgument(param_decls=["arguments"], metavar=row.usage, nargs=-1, required=False, hidden=True)
            )
        super().__init__(
            name=row.name,
            help=_text(row),
            short_help=row.help,
            params=[*arguments, *_params(chain)],
            options_metavar="[flags]",
            hidden=row.hidden,
            rich_markup_mode="rich" if rich else None,
        )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # the words were read by pflag in `execute`; click must not read them again
        ctx.args = list(args)
        return args

    def invoke(self, ctx: Any) -> Any:
        env, found = ctx.obj
        try:
            main.execute(env, found)
        except pflag.HelpWanted:
            env.write(ctx.get_help() + "\n")


class RowGroup(TyperGroup):
    """A group whose commands are made from their rows when they are asked for."""

    def __init__(self, chain: list[Command], *, rich: bool) -> None:
        self._chain = chain
        self._rich = rich
        row = chain[-1]
        super().__init__(
            name=row.name,
            help=_text(row),
            short_help=row.help,
            params=_params(chain),
            options_metavar="[flags]",
            subcommand_metavar="[command]",
            hidden=row.hidden,
            invoke_without_command=True,
            rich_markup_mode="rich" if rich else None,
        )

    def list_commands(self, ctx: Any) -> list[str]:
        row = self._chain[-1]
        return list(tree.TOP) if row is tree.ROOT else [child.name for child in row.children]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        row = self._chain[-1]
        child = tree.load(cmd_name) if row is tree.ROOT else row.child(cmd_name)
        return None if child is None else build([*self._chain, child], rich=self._rich)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx._protected_args, ctx.args = args[:1], args[1:]
        return args[1:]

    def invoke(self, ctx: Any) -> Any:
        env, found = ctx.obj
        if len(found.chain) == len(self._chain):
            # a group called alone shows its help, whatever else is on its command line
            try:
                if self._chain[-1].run:
                    main.execute(env, found)
                    return None
                pflag.parse_words(found.flags, found.words)
            except pflag.HelpWanted:
                pass
            env.write(ctx.get_help() + "\n")
            if self._chain[-1] is tree.ROOT:
                from pyflux.cli.plugins import help_text

                env.write(help_text(env))
            return None
        return super().invoke(ctx)


def build(chain: list[Command], *, rich: bool) -> TyperCommand | TyperGroup:
    """The Typer object for the last row of `chain` (the root first)."""
    row = chain[-1]
    if row is tree.ROOT or row.children or not row.run:
        return RowGroup(chain, rich=rich)
    return RowCommand(chain, rich=rich)


def run_with_typer(env: Env, found: Found) -> int:
    """Runs what `found` names, or prints its help. Raises PyfluxError."""
    app = build([tree.ROOT], rich=env.fancy(env.stdout))
    names = [row.name for row in found.chain[1:]]
    app.main(args=names, prog_name="pyflux", standalone_mode=False, obj=(env, found))
    return EXIT_OK
