"""`pyflux completion`."""

from pyflux.cli.model import Command

_LOAD = {
    "bash": (". <(pyflux completion bash)", "command -v pyflux >/dev/null && . <(pyflux completion bash)", "~/.bashrc"),
    "fish": (
        "pyflux completion fish | source",
        "pyflux completion fish > ~/.config/fish/completions/pyflux.fish",
        "fish's folder, once",
    ),
    "powershell": (
        "pyflux completion powershell | Out-String | Invoke-Expression",
        "pyflux completion powershell >> $PROFILE",
        "the profile, once",
    ),
    "zsh": (". <(pyflux completion zsh)", "command -v pyflux >/dev/null && . <(pyflux completion zsh)", "~/.zshrc"),
}


def _row(shell: str) -> Command:
    now, always, where = _LOAD[shell]
    return Command(
        shell,
        f"Print the completion script for {shell}",
        run="pyflux.verbs.completion:run",
        hot=True,
        long="Completes commands, flags, their values, contexts, namespaces and the names of the cluster's objects.",
        example=f"# In this shell\n{now}\n\n# In all to come: a line for {where}\n{always}",
    )


COMMAND = Command(
    "completion",
    "Print a completion script for a shell",
    children=tuple(_row(shell) for shell in sorted(_LOAD)),
)
