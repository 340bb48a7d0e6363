"""`pyflux build`."""

from pyflux.cli.commands.artifact_flags import IGNORE, RESOLVE_SYMLINKS
from pyflux.cli.commands.fleet_flags import BUILD_ALL, BUILD_RELEASE, BUILDING
from pyflux.cli.commands.kustomization_flags import BUILD_FLAGS, LOCAL_SOURCES, SHARED
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

_KUSTOMIZATION = Command(
    "kustomization",
    "Build a Kustomization from local files",
    aliases=("ks",),
    usage="[name]",
    run="pyflux.verbs.build_kustomization:run",
    hot=True,
    kind="Kustomization",
    long="Takes the Kustomization from the cluster or from a file, builds the folder as the controller would,\n"
    "substitutes variables, and prints the objects. Values that SOPS encrypted are masked. Nothing is written\n"
    "to the folder. Without a name, or with --offline, builds the Kustomizations of a whole checkout.",
    example="# As the cluster would apply it\npyflux build kustomization podinfo --path ./apps/podinfo\n\n"
    "# Without a cluster\npyflux build kustomization podinfo --path ./apps/podinfo "
    "--kustomization-file ./clusters/production/podinfo.yaml --dry-run\n\n"
    "# With the Kustomizations that it applies\npyflux build kustomization apps --path ./apps --recursive "
    "--local-sources GitRepository/flux-system/flux-system=.\n\n"
    "# All of a checkout\npyflux build kustomization --path ./clusters/production",
    flags=(
        *BUILD_FLAGS,
        Flag("dry-run", "bool", "Ask no cluster: variables from ConfigMaps and Secrets are left out"),
        LOCAL_SOURCES,
        *(flag for flag in BUILDING if flag.name not in SHARED),
    ),
)

COMMAND = Command(
    "build",
    "Build what Kustomizations, HelmReleases and artifacts hold",
    children=(_ARTIFACT, _KUSTOMIZATION, BUILD_ALL, BUILD_RELEASE),
)
