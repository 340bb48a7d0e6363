"""`pyflux envsubst`."""

from __future__ import annotations

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "envsubst",
    "Substitute environment variables in text from stdin",
    long="Reads stdin line by line and replaces ${variables} by the rules of a Kustomization's postBuild "
    "substitutions, with values of the environment. This command is a preview in flux: its details may change.",
    example="""
# what a Kustomization with the substitution cluster_region would apply
export cluster_region=eu-central-1
kustomize build . | pyflux envsubst

# fail where a variable is not set and has no default
kustomize build . | pyflux envsubst --strict
""",
    run="pyflux.verbs.envsubst:run",
    args=(0, 0),
    flags=(Flag("strict", "bool", "Fail where a variable without a default is not in the environment"),),
)
