"""`pyflux logs`."""

from __future__ import annotations

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "logs",
    "Show the logs of the Flux controllers",
    run="pyflux.verbs.logs:run",
    hot=True,
    long="Reads all controllers side by side and prints one line an entry: time, level, object, message, error.",
    example=(
        "# What the controllers say of all objects\npyflux logs -A\n"
        "# Errors of the last two minutes, and those to come\npyflux logs -A --level=error --since=2m --follow\n"
        "# One object\npyflux logs --kind=Kustomization --name=podinfo -n apps\n"
        "# Controllers that run in another namespace\npyflux logs -A --flux-namespace=gitops"
    ),
    flags=(
        Flag("all-namespaces", "bool", "Show what is said of objects in all namespaces", short="A"),
        Flag(
            "flux-namespace",
            "string",
            "Namespace that the controllers run in",
            default="flux-system",
            complete="namespace",
        ),
        Flag("follow", "bool", "Go on and print entries as they come", short="f"),
        Flag("kind", "string", "Show what is said of objects of this kind, e.g. GitRepository"),
        Flag("level", "debug|info|error", "Show entries of this level", complete="debug|info|error"),
        Flag("name", "string", "Show what is said of objects of this name"),
        Flag("since", "duration", "Show entries that are not older than this, e.g. 2m"),
        Flag("since-time", "string", "Show entries from this time on, e.g. 2026-01-02T15:04:05Z"),
        Flag("tail", "int", "Take so many lines of each controller's log; -1 for all", default="-1"),
    ),
)
