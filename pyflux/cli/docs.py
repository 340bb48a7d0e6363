"""The command reference in docs/commands, made from the command rows.

python -m pyflux.cli.docs [FOLDER]           writes it
python -m pyflux.cli.docs --check [FOLDER]   fails where it is stale
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pyflux.cli.flagtypes import shown
from pyflux.cli.globals import GLOBAL_FLAGS
from pyflux.cli.tree import everything

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyflux.cli.model import Command, Flag

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "commands"
_INDEX = "README.md"
_NOTE = "<!-- made by `python -m pyflux.cli.docs` from the command rows: edit those -->"
_EXTRA = "Not in flux."
_TYPE_WORDS = {"bool": "", "strings": "list", "stringArray": "text, repeatable", "stringToString": "key=value, …"}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _flag_row(flag: Flag) -> str:
    names = f"`--{flag.name}`" + (f", `-{flag.short}`" if flag.short else "")
    kind = _TYPE_WORDS.get(flag.type, shown(flag.type))
    default = f"`{flag.default}`" if flag.default else ""
    notes = [flag.help]
    if flag.required:
        notes.append("required")
    if flag.extra:
        notes.append(_EXTRA.lower().rstrip("."))
    return f"| {names} | {_cell(kind)} | {_cell(default)} | {_cell('; '.join(notes))} |"


def _flag_table(flags: Sequence[Flag]) -> Iterator[str]:
    yield "| Flag | Value | Default | |"
    yield "|---|---|---|---|"
    for flag in sorted(flags, key=lambda flag: flag.name):
        yield _flag_row(flag)
    yield ""


def _visible(flags: Sequence[Flag]) -> list[Flag]:
    return [flag for flag in flags if not flag.hidden and not flag.deprecated]


def _children(command: Command) -> list[Command]:
    return [child for child in command.children if not child.hidden]


def _anchor(path: str) -> str:
    return f"pyflux-{path.replace(' ', '-')}"


def _link(path: str, *, inside: str) -> str:
    top = path.split()[0]
    file = "" if inside == top else f"{top}.md"
    return f"{file}#{_anchor(path)}"


def _usage(path: str, command: Command) -> str:
    words = [f"pyflux {path}"]
    if command.children:
        words.append("[command]")
    if command.usage:
        words.append(command.usage)
    return " ".join([*words, "[flags]"])


def section(path: str, command: Command, inherited: Sequence[str]) -> Iterator[str]:
    """The lines of one command; `inherited` names the groups above that have flags of their own."""
    top = path.split()[0]
    yield f"{'#' if path == top else '##'} pyflux {path}"
    yield ""
    yield f"{command.help}." + (f" {_EXTRA}" if command.extra else "")
    yield ""
    if command.long:
        yield command.long
        yield ""
    yield f"    {_usage(path, command)}"
    yield ""
    if command.aliases:
        yield f"Other names: {', '.join(f'`{alias}`' for alias in command.aliases)}."
        yield ""
    if command.example:
        yield from ("```sh", *command.example.strip().splitlines(), "```", "")
    children = _children(command)
    if children:
        for child in children:
            below = f"{path} {child.name}"
            yield f"- [`pyflux {below}`]({_link(below, inside=top)}): {child.help}"
        yield ""
    flags = _visible(command.flags)
    if flags:
        yield from _flag_table(flags)
    shared = [f"[`pyflux {group}`]({_link(group, inside=top)})" for group in inherited]
    yield f"Also takes the flags of {', '.join([*shared, f'[all commands]({_INDEX}#flags-of-all-commands)'])}."
    yield ""


def _sections(path: str, command: Command, inherited: tuple[str, ...] = ()) -> Iterator[str]:
    yield from section(path, command, inherited)
    below = (*inherited, path) if _visible(command.flags) else inherited
    for child in _children(command):
        yield from _sections(f"{path} {child.name}", child, below)


def page(command: Command) -> str:
    """The page of a top-level command and of all commands below it."""
    return "\n".join([_NOTE, "", *_sections(command.name, command)]).rstrip("\n") + "\n"


def index(root: Command) -> str:
    """The page that lists the top-level commands and the global flags."""
    lines = [_NOTE, "", "# Commands", ""]
    for command in _children(root):
        mark = f" ({_EXTRA.lower().rstrip('.')})" if command.extra else ""
        lines.append(f"- [`pyflux {command.name}`]({command.name}.md): {command.help}{mark}")
    lines += ["", "## Flags of all commands", "", *_flag_table(_visible(GLOBAL_FLAGS))]
    return "\n".join(lines).rstrip("\n") + "\n"


def pages() -> dict[str, str]:
    """File name to content."""
    root = everything()
    return {_INDEX: index(root), **{f"{command.name}.md": page(command) for command in _children(root)}}


def stale(folder: Path, wanted: dict[str, str]) -> list[str]:
    """What differs between the folder and the wanted pages, one line each."""
    have = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    lines = [f"{name} is missing" for name in sorted(wanted.keys() - have.keys())]
    lines += [f"{name} belongs to no command" for name in sorted(have.keys() - wanted.keys())]
    return lines + [f"{name} is stale" for name in sorted(wanted.keys() & have.keys()) if wanted[name] != have[name]]


def write(folder: Path, wanted: dict[str, str]) -> None:
    """Makes the folder hold the wanted pages and no other."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(argv: list[str]) -> int:
    """The exit code: 1 where `--check` finds a stale page."""
    parser = argparse.ArgumentParser(prog="python -m pyflux.cli.docs", description="the command reference")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the pages are")
    options = parser.parse_args(argv)
    if not options.check:
        write(options.folder, pages())
        return 0
    faults = stale(options.folder, pages())
    for line in faults:
        print(f"✗ {options.folder.name}/{line}", file=sys.stderr)
    if faults:
        print("  run: python -m pyflux.cli.docs", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
