"""The root of the command tree: which top-level commands there are, each loaded only when it is named."""

from __future__ import annotations

import sys

from pyflux.cli.globals import GLOBAL_FLAGS
from pyflux.cli.model import Command, Flag

TOP = {
    "bootstrap": "Install Flux in a cluster and sync it with a Git repository",
    "build": "Build what Kustomizations, HelmReleases and artifacts hold",
    "check": "Check that a cluster meets the requirements and that Flux is healthy",
    "completion": "Print a completion script for a shell",
    "controllers": "Run pyflux's own controllers against a cluster",
    "create": "Create or update sources and resources",
    "debug": "Show what a resource was resolved to",
    "delete": "Delete sources and resources",
    "diff": "Show what would change",
    "envsubst": "Substitute environment variables in text from stdin",
    "events": "Show the events of Flux resources",
    "export": "Print resources as YAML",
    "get": "List resources and their status",
    "graph": "Draw a repository's dependency graph",
    "help": "Help about any command",
    "install": "Install or upgrade Flux in a cluster",
    "list": "List artifacts",
    "logs": "Show the logs of the Flux controllers",
    "migrate": "Migrate Flux resources to their latest API version",
    "plugin": "Manage CLI plugins",
    "pull": "Pull artifacts",
    "push": "Push artifacts",
    "reconcile": "Reconcile sources and resources now",
    "resume": "Resume suspended resources",
    "sandbox": "Run an embedded Kubernetes API for trying things out",
    "stats": "Show statistics of the reconcilers",
    "suspend": "Suspend the reconciliation of resources",
    "tag": "Tag artifacts",
    "test": "Build and validate a whole GitOps repository",
    "trace": "Find what in Git manages an object",
    "tree": "Show what a resource manages, as a tree",
    "trigger": "Trigger receivers",
    "uninstall": "Remove Flux from a cluster",
    "version": "Print the versions of the client and the components",
}
"""Name to one-line help; the module is `pyflux.cli.commands.NAME`."""

ROOT_FLAGS = (*GLOBAL_FLAGS, Flag("version", "bool", "Print the version", short="v"))

ROOT = Command("flux", "Command line for GitOps with Flux", flags=ROOT_FLAGS)


def load(name: str) -> Command | None:
    """The top-level command called `name`, its module imported now; None where there is none."""
    if name not in TOP:
        return None
    module = f"pyflux.cli.commands.{name}_" if name in ("help", "list") else f"pyflux.cli.commands.{name}"
    __import__(module)
    command: Command = sys.modules[module].COMMAND
    return command


def everything() -> Command:
    """The whole tree, every module loaded: for help, docs and tests."""
    return Command(
        "flux",
        ROOT.help,
        flags=ROOT_FLAGS,
        children=[command for name in TOP if (command := load(name)) is not None],
    )


def suggestions(word: str) -> list[str]:
    """Names near `word` (edit distance at most 2, or starting with it), as cobra suggests them."""
    near = []
    for name in TOP:
        if name.lower().startswith(word.lower()) or _distance(word.lower(), name.lower()) <= 2:
            near.append(name)
    return near


def _distance(a: str, b: str) -> int:
    previous = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        current = [i]
        for j, right in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (left != right)))
        previous = current
    return previous[-1]
