"""`pyflux graph`."""

from pyflux.cli.commands.fleet_flags import BUILDING, COMPARING, PATH
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "graph",
    "Draw a repository's dependency graph",
    run="pyflux.verbs.fleet.graph:run",
    args=(0, 0),
    flags=(
        PATH,
        *BUILDING,
        *COMPARING,
        Flag("output", "string", "Form of the graph", short="o", complete="tree|dot|mermaid|html", extra=True),
    ),
    example="# As a tree\npyflux graph\n\n# For a README\npyflux graph -o mermaid\n\n"
    "# One page with the graph and the change since main\npyflux graph -o html --from main > change.html",
    extra=True,
)
