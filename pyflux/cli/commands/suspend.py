"""`pyflux suspend`."""
from pyflux.cli.model import Command, Flag

COMMAND = Command("suspend", "Suspend the reconciliation of resources", flags=(Flag("all", "bool", "All of them"),), children=(
    Command("kustomization", "Suspend Kustomizations", aliases=("ks",), run="pyflux.verbs.suspend:run", usage="[name]"),
))
