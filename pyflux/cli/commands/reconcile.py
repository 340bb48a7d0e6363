"""`pyflux reconcile`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.kinds import MANY_FLAGS, plural, rows
from pyflux.cli.model import GENERIC, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind


def _example(kind: Kind, words: str) -> str:
    text = f"# Reconcile one now\n{words} podinfo\n# Reconcile all {plural(kind)} of a namespace\n{words} --all -n apps"
    if kind in _FLAGS:
        text += f"\n# Fetch its source first\n{words} podinfo --with-source"
    return text


_FLAGS = {
    kinds.KUSTOMIZATION: (Flag("with-source", "bool", "Reconcile the Kustomization's source first"),),
    kinds.HELM_RELEASE: (
        Flag("force", "bool", "Install or upgrade once more, whether or not something changed"),
        Flag("reset", "bool", "Forget the failures counted so far"),
        Flag("with-source", "bool", "Reconcile the release's chart and its source first"),
    ),
    kinds.HELM_CHART: (Flag("with-source", "bool", "Reconcile the chart's source first"),),
}

COMMAND = Command(
    "reconcile",
    "Reconcile sources and resources now",
    run=GENERIC,
    hot=True,
    usage="[KIND/NAME ... | KIND,KIND [NAME ...]]",
    long="Asks the controller to look at an object without waiting for its interval, and reports what came of it.",
    example=(
        "# Fetch a Git repository now\npyflux reconcile source git flux-system\n"
        "# Fetch the source of a Kustomization and apply it\npyflux reconcile kustomization app-sync --with-source\n"
        "# Reconcile objects of different kinds\npyflux reconcile ks/app-sync hr/prometheus"
    ),
    flags=(Flag("all", "bool", "Reconcile all objects of the kind in the namespace", extra=True), *MANY_FLAGS),
    children=rows(
        "reconcile",
        run="pyflux.verbs.reconcile:run",
        help="Reconcile {kinds}",
        example=_example,
        flags=_FLAGS,
        hot=True,
    ),
)
