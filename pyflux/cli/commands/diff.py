"""`pyflux diff`."""

from pyflux.cli.commands.artifact_flags import CREDS, IGNORE, INSECURE, PROVIDER
from pyflux.cli.commands.fleet_flags import DIFF_ALL, DIFF_RELEASE
from pyflux.cli.model import Command, Flag

_ARTIFACT = Command(
    "artifact",
    "Compare an artifact in a registry with local files",
    usage="<url>",
    run="pyflux.verbs.artifact_pull:diff",
    long="Exits with 1 when they differ.",
    example="pyflux diff artifact oci://registry.example.com/org/app:v1.0.0 --path ./manifests",
    flags=(
        *IGNORE,
        CREDS,
        INSECURE,
        Flag("path", "string", "Folder or file to compare with", complete="file"),
        PROVIDER,
    ),
)

COMMAND = Command("diff", "Show what would change", children=(_ARTIFACT, DIFF_ALL, DIFF_RELEASE))
