"""`pyflux create source …`."""

# ruff: noqa: E501 (an example is one line, as it is typed)

from __future__ import annotations

from pyflux.cli.commands.create.secrets import SSH_KEY_FLAGS
from pyflux.cli.model import Command, Flag

_USERNAME = Flag("username", "string", "User name", short="u")
_PASSWORD = Flag("password", "string", "Password or token", short="p")
_IGNORE = Flag("ignore-paths", "strings", "Patterns of files to leave out, as in .gitignore")
_PROXY = Flag("proxy-secret-ref", "string", "Secret with the address of a proxy and a login for it")
_VERIFY = (
    Flag("verify-issuer", "string", "Regular expression for the issuer of the signer's identity"),
    Flag("verify-provider", "sourceOCIVerifyProvider", "What verifies signatures: cosign"),
    Flag("verify-secret-ref", "string", "Secret with the public keys of trusted signers"),
    Flag("verify-subject", "string", "Regular expression for the subject of the signer's identity"),
)

BUCKET = Command(
    "bucket",
    "Create or update a Bucket",
    long="A Bucket fetches files from a storage that speaks S3, or Azure's or Google's language.",
    example="""
# a bucket with keys; they are stored in a secret
pyflux create source bucket data --bucket-name=data --endpoint=minio.example.com:9000 --access-key=me --secret-key=$KEY --interval=10m

# a bucket on AWS, with the rights of the controller's role
pyflux create source bucket data --bucket-name=data --provider=aws --endpoint=s3.amazonaws.com --region=us-east-1
""",
    usage="[name]",
    run="pyflux.verbs.create.source_bucket:run",
    hot=True,
    kind="Bucket",
    flags=(
        Flag("access-key", "string", "Access key; stored in a secret together with --secret-key"),
        Flag("bucket-name", "string", "Name of the bucket"),
        Flag("endpoint", "string", "Host, and port, of the storage"),
        _IGNORE,
        Flag("insecure", "bool", "Talk to the storage without TLS"),
        Flag("provider", "bucketProvider", "Whose storage it is", default="generic"),
        _PROXY,
        Flag("region", "string", "Region of the bucket"),
        Flag("secret-key", "string", "Secret key; stored in a secret together with --access-key"),
        Flag("secret-ref", "string", "Secret with the keys"),
    ),
)

CHART = Command(
    "chart",
    "Create or update a HelmChart",
    long="A HelmChart fetches a chart from a Helm repository, or builds it from another source.",
    example="""
# a chart of a Helm repository
pyflux create source chart web --source=HelmRepository/charts --chart=web --chart-version=6.x

# a chart in a Git repository, made anew with every commit
pyflux create source chart web --source=GitRepository/web --chart=./charts/web --reconcile-strategy=Revision

# a chart whose signature is verified
pyflux create source chart web --source=HelmRepository/charts --chart=web --verify-provider=cosign --verify-secret-ref=cosign-pub
""",
    usage="[name]",
    run="pyflux.verbs.create.source_chart:run",
    hot=True,
    kind="HelmChart",
    flags=(
        Flag("chart", "string", "Name of the chart, or its path in the source"),
        Flag("chart-version", "string", "Version of the chart or a range of versions; not used for charts in Git"),
        Flag(
            "reconcile-strategy", "string", "What makes a new chart: ChartVersion or Revision", default="ChartVersion"
        ),
        Flag(
            "source",
            "helmChartSource",
            "Source of the chart: kind/name, of kind HelmRepository, GitRepository or Bucket",
        ),
        *_VERIFY,
    ),
)

GIT = Command(
    "git",
    "Create or update a GitRepository",
    long="A GitRepository fetches a branch, tag, commit or version of a Git repository. For ssh:// a deploy key is "
    "made, or read from a file, and stored in a secret with the host's key; for https:// a secret is made of the user "
    "name and password.",
    example="""
# a branch of a public repository
pyflux create source git web --url=https://github.com/example/web --branch=main --interval=5m

# the newest tag of a range of versions
pyflux create source git web --url=https://github.com/example/web --tag-semver=">=3.2.0 <4.0.0"

# a private repository with a new deploy key; the command waits while you add it to the repository
pyflux create source git web --url=ssh://git@github.com/example/web --branch=main --ssh-key-algorithm=ed25519

# the same with a key that the repository already knows
pyflux create source git web --url=ssh://git@github.com/example/web --branch=main --private-key-file=./id_ed25519 --silent

# a token over https
pyflux create source git web --url=https://github.com/example/web --branch=main --username=git --password=$TOKEN

# Azure DevOps with the rights of the controller's identity, and only two directories of it
pyflux create source git web --url=https://dev.azure.com/example/fleet/_git/web --branch=main --provider=azure --sparse-checkout-paths=apps,infra --export
""",
    usage="[name]",
    run="pyflux.verbs.create.source_git:run",
    hot=True,
    kind="GitRepository",
    flags=(
        Flag("branch", "string", "Branch to fetch"),
        Flag("ca-file", "string", "File with the certificate of the server's authority", complete="file"),
        Flag("commit", "string", "Commit to fetch"),
        _IGNORE,
        Flag("password", "string", "Password, token, or what opens the private key", short="p"),
        Flag("private-key-file", "string", "File with the SSH private key to use", complete="file"),
        Flag("provider", "generic|github|aws|azure", "Whose login to use"),
        _PROXY,
        Flag("recurse-submodules", "bool", "Fetch the submodules as well"),
        Flag("ref-name", "string", "Full name of the reference to fetch, such as refs/pull/42/head"),
        Flag("secret-ref", "string", "Secret with a login: SSH key, password, token or GitHub App"),
        Flag("silent", "bool", "Do not ask whether the deploy key was added to the repository", short="s"),
        Flag("sparse-checkout-paths", "strings", "Directories to check out, instead of all"),
        *SSH_KEY_FLAGS,
        Flag("tag", "string", "Tag to fetch"),
        Flag("tag-semver", "string", "Range of versions to fetch the newest tag of"),
        Flag("url", "string", "Address of the repository: ssh://git@host/path or https://host/path"),
        _USERNAME,
    ),
)

HELM = Command(
    "helm",
    "Create or update a HelmRepository",
    long="A HelmRepository is a place for charts: an index over https://, or a registry over oci://.",
    example="""
# a public repository
pyflux create source helm charts --url=https://charts.example.com --interval=10m

# one with a login, which is stored in a secret
pyflux create source helm charts --url=https://charts.example.com --username=me --password=$PASSWORD

# charts in a registry of AWS, with the rights of the controller's role
pyflux create source helm charts --url=oci://123456789.dkr.ecr.eu-west-1.amazonaws.com/charts --oci-provider=aws

# with a secret that exists, also for charts that the index keeps on other hosts
pyflux create source helm charts --url=https://charts.example.com --secret-ref=charts-auth --pass-credentials --export
""",
    usage="[name]",
    run="pyflux.verbs.create.source_helm:run",
    hot=True,
    kind="HelmRepository",
    flags=(
        Flag("ca-file", "string", "File with the certificate of the server's authority", complete="file"),
        Flag("cert-file", "string", "File with the client certificate", complete="file"),
        Flag("key-file", "string", "File with the client certificate's key", complete="file"),
        Flag("oci-provider", "string", "Whose login to use for a registry: generic, aws, azure or gcp"),
        Flag("pass-credentials", "bool", "Send the login to other hosts too, where the index names them"),
        _PASSWORD,
        Flag("secret-ref", "string", "Secret with a login: TLS certificate, password or Docker configuration"),
        Flag("url", "string", "Address of the repository: https://host/path or oci://host/path"),
        _USERNAME,
    ),
)

OCI = Command(
    "oci",
    "Create or update an OCIRepository",
    long="An OCIRepository fetches an artifact from an image registry: manifests, or a chart.",
    example="""
# an artifact by its tag
pyflux create source oci web --url=oci://ghcr.io/example/manifests/web --tag=6.2.0 --interval=10m

# the newest of a range of versions, verified by the identity that signed it
pyflux create source oci web --url=oci://ghcr.io/example/manifests/web --tag-semver=6.x --verify-provider=cosign --verify-issuer='^https://token.actions.githubusercontent.com$' --verify-subject='^https://github.com/example/web'

# a chart, whose layer is kept as it is for a HelmRelease
pyflux create source oci chart --url=oci://ghcr.io/example/charts/web --tag=1.0.0 --layer-selector=application/vnd.cncf.helm.chart.content.v1.tar+gzip:copy --export
""",
    usage="[name]",
    run="pyflux.verbs.create.source_oci:run",
    hot=True,
    kind="OCIRepository",
    flags=(
        Flag("cert-ref", "string", "Secret with TLS certificates for the registry"),
        Flag("digest", "string", "Digest of the artifact"),
        _IGNORE,
        Flag("insecure", "bool", "Talk to the registry without TLS"),
        Flag(
            "layer-selector", "string", "Layer to fetch, and what to do with it: MEDIA-TYPE:extract or MEDIA-TYPE:copy"
        ),
        Flag("provider", "generic|aws|azure|gcp", "Whose login to use", default="generic"),
        _PROXY,
        Flag("secret-ref", "string", "Secret with a login for the registry"),
        Flag("service-account", "string", "Service account whose pull secrets to use"),
        Flag("tag", "string", "Tag of the artifact"),
        Flag("tag-semver", "string", "Range of versions to fetch the newest tag of"),
        Flag("url", "string", "Address of the artifact: oci://host/path"),
        *_VERIFY,
    ),
)

SOURCE = Command(
    "source",
    "Create or update sources",
    flags=(Flag("fetch-timeout", "duration", "How long a fetch of the source may take"),),
    children=(BUCKET, CHART, GIT, HELM, OCI),
)
