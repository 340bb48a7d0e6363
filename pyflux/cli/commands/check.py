"""`pyflux check`."""

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "check",
    "Check that a cluster meets the requirements and that Flux is healthy",
    example="""
# whether Flux can be installed
pyflux check --pre

# whether the installation is healthy
pyflux check
""",
    run="pyflux.verbs.check:run",
    hot=True,
    args=(0, 0),
    flags=(
        Flag("pre", "bool", "Only check the requirements of an installation"),
        Flag(
            "components",
            "strings",
            "Components that have to be there",
            default="[source-controller,kustomize-controller,helm-controller,notification-controller]",
        ),
        Flag("components-extra", "strings", "More components that have to be there"),
        Flag("poll-interval", "duration", "How often to look again while waiting", default="5s"),
    ),
)
