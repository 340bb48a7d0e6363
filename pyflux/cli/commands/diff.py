"""`pyflux diff`."""

from pyflux.cli.commands.artifact_flags import CREDS, IGNORE, INSECURE, PROVIDER
from pyflux.cli.commands.fleet_flags import BUILDING, DIFF_ALL, DIFF_RELEASE, DIFFING
from pyflux.cli.commands.kustomization_flags import BUILD_FLAGS, LOCAL_SOURCES, SHARED
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

_KUSTOMIZATION = Command(
    "kustomization",
    "Show what applying local files would change in the cluster",
    aliases=("ks",),
    usage="[name]",
    run="pyflux.verbs.diff_kustomization:run",
    hot=True,
    kind="Kustomization",
    long="Builds the folder as `build kustomization` does and asks the API server, in a dry run, what would come of\n"
    "it. Exits with 0 where nothing would change, 1 where something would, 2 for a failure. With --from or\n"
    "--to, compares two revisions of the checkout, without a cluster.",
    example="# Before a commit\npyflux diff kustomization podinfo --path ./apps/podinfo\n\n"
    "# A Kustomization that is not in the cluster yet\npyflux diff kustomization podinfo --path ./apps/podinfo "
    "--kustomization-file ./clusters/production/podinfo.yaml --ignore-not-found\n\n"
    "# What a branch changes, without a cluster\npyflux diff kustomization --path . --from main",
    flags=(
        *BUILD_FLAGS,
        Flag("ignore-not-found", "bool", "Go on where the cluster does not have the Kustomization yet"),
        Flag("progress-bar", "bool", "Show on a terminal what is being compared", default="true"),
        Flag("client-side", "bool", "Compare here, without the right to patch objects", extra=True),
        LOCAL_SOURCES,
        *(flag for flag in (*BUILDING, *DIFFING) if flag.name not in SHARED),
    ),
)

COMMAND = Command("diff", "Show what would change", children=(_ARTIFACT, _KUSTOMIZATION, DIFF_ALL, DIFF_RELEASE))
