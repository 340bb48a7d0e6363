"""`pyflux stats`."""

from __future__ import annotations

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "stats",
    "Show statistics of the reconcilers",
    run="pyflux.verbs.stats:run",
    hot=True,
    args=(0, 0),
    long="Counts the objects of each kind that are running, failing and suspended, and the storage of their artifacts.",
    example="# One namespace\npyflux stats -n flux-system\n# The whole cluster\npyflux stats -A",
    flags=(
        Flag("all-namespaces", "bool", "Count the objects of all namespaces", short="A"),
        Flag("contexts", "strings", "Ask these contexts of the kubeconfig, side by side", extra=True),
    ),
)
