"""`pyflux delete`."""

from __future__ import annotations

from pyflux.cli.kinds import rows
from pyflux.cli.model import GENERIC, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind


def _example(kind: Kind, words: str) -> str:
    return f"# After a question\n{words} podinfo\n# Without one\n{words} podinfo --silent"


COMMAND = Command(
    "delete",
    "Delete sources and resources",
    run=GENERIC,
    hot=True,
    usage="[KIND/NAME ... | KIND,KIND NAME ...]",
    long="Deletes the object from the cluster. Where Git still holds it, the next reconciliation brings it back.",
    example=(
        "# Delete a Kustomization and, where it prunes, all that it applied\npyflux delete kustomization podinfo\n"
        "# Delete a Git source without a question\npyflux delete source git podinfo --silent"
    ),
    flags=(Flag("silent", "bool", "Do not ask", short="s"),),
    children=rows("delete", run="pyflux.verbs.delete:run", help="Delete {kinds}", example=_example, hot=True),
)
