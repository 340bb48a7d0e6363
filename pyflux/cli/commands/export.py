"""`pyflux export`."""

from __future__ import annotations

from pyflux.cli.kinds import plural, rows
from pyflux.cli.model import GENERIC, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind


def _example(kind: Kind, words: str) -> str:
    return (
        f"# One, to a file\n{words} podinfo > podinfo.yaml\n# All {plural(kind)} of a namespace\n{words} --all -n apps"
    )


COMMAND = Command(
    "export",
    "Print resources as YAML",
    run=GENERIC,
    hot=True,
    usage="[KIND/NAME ... | KIND,KIND [NAME ...]]",
    long="Prints what would have to be in Git to have the same objects: no status, nothing that the cluster added.",
    example=(
        "# A Kustomization\npyflux export kustomization app-sync > app-sync.yaml\n"
        "# A Git source with the secret it logs in with\n"
        "pyflux export source git flux-system --with-credentials > source.yaml"
    ),
    flags=(Flag("all", "bool", "Print all objects of the kind in the namespace"),),
    children=rows(
        "export",
        run="pyflux.verbs.export:run",
        help="Print {kinds} as YAML",
        example=_example,
        hot=True,
        group_flags={"source": (Flag("with-credentials", "bool", "Print the secrets of the sources, too"),)},
    ),
)
