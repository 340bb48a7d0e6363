"""`pyflux suspend`."""

from __future__ import annotations

from pyflux.cli.kinds import MANY_FLAGS, plural, rows
from pyflux.cli.model import GENERIC, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind


def _example(kind: Kind, words: str) -> str:
    return (
        f"# Suspend one\n{words} podinfo\n# Suspend two\n{words} podinfo-1 podinfo-2\n"
        f"# Suspend all {plural(kind)} of a namespace\n{words} --all -n apps"
    )


COMMAND = Command(
    "suspend",
    "Suspend the reconciliation of resources",
    run=GENERIC,
    hot=True,
    usage="[KIND/NAME ... | KIND,KIND [NAME ...]]",
    long="A suspended object is left as it is: changes in Git are not rolled out and drift is not repaired.",
    example=(
        "# Suspend a Kustomization\npyflux suspend kustomization app-sync\n"
        "# Suspend objects of different kinds\npyflux suspend ks/app-sync hr/prometheus\n"
        "# Suspend all Kustomizations and HelmReleases of a namespace\npyflux suspend ks,hr --all -n apps\n"
        "# Suspend what a team owns, everywhere\npyflux suspend kustomization -A -l team=platform"
    ),
    flags=(Flag("all", "bool", "Suspend all objects of the kind in the namespace"), *MANY_FLAGS),
    children=rows("suspend", run="pyflux.verbs.suspend:run", help="Suspend {kinds}", example=_example, hot=True),
)
