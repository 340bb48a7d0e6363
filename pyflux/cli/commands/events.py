"""`pyflux events`."""

from __future__ import annotations

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "events",
    "Show the events of Flux resources",
    run="pyflux.verbs.events:run",
    hot=True,
    long="With --for and a name, the events of what the object gets its content from are shown, too.",
    example=(
        "# The events of a namespace, oldest first\npyflux events -n flux-system\n"
        "# Those of one Kustomization and its source\npyflux events --for Kustomization/podinfo\n"
        "# Warnings of all HelmReleases, as they come\npyflux events -A --for HelmRelease --types Warning --watch"
    ),
    flags=(
        Flag("all-namespaces", "bool", "Show the events of all namespaces", short="A"),
        Flag("for", "string", "Show the events of a kind, or of one object: KIND[/NAME]"),
        Flag("types", "strings", "Show events of these types: Normal, Warning", complete="Normal|Warning"),
        Flag("watch", "bool", "Go on and print events as they come", short="w"),
    ),
)
