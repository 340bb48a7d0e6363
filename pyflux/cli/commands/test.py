"""`pyflux test`."""

from pyflux.cli.commands.fleet_flags import BUILDING, PATH
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "test",
    "Build and validate a whole GitOps repository",
    run="pyflux.verbs.fleet.test:run",
    args=(0, 0),
    flags=(
        PATH,
        *BUILDING,
        Flag("junit", "string", "File to write a JUnit XML report to", complete="file", extra=True),
        Flag("strict", "bool", "Count what could not be fetched as a failure", extra=True),
    ),
    long="Renders every Kustomization and HelmRelease, validates every Flux object against the API, and checks that "
    "what dependsOn, sourceRef and valuesFrom name is there. Needs no cluster.",
    example="# The checkout you stand in\npyflux test\n\n"
    "# In CI\npyflux test --path ./clusters/production --junit report.xml",
    extra=True,
)
