"""What a help page says, taken from the command rows, and its plain rendering.

Both renderings, this one and Typer's (`pyflux.cli.app`), have one `Page` as their source, so they say the same.
Nothing heavy is imported here: help that is piped or printed in CI costs no more than the rows themselves.
"""

from __future__ import annotations

from pyflux.cli import tree
from pyflux.cli.flagtypes import shown
from pyflux.cli.globals import GLOBAL_FLAGS
from pyflux.cli.model import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.cli.model import Command
    from pyflux.env import Env

PROGRAM = "pyflux"
_VALUE_WORDS = {"bool": "", "strings": "strings", "stringArray": "string", "stringToString": "key=value"}


class Page:
    """The content of one help page."""

    __slots__ = ("aliases", "commands", "examples", "flags", "long", "more", "summary", "usage")

    def __init__(self, row: Command) -> None:
        self.summary = row.help
        self.long = row.long
        self.usage: list[str] = []
        """Whole lines: "pyflux get [command]"."""
        self.aliases: tuple[str, ...] = row.aliases
        self.examples: list[str] = row.example.strip().splitlines()
        self.commands: list[tuple[str, list[tuple[str, str]]]] = []
        """Heading, then (name, one line of help)."""
        self.flags: list[tuple[str, list[Flag]]] = []
        """Heading, then the flags by name."""
        self.more = ""
        """Where to read on; empty where there is nothing below."""


def page(env: Env, chain: list[Command]) -> Page:
    """The page of the last row of `chain` (the root first)."""
    row, is_root = chain[-1], len(chain) == 1
    made = Page(row)
    words = " ".join((PROGRAM, *(command.name for command in chain[1:])))
    children = list(tree.TOP.items()) if is_root else [(c.name, c.help) for c in row.children if not c.hidden]
    if row.run or not children:
        made.usage.append(" ".join(filter(None, (words, row.usage, "[flags]"))))
    if children:
        made.usage.append(f"{words} [command]")
        made.commands.append(("Commands", children))
        made.more = f'Use "{words} [command] --help" for more about a command.'
    if is_root:
        from pyflux.cli.plugins import plugin_names

        plugins = [(name, f"Runs the {name} plugin") for name in plugin_names(env)]
        if plugins:
            made.commands.append(("Plugin Commands", plugins))
    made.flags = _flag_groups(chain)
    return made


def _flag_groups(chain: list[Command]) -> list[tuple[str, list[Flag]]]:
    own: dict[str, Flag] = {}
    for row in chain[1:]:
        own |= {flag.name: flag for flag in row.flags}
    shared = {flag.name: flag for flag in GLOBAL_FLAGS if flag.name not in own}
    if len(chain) == 1:
        own = {flag.name: flag for flag in chain[0].flags if flag.name not in shared}
    taken = {flag.short for flag in own.values()}
    own["help"] = Flag("help", "bool", f"Help for {chain[-1].name if chain[1:] else PROGRAM}")
    own["help"].short = "" if "h" in taken else "h"
    return [("Flags", _visible(own)), ("Global Flags", _visible(shared))]


def _visible(flags: dict[str, Flag]) -> list[Flag]:
    return [flags[name] for name in sorted(flags) if not flags[name].hidden and not flags[name].deprecated]


def value_word(flag: Flag) -> str:
    """What stands for the flag's value: "duration"; empty for a switch."""
    return _VALUE_WORDS.get(flag.type, shown(flag.type))


def describe(flag: Flag) -> str:
    """The flag's help with its default and whether it must be given."""
    default = "" if flag.default in ("[]", "false") else flag.default
    notes = [f" (default {default})" if default else "", " (required)" if flag.required else ""]
    return flag.help + "".join(notes)


def plain(made: Page) -> str:
    """The page as text without colour, lines as long as they are."""
    return "\n".join(_lines(made)) + "\n"


def _lines(made: Page) -> Iterator[str]:
    yield f"{made.summary}."
    if made.long:
        yield from ("", made.long)
    yield from ("", "Usage:", *(f"  {line}" for line in made.usage))
    if made.aliases:
        yield from ("", "Aliases:", f"  {', '.join(made.aliases)}")
    if made.examples:
        yield from ("", "Examples:", *(f"  {line}" for line in made.examples))
    for heading, commands in made.commands:
        yield from ("", f"{heading}:", *_columns(commands))
    for heading, flags in made.flags:
        if flags:
            yield from ("", f"{heading}:", *_columns([(_names(flag), describe(flag)) for flag in flags]))
    if made.more:
        yield from ("", made.more)


def _names(flag: Flag) -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    return f"{short}--{flag.name} {value_word(flag)}".rstrip()


def _columns(rows: list[tuple[str, str]]) -> Iterator[str]:
    width = max(len(left) for left, _ in rows)
    for left, right in rows:
        yield f"  {left.ljust(width)}   {right}"
