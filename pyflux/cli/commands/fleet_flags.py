"""Flags of the commands that work on a whole repository, and the rows of those commands."""

from pyflux.cli.model import Command, Flag

PATH = Flag("path", "string", "Folder of the checkout, or of one cluster in it", short="p", complete="file", extra=True)
BUILDING = (
    Flag("offline", "bool", "Fetch nothing: what is not in the repository is left out", extra=True),
    Flag("no-cache", "bool", "Neither read nor keep rendered manifests", extra=True),
    Flag("decrypt", "bool", "Decrypt with the program sops and your own keys", extra=True),
    Flag(
        "local-sources",
        "stringToString",
        "Folders that stand in for sources, as Kind/namespace/name=folder",
        default="[]",
        extra=True,
    ),
)
COMPARING = (
    Flag("from", "string", "Revision to compare from (default HEAD)", extra=True),
    Flag("to", "string", "Revision to compare to (default: the files as they are)", extra=True),
    Flag("merge-base", "bool", "Compare from where the two revisions parted", default="true", extra=True),
    Flag("strip-attrs", "strings", "Labels and annotations to leave out", extra=True),
    Flag(
        "ignore",
        "strings",
        "Objects to leave out, Kind/namespace/name, or fields of them with :/json/pointer",
        extra=True,
    ),
    Flag("limit", "int", "Lines to print of each object's difference, 0 for all", default="0", extra=True),
)
DIFFING = (
    *COMPARING,
    Flag("output", "string", "Form of the report", short="o", complete="unified|json|markdown|html", extra=True),
    Flag("fail-on", "strings", "Dangers that end with exit code 2: rule names, or any", extra=True),
)

BUILD_ALL = Command(
    "all",
    "Build every Kustomization and HelmRelease of a repository, without a cluster",
    run="pyflux.verbs.fleet.build:run",
    hot=True,
    flags=(PATH, *BUILDING),
    example="# Everything that the checkout would apply\npyflux build all\n\n"
    "# One cluster of it\npyflux build all --path ./clusters/production",
    extra=True,
)
BUILD_RELEASE = Command(
    "helmrelease",
    "Build the HelmReleases of a repository, without a cluster",
    run="pyflux.verbs.fleet.build:run",
    hot=True,
    aliases=("hr",),
    usage="[name]",
    flags=(PATH, *BUILDING),
    example="# What a release would apply\npyflux build hr podinfo --path ./clusters/production",
    extra=True,
)
DIFF_ALL = Command(
    "all",
    "Show the rendered change of a whole repository between two revisions",
    run="pyflux.verbs.fleet.diff:run",
    hot=True,
    flags=(PATH, *BUILDING, *DIFFING),
    long="Exits with 1 where something differs, and with 2 where something does not build or --fail-on strikes.",
    example="# What a pull request would change\npyflux diff all --from main\n\n"
    "# As a comment, refusing what loses data\npyflux diff all --from main -o markdown --fail-on data-loss",
    extra=True,
)
DIFF_RELEASE = Command(
    "helmrelease",
    "Show the rendered change of HelmReleases between two revisions",
    run="pyflux.verbs.fleet.diff:run",
    hot=True,
    aliases=("hr",),
    usage="[name]",
    flags=(PATH, *BUILDING, *DIFFING),
    example="# What a change of values does\npyflux diff hr podinfo --from main",
    extra=True,
)
