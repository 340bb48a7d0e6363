"""Help: one content, drawn as plain text or, on a terminal, by Typer with Rich."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflux.cli import help_text
from pyflux.cli.app import help_with_typer
from pyflux.cli.main import run
from pyflux.cli.model import Command
from pyflux.cli.tree import ROOT, everything
from pyflux.env import Env

PROGRAM = str(Path(sys.executable).with_name("pyflux"))


def chains(chain: list[Command]) -> Iterator[list[Command]]:
    yield chain
    for child in chain[-1].children or (everything().children if chain == [ROOT] else ()):
        yield from chains([*chain, child])


CHAINS = {" ".join(row.name for row in chain[1:]) or "root": chain for chain in chains([ROOT])}


def told(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(list(argv), Env(stdout=out, stderr=err, environ={}))
    return code, out.getvalue(), err.getvalue()


def squeezed(text: str) -> str:
    """The words alone, without frames and line ends."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("path", CHAINS)
def test_both_renderings_say_all_there_is(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = Env(environ={})
    page = help_text.page(env, CHAINS[path])
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 400)
    help_with_typer(env, page)
    rich, plain = squeezed(capsys.readouterr().out), squeezed(help_text.plain(page))
    wanted = [page.summary, page.long, page.more, *page.usage, *page.aliases, *page.examples]
    for heading, commands in page.commands:
        wanted += [heading, *(f"{name} {text}" for name, text in commands)]
    for heading, flags in page.flags:
        wanted += [heading] if flags else []
        for flag in flags:
            wanted += [f"--{flag.name}", help_text.describe(flag), help_text.value_word(flag)]
            wanted += [f"-{flag.short}"] if flag.short else []
    assert [text for text in map(squeezed, wanted) if text not in plain] == []
    assert [text for text in map(squeezed, wanted) if text not in rich] == []


@pytest.mark.parametrize("path", CHAINS)
def test_every_flag_and_command_is_on_the_page(path: str) -> None:
    chain = CHAINS[path]
    page = help_text.page(Env(environ={}), chain)
    shown = [flag.name for _, flags in page.flags for flag in flags]
    for row in chain:
        names = {flag.name for flag in row.flags if not flag.hidden and not flag.deprecated}
        missing = names - set(shown) - ({"version"} if row is ROOT else set())
        assert not missing
    assert len(shown) == len(set(shown))
    listed = [name for _, commands in page.commands for name, _ in commands]
    below = everything().children if chain == [ROOT] else chain[-1].children
    assert listed == [child.name for child in below if not child.hidden]


@pytest.mark.parametrize(
    "words",
    ["get --help", "get -h", "help get", "get", "--help get", "get -h ks=x", "get nonsense", "get --no-header -h"],
)
def test_ways_to_ask(words: str) -> None:
    code, out, err = told(*words.split())
    assert (code, err) == (0, "")
    assert out.startswith("List resources and their status.\n")
    assert "pyflux get [command]" in out


@pytest.mark.parametrize("words", [["create", "source"], ["get", "sources"], ["trigger"]])
def test_a_group_alone_shows_its_commands(words: list[str]) -> None:
    assert f"Usage:\n  pyflux {' '.join(words)} [command]\n" in told(*words)[1]


def test_a_wrong_flag_is_said_before_help() -> None:
    assert told("get", "ks", "--help", "--nope") == (1, "", "✗ unknown flag: --nope\n")


def test_an_unknown_topic() -> None:
    out = told("help", "nonsense")[1]
    assert out.startswith("Unknown help topic [`nonsense`]\nCommand line for GitOps with Flux.\n")


def on_a_terminal(words: list[str], environ: dict[str, str]) -> str:
    main, other = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *words],
        stdout=other,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "TERM": "xterm", "COLUMNS": "120", **environ},
    )
    os.close(other)
    text = b""
    try:
        while chunk := os.read(main, 65536):
            text += chunk
    except OSError:
        pass  # what Linux says when the other end is closed
    os.close(main)
    assert process.wait(60) == 0
    return text.decode()


def test_a_terminal_gets_panels_unless_colour_is_unwelcome() -> None:
    assert "╭─" in on_a_terminal(["get", "--help"], {})
    assert on_a_terminal(["get", "--help"], {"NO_COLOR": "1"}).replace("\r\n", "\n") == told("get", "--help")[1]
