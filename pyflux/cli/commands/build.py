"""`pyflux build`."""

from pyflux.cli.commands.artifact_flags import IGNORE, RESOLVE_SYMLINKS
from pyflux.cli.commands.fleet_flags import BUILD_ALL, BUILD_RELEASE
from pyflux.cli.model import Command, Flag

_ARTIFACT = Command(
    "artifact",
    "Pack a folder or a file as an artifact",
    run="pyflux.verbs.artifact_build:run",
    example="# A folder\npyflux build artifact --path ./manifests --output ./artifact.tgz\n\n"
    "# What is in it\ntar -tzvf ./artifact.tgz",
    flags=(
        *IGNORE,
        Flag("output", "string", "File to write", short="o", default="artifact.tgz", complete="file"),
        Flag("path", "string", "Folder or file to pack, - for stdin", short="p", complete="file"),
        RESOLVE_SYMLINKS,
    ),
)

COMMAND = Command(
    "build",
    "Build what Kustomizations, HelmReleases and artifacts hold",
    children=(_ARTIFACT, BUILD_ALL, BUILD_RELEASE),
)
