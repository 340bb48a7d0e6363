"""`pyflux pull`."""

from pyflux.cli.commands.artifact_flags import CREDS, INSECURE, PROVIDER
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "pull",
    "Pull artifacts",
    children=(
        Command(
            "artifact",
            "Download an artifact and extract its files",
            usage="<url>",
            run="pyflux.verbs.artifact_pull:pull",
            example="pyflux pull artifact oci://registry.example.com/org/app:v1.0.0 --output ./manifests",
            flags=(
                CREDS,
                INSECURE,
                Flag("output", "string", "Existing folder for the files", short="o", complete="file"),
                PROVIDER,
            ),
        ),
    ),
)
