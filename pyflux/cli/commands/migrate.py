"""`pyflux migrate`."""

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "migrate",
    "Migrate Flux resources to their latest API version",
    long=(
        "Run it before an upgrade to another minor version of Flux. Without --path it rewrites the Flux objects "
        "of the cluster, so that etcd holds them in their latest version; with --path it changes the API versions "
        "in the manifests there."
    ),
    example="""
# every Flux object of the cluster; needs the rights of a cluster admin
pyflux migrate

# the manifests of the repository in the current folder
pyflux migrate -f .

# also Helm templates, only to see what would change
pyflux migrate -f . --extensions=.yml,.yaml,.tpl --dry-run

# to the versions of Flux 2.6, without a question
pyflux migrate -f . --version=2.6 --yes
""",
    run="pyflux.verbs.migrate:run",
    hot=True,
    args=(0, 0),
    flags=(
        Flag("path", "string", "File or folder with the manifests to migrate", short="f", complete="file"),
        Flag("extensions", "strings", "Endings of the files to look at", short="e", default="[.yaml,.yml]"),
        Flag("version", "string", "Minor version of Flux to migrate the manifests to", short="v"),
        Flag("yes", "bool", "Change the files without asking", short="y"),
        Flag("dry-run", "bool", "Only show what would change in the files"),
    ),
)
