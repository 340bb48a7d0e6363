"""`pyflux version`."""

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "version",
    "Print the versions of the client and the components",
    example="""
# of the client and of the cluster
pyflux version

# of the client alone
pyflux version --client

# as JSON
pyflux version -o json
""",
    run="pyflux.verbs.version:run",
    hot=True,
    flags=(
        Flag("client", "bool", "Only the version of the client"),
        Flag("output", "string", "Format: json or yaml", short="o", default="yaml", complete="json|yaml"),
    ),
)
