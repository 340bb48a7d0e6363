"""`pyflux debug`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.model import Command, Flag

_STATUS = Flag("show-status", "bool", "Print the status")
_HISTORY = Flag("show-history", "bool", "Print the history of the reconciliations")
_SECRETS = "Values from Secrets are printed as they are: mind who can read the output."

COMMAND = Command(
    "debug",
    "Show what a resource was resolved to",
    long=f"Prints what a controller works with after all references are resolved. {_SECRETS}",
    example="# The variables of a Kustomization\npyflux debug kustomization app-sync --show-vars",
    children=(
        Command(
            "helmrelease",
            "Show the status, the history or the final values of a HelmRelease",
            run="pyflux.verbs.debug:run_helmrelease",
            aliases=("hr",),
            usage="[name]",
            args=(1, 1),
            long=_SECRETS,
            flags=(
                _HISTORY,
                _STATUS,
                Flag("show-values", "bool", "Print the values that the chart gets"),
            ),
            example=(
                "# What the chart gets, from all ConfigMaps, Secrets and the release itself\n"
                "pyflux debug hr podinfo --show-values > values.yaml\n"
                "# Where it stands\npyflux debug hr podinfo --show-status"
            ),
            kind=kinds.HELM_RELEASE.name,
        ),
        Command(
            "kustomization",
            "Show the status, the history or the final variables of a Kustomization",
            run="pyflux.verbs.debug:run_kustomization",
            aliases=("ks",),
            usage="[name]",
            args=(1, 1),
            long=_SECRETS,
            flags=(
                _HISTORY,
                _STATUS,
                Flag("show-vars", "bool", "Print the variables of the post-build substitution as NAME=VALUE"),
            ),
            example=(
                "# What is substituted, from all ConfigMaps, Secrets and the Kustomization itself\n"
                "pyflux debug ks podinfo --show-vars > vars.env\n"
                "# Where it stands\npyflux debug ks podinfo --show-status"
            ),
            kind=kinds.KUSTOMIZATION.name,
        ),
    ),
)
