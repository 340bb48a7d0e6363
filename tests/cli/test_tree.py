"""The command tree: complete next to the reference's, and sound in itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from pyflux.cli import flagtypes, pflag
from pyflux.cli.main import find, resolve
from pyflux.cli.model import Command, Flag
from pyflux.cli.tree import TOP, everything
from tests.cli import reference

DELIBERATE: dict[tuple[str, str], str] = {}
"""(path, what) to the reason of a difference that is meant; `what` as in the faults below."""

PFLAG_TYPES = ("string", "bool", "int", "float32", "duration", "strings", "stringArray", "stringToString")


def walk(command: Command, path: str = "") -> Iterator[tuple[str, Command]]:
    yield path, command
    for child in command.children:
        yield from walk(child, f"{path} {child.name}".strip())


TREE = dict(walk(everything()))
RUNNABLE = {path: command for path, command in TREE.items() if command.run}


def flag_faults(wanted: dict[str, Any], flags: dict[str, Flag]) -> Iterator[str]:
    flag = flags.get(wanted["name"])
    if flag is None:
        yield f"flag --{wanted['name']} is missing"
        return
    facts = (
        ("type", flagtypes.shown(flag.type), wanted["type"]),
        ("shorthand", flag.short, wanted.get("short") or ""),
        ("default", flag.default, wanted.get("default") or ""),
    )
    for what, have, want in facts:
        if have != want:
            yield f"{what} of --{flag.name} is {have!r}, not {want!r}"


def faults(path: str, wanted: dict[str, Any]) -> Iterator[str]:
    command = TREE.get(path)
    if command is None:
        yield "command is missing"
        return
    own_name = path.split()[-1] if path else ""
    for alias in wanted["aliases"]:
        if alias != own_name and alias not in command.aliases:
            yield f"alias {alias} is missing"
    flags = {flag.name: flag for flag in command.flags}
    for flag in wanted["flags"]:
        yield from flag_faults(flag, flags)


@pytest.mark.skipif(not reference.FILE.is_file(), reason="the reference's command tree is not beside the repository")
def test_nothing_of_the_reference_is_missing() -> None:
    found = {(path, fault) for path, wanted in reference.commands().items() for fault in faults(path, wanted)}
    unexplained = sorted(found - DELIBERATE.keys())
    assert not unexplained, "\n".join(f"{path or 'root'}: {fault}" for path, fault in unexplained)
    stale = sorted(DELIBERATE.keys() - found)
    assert not stale, f"these differences are gone, take them off the list: {stale}"


@pytest.mark.skipif(not reference.FILE.is_file(), reason="the reference's command tree is not beside the repository")
def test_what_the_reference_lacks_is_marked_as_extra() -> None:
    known = reference.commands()
    unmarked = []
    for path, command in TREE.items():
        if any(TREE[" ".join(path.split()[:i])].extra for i in range(1, len(path.split()) + 1)):
            continue
        if path in known[""]["commands"] and path not in known:
            continue  # the reference lists it without facts: help
        if path not in known:
            unmarked.append(f"command {path}")
            continue
        names = {flag["name"] for flag in known[path]["flags"]}
        unmarked += [
            f"{path} --{flag.name}"
            for flag in command.flags
            if flag.name not in names and not flag.extra and not flag.hidden and not flag.deprecated
        ]
    assert not unmarked


def test_every_top_level_command_has_a_row() -> None:
    assert {name for name in TOP if name not in TREE} == set()
    assert all(TREE[name].name == name for name in TOP)


@pytest.mark.parametrize("path", [path for path in TREE if path])
def test_command_and_flags_have_help(path: str) -> None:
    command = TREE[path]
    assert command.help
    assert not command.help.endswith(".")
    assert [flag.name for flag in command.flags if not flag.help] == []


@pytest.mark.parametrize("path", RUNNABLE)
def test_run_target_is_there(path: str) -> None:
    assert callable(resolve(RUNNABLE[path].run))


@pytest.mark.parametrize("path", [path for path, command in TREE.items() if not command.run and path])
def test_group_has_children(path: str) -> None:
    assert TREE[path].children


@pytest.mark.parametrize("path", [path for path in TREE if path])
def test_flag_types_and_defaults_can_be_read(path: str) -> None:
    for flag in TREE[path].flags:
        assert flag.type in PFLAG_TYPES or flag.type in flagtypes.PARSERS, flag.name
        value = pflag.default_value(flag)
        if flag.type in flagtypes.PARSERS and flag.default:
            assert str(pflag.convert(flag, flag.default)) == str(value)


@pytest.mark.parametrize("path", [path for path in TREE if path])
def test_names_are_unambiguous(path: str) -> None:
    names = [name for child in TREE[path].children for name in (child.name, *child.aliases)]
    assert len(names) == len(set(names))
    flags = TREE[path].flags
    assert len({flag.name for flag in flags}) == len(flags)
    shorts = [flag.short for flag in flags if flag.short]
    assert len(shorts) == len(set(shorts))


def example_lines(command: Command) -> Iterator[str]:
    """The lines of a command's examples that run pyflux, continued lines joined, without what is around them."""
    text = command.example.replace("\\\n", " ")
    for line in text.splitlines():
        for part in re.split(r"\s\|\s|\s>\s|\s&&\s", line.strip()):
            words = re.sub(r"^(\w+=\S+ )+", "", part.strip())
            if words.startswith("pyflux "):
                yield words


EXAMPLES = [(path, line) for path, command in TREE.items() for line in example_lines(command)]


@pytest.mark.parametrize(("path", "line"), EXAMPLES)
def test_example_is_a_command_line_that_parses(path: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    found = find(words)
    assert found.command.run or not found.words, f"{line} is not a command"
    args = pflag.parse_words(found.flags, found.words)
    pflag.check_args(found.command, " ".join(found.path), args)


def test_the_example_test_sees_mistakes() -> None:
    assert len(EXAMPLES) > 60
    line = "pyflux create source git web --no-such-flag"
    found = find(shlex.split(line)[1:])
    with pytest.raises(Exception, match="unknown flag"):
        pflag.parse_words(found.flags, found.words)
