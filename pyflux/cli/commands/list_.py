"""`pyflux list`."""

from pyflux.cli.commands.artifact_flags import CREDS, INSECURE, PROVIDER
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "list",
    "List artifacts",
    children=(
        Command(
            "artifacts",
            "List the tags of a repository, their digests and where they come from",
            usage="<url>",
            run="pyflux.verbs.artifact_pull:list_",
            example="# All\npyflux list artifacts oci://registry.example.com/org/app\n\n"
            "# Releases of version 1\n"
            "pyflux list artifacts oci://registry.example.com/org/app --filter-semver '1.x'",
            flags=(
                CREDS,
                Flag("filter-regex", "string", "Only tags in which this regular expression is found"),
                Flag("filter-semver", "string", "Only tags that are versions in this range"),
                INSECURE,
                PROVIDER,
            ),
        ),
    ),
)
