"""`pyflux resume`."""

from __future__ import annotations

from pyflux.cli.kinds import MANY_FLAGS, plural, rows
from pyflux.cli.model import GENERIC, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind


def _example(kind: Kind, words: str) -> str:
    return (
        f"# Resume one and wait until it is ready\n{words} podinfo\n"
        f"# Resume two and wait for both\n{words} podinfo-1 podinfo-2 --wait\n"
        f"# Resume all {plural(kind)} of a namespace\n{words} --all -n apps"
    )


COMMAND = Command(
    "resume",
    "Resume suspended resources",
    run=GENERIC,
    hot=True,
    usage="[KIND/NAME ... | KIND,KIND [NAME ...]]",
    long="A single object that is named is waited for, unless --wait=false is given; several only with --wait.",
    example=(
        "# Resume a Kustomization\npyflux resume kustomization app-sync\n"
        "# Resume objects of different kinds\npyflux resume ks/app-sync hr/prometheus --wait"
    ),
    flags=(
        Flag("all", "bool", "Resume all objects of the kind in the namespace"),
        Flag("wait", "bool", "Wait until the objects are ready"),
        *MANY_FLAGS,
    ),
    children=rows("resume", run="pyflux.verbs.resume:run", help="Resume {kinds}", example=_example, hot=True),
)
