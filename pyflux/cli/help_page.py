"""`help`: the help page of the command that the arguments name."""

from __future__ import annotations

from pyflux.cli.main import find, show_help
from pyflux.cli.tree import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.env import Call, Env


def run(env: Env, call: Call) -> None:
    found = find(call.args)
    if call.args and found.chain == [ROOT]:
        topics = " ".join(f"`{word}`" for word in call.args)
        env.write(f"Unknown help topic [{topics}]\n")
    show_help(env, found.chain)
