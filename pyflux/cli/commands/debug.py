"""`pyflux debug`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.model import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind

_STATUS = Flag("show-status", "bool", "Print the status")
_HISTORY = Flag("show-history", "bool", "Print the history of the reconciliations")
_SECRETS = "Values from Secrets are printed as they are: mind who can read the output."


def _row(kind: Kind, last: str, what: str, flag: Flag, example: str) -> Command:
    """`last` names what the row shows beside the status and the history; `what` says where that comes from."""
    words = f"pyflux debug {kind.short[0]} podinfo"
    return Command(
        kind.one[0],
        f"Show the status, the history or the final {last} of a {kind.name}",
        run=f"pyflux.verbs.debug:run_{kind.one[0]}",
        hot=True,
        aliases=kind.short,
        usage="[name]",
        args=(1, 1),
        long=_SECRETS,
        flags=(_HISTORY, _STATUS, flag),
        example=f"# {what}\n{words} {example}\n# Where it stands\n{words} --show-status",
        kind=kind.name,
    )


COMMAND = Command(
    "debug",
    "Show what a resource was resolved to",
    long=f"Prints what a controller works with after all references are resolved. {_SECRETS}",
    example="# The variables of a Kustomization\npyflux debug kustomization app-sync --show-vars",
    children=(
        _row(
            kinds.HELM_RELEASE,
            "values",
            "What the chart gets, from all ConfigMaps, Secrets and the release itself",
            Flag("show-values", "bool", "Print the values that the chart gets"),
            "--show-values > values.yaml",
        ),
        _row(
            kinds.KUSTOMIZATION,
            "variables",
            "What is substituted, from all ConfigMaps, Secrets and the Kustomization itself",
            Flag("show-vars", "bool", "Print the variables of the post-build substitution as NAME=VALUE"),
            "--show-vars > vars.env",
        ),
    ),
)
