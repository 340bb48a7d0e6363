"""`pyflux tree`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.model import Command, Flag

_OUTPUT = Flag("output", "string", "Print the tree as json or yaml", short="o", complete="json|yaml")

COMMAND = Command(
    "tree",
    "Show what a resource manages, as a tree",
    long="The objects come from the inventories that the controllers keep.",
    example="# What the root Kustomization manages\npyflux tree kustomization flux-system",
    children=(
        Command(
            "artifact",
            "Show what artifact objects manage",
            children=(
                Command(
                    "generator",
                    "Show the ExternalArtifacts of an ArtifactGenerator",
                    run="pyflux.verbs.tree:run_generator",
                    hot=True,
                    usage="[name]",
                    args=(1, 1),
                    flags=(_OUTPUT,),
                    example="# What a generator has made\npyflux tree artifact generator podinfo",
                    kind=kinds.ARTIFACT_GENERATOR.name,
                ),
            ),
        ),
        Command(
            "kustomization",
            "Show what a Kustomization applied, with what those objects manage in turn",
            run="pyflux.verbs.tree:run_kustomization",
            hot=True,
            aliases=("ks",),
            usage="[name]",
            flags=(Flag("compact", "bool", "Show Flux objects only"), _OUTPUT),
            example=(
                "# All objects\npyflux tree kustomization flux-system\n"
                "# Flux objects only\npyflux tree kustomization flux-system --compact\n"
                "# For programs\npyflux tree kustomization flux-system -o json"
            ),
            kind=kinds.KUSTOMIZATION.name,
        ),
    ),
)
