"""`pyflux get`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.commands.fleet_flags import BUILDING
from pyflux.cli.kinds import plural, rows
from pyflux.cli.model import GENERIC, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind

_REPOSITORY = (
    Flag("path", "string", "List what a checkout holds, without a cluster", complete="file", extra=True),
    *BUILDING,
)
_SHOW_SOURCE = (Flag("show-source", "bool", "Show where each object gets what it applies"),)


def _example(kind: Kind, words: str) -> str:
    return (
        f"# The {plural(kind)} of the flux-system namespace\n{words}\n"
        f"# Those that are not ready, in all namespaces\n{words} -A --status-selector ready=false"
    )


def _all(what: str, words: str) -> Command:
    return Command(
        "all",
        f"Show all {what} and their status",
        run="pyflux.verbs.get:run_all",
        hot=True,
        example=f"# Everything in one namespace\n{words} all -n flux-system\n# Everything there is\n{words} all -A",
    )


COMMAND = Command(
    "get",
    "List resources and their status",
    run=GENERIC,
    hot=True,
    usage="[KIND/NAME ... | KIND,KIND [NAME ...]]",
    long="Prints one line an object: what it is at, whether it is suspended, whether it is ready and why not.",
    example=(
        "# Every Flux object of the cluster\npyflux get all -A\n"
        "# Two objects of different kinds\npyflux get ks/app-sync hr/prometheus\n"
        "# All Kustomizations and HelmReleases\npyflux get ks,hr -A\n"
        "# Everything that somebody suspended\npyflux get all -A --suspended\n"
        "# For programs\npyflux get kustomizations -A -o json"
    ),
    flags=(
        Flag("all-namespaces", "bool", "List the objects of all namespaces", short="A"),
        Flag("label-selector", "string", "List the objects with these labels, e.g. team=platform", short="l"),
        Flag("no-header", "bool", "Leave the header line out"),
        Flag(
            "status-selector",
            "string",
            "List the objects with this condition, e.g. ready=false or ready!=true",
        ),
        Flag("watch", "bool", "Go on and print every change", short="w"),
        Flag(
            "output",
            "string",
            "Output format: json, yaml, name or wide",
            short="o",
            extra=True,
            complete="json|yaml|name|wide",
        ),
        Flag("suspended", "bool", "List the suspended objects only", extra=True),
        Flag("contexts", "strings", "Ask these contexts of the kubeconfig, side by side", extra=True),
    ),
    children=rows(
        "get",
        run="pyflux.verbs.get:run",
        help="Show {kinds} and their status",
        example=_example,
        many=True,
        usage="",
        hot=True,
        flags={kind: (*_SHOW_SOURCE, *_REPOSITORY) for kind in kinds.KINDS if kind.shows_source},
        extra_rows={
            "": [_all("resources", "pyflux get")],
            "sources": [_all("sources", "pyflux get sources")],
            "images": [_all("image objects", "pyflux get images")],
        },
    ),
)
