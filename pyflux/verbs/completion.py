"""`pyflux completion SHELL`."""

from __future__ import annotations

from pyflux.verbs import completion_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.env import Call, Env

_SCRIPTS = {
    "bash": completion_scripts.BASH,
    "fish": completion_scripts.FISH,
    "powershell": completion_scripts.POWERSHELL,
    "zsh": completion_scripts.ZSH,
}


def run(env: Env, call: Call) -> None:
    """Prints the script of the shell that the command is named after."""
    env.write(_SCRIPTS[call.path[-1]])
