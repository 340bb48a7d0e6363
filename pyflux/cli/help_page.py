"""`help`: the help page of the command that the arguments name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.cli.main import Found, find
from pyflux.cli.tree import ROOT

if TYPE_CHECKING:
    from pyflux.env import Call, Env


def run(env: Env, call: Call) -> None:
    from pyflux.cli.app import run_with_typer

    found = find(call.args)
    if call.args and found.chain == [ROOT]:
        topics = " ".join(f"`{word}`" for word in call.args)
        env.write(f"Unknown help topic [{topics}]\n")
    run_with_typer(env, Found(found.chain, found.flags, ["--help"]))
