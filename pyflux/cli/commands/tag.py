"""`pyflux tag`."""

from pyflux.cli.commands.artifact_flags import CREDS, PROVIDER
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "tag",
    "Tag artifacts",
    children=(
        Command(
            "artifact",
            "Give an artifact more tags",
            usage="<url>",
            run="pyflux.verbs.artifact_push:tag",
            example="pyflux tag artifact oci://registry.example.com/org/app:v1.0.0 --tag latest --tag stable",
            flags=(CREDS, PROVIDER, Flag("tag", "strings", "Tag to add; repeatable, or several with commas")),
        ),
    ),
)
