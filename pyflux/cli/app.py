"""The Typer application, built from the command rows one node at a time.

It runs the commands that are not hot, and it draws the help pages on a terminal, with Rich. The flags are read by
`pyflux.cli.pflag`, since click knows neither `--prune=false` nor flags before subcommands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from typer.core import TyperCommand, TyperGroup, TyperOption

from pyflux.cli import help_text, main, tree

if TYPE_CHECKING:
    from pyflux.cli.help_text import Page
    from pyflux.cli.main import Found
    from pyflux.cli.model import Command, Flag
    from pyflux.env import Env


def _execute(ctx: Any) -> None:
    env, found = ctx.obj
    main.execute(env, found)


class RowCommand(TyperCommand):
    """A command that is a row: its words were read by pflag, its function is called by name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return args

    def invoke(self, ctx: Any) -> Any:
        _execute(ctx)


class RowGroup(TyperGroup):
    """A group whose commands are made from their rows when they are asked for."""

    def __init__(self, row: Command) -> None:
        self._row = row
        super().__init__(name=row.name)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(tree.TOP) if self._row is tree.ROOT else [child.name for child in self._row.children]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        child = tree.load(cmd_name) if self._row is tree.ROOT else self._row.child(cmd_name)
        return None if child is None else build(child)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx._protected_args, ctx.args = args[:1], args[1:]
        return args[1:]

    def invoke(self, ctx: Any) -> Any:
        # a group named last does something itself: `delete ks/app`
        return super().invoke(ctx) if ctx._protected_args else _execute(ctx)


def build(row: Command) -> TyperCommand | TyperGroup:
    """The Typer object for a row."""
    if row is tree.ROOT or row.children:
        return RowGroup(row)
    return RowCommand(name=row.name)


def run_with_typer(env: Env, found: Found) -> None:
    """Runs what `found` names, whose flags have been read. Raises HelpWanted, PyfluxError."""
    build(tree.ROOT).main(args=list(found.path), prog_name=help_text.PROGRAM, standalone_mode=False, obj=(env, found))


class HelpPage(TyperGroup):
    """A help page as Typer knows one: options in panels, commands in panels."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._rows = [
            RowCommand(name=name, short_help=escape(text), rich_help_panel=heading)
            for heading, rows in page.commands
            for name, text in rows
        ]
        super().__init__(
            name=help_text.PROGRAM,
            help=_text(page),
            epilog=escape(page.more),
            params=[_option(flag, heading) for heading, flags in page.flags for flag in flags],
            add_help_option=False,
            rich_markup_mode="rich",
        )

    def get_usage(self, ctx: Any) -> str:
        return "Usage: " + "\n       ".join(self._page.usage)

    def list_commands(self, ctx: Any) -> list[str]:
        return [row.name or "" for row in self._rows]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return next(row for row in self._rows if row.name == cmd_name)


def _option(flag: Flag, panel: str) -> TyperOption:
    names = [f"--{flag.name}"]
    if flag.short:
        names.append(f"-{flag.short}")
    return TyperOption(
        param_decls=[*names, flag.name.replace("-", "_")],
        help=escape(help_text.describe(flag)),
        show_default=False,
        is_flag=flag.type == "bool",
        metavar=help_text.value_word(flag) or None,
        rich_help_panel=panel,
    )


def _text(page: Page) -> str:
    parts = [f"{page.summary}."]
    if page.long:
        parts.append(page.long)
    if page.aliases:
        parts.append(f"Aliases: {', '.join(page.aliases)}")
    if page.examples:
        parts.append("Examples:\n" + "\n".join(f"  {line}" for line in page.examples))
    return escape("\n\n".join(parts))


def help_with_typer(env: Env, page: Page) -> None:
    """Draws a help page on the terminal that is stdout."""
    shown = HelpPage(page)
    env.stdout.flush()
    env.write(shown.get_help(shown.context_class(shown, info_name=help_text.PROGRAM)))
