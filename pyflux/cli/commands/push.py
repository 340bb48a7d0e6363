"""`pyflux push`."""

from pyflux.cli.commands.artifact_flags import CREDS, IGNORE, INSECURE, PROVIDER, RESOLVE_SYMLINKS
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "push",
    "Push artifacts",
    children=(
        Command(
            "artifact",
            "Pack a folder or a file and store it in an OCI registry",
            usage="<url>",
            run="pyflux.verbs.artifact_push:run",
            long="Logins come from docker's config.json and its credential helpers, from --creds, or from a cloud\n"
            "provider. The same files give the same layer, whatever machine packs them; with --reproducible\n"
            "the whole artifact has the same digest.",
            example="# A folder, with the Git revision it is from\n"
            "pyflux push artifact oci://registry.example.com/org/app:v1.0.0 --path ./manifests "
            '--source "$(git config --get remote.origin.url)" '
            '--revision "$(git branch --show-current)@sha1:$(git rev-parse HEAD)"\n\n'
            "# What another program prints\n"
            "kustomize build . | pyflux push artifact oci://registry.example.com/org/app:v1.0.0 --path - "
            "--source https://git.example.com/org/app --revision main@sha1:abc --output json",
            flags=(
                *IGNORE,
                Flag("annotations", "stringArray", "Annotation for the artifact, KEY=VALUE; repeatable", short="a"),
                CREDS,
                Flag("debug", "bool", "Print the requests to the registry and their retries"),
                INSECURE,
                Flag("output", "string", "Print the digest as json or yaml", short="o", complete="json|yaml"),
                Flag("path", "string", "Folder or file to push, - for stdin", short="f", complete="file"),
                PROVIDER,
                Flag("reproducible", "bool", "Set the creation time to 1970-01-01T00:00:00Z"),
                RESOLVE_SYMLINKS,
                Flag("revision", "string", "Revision the files are from, BRANCH|TAG@sha1:COMMIT"),
                Flag("source", "string", "Where the files are from, such as a Git URL"),
            ),
        ),
    ),
)
