"""`pyflux create image …`."""

# ruff: noqa: E501 (an example is one line, as it is typed)

from __future__ import annotations

from pyflux.cli.model import Command, Flag

POLICY = Command(
    "policy",
    "Create or update an ImagePolicy",
    long="An ImagePolicy chooses the newest tag of an image by the order and the filter it is given.",
    example="""
# the newest 1.x release
pyflux create image policy web --image-ref=web --select-semver=1.x

# builds of the main branch, tagged main-COMMIT-TIME, by their time
pyflux create image policy web-main --image-ref=web --filter-regex='^main-[a-f0-9]+-(?P<ts>[0-9]+)' --filter-extract='$ts' --select-numeric=asc

# also follow a tag that is moved, by its digest
pyflux create image policy web-latest --image-ref=web --select-alpha=asc --reflect-digest=Always --interval=10m
""",
    usage="[name]",
    run="pyflux.verbs.create.image_policy:run",
    hot=True,
    kind="ImagePolicy",
    flags=(
        Flag("filter-extract", "string", "What of a tag to compare, made of the groups of --filter-regex"),
        Flag("filter-regex", "string", "Regular expression that tags must match"),
        Flag("image-ref", "string", "ImageRepository that has the tags"),
        Flag("interval", "duration", "How often to look for a new digest, with --reflect-digest=Always"),
        Flag("reflect-digest", "string", "When to record the tag's digest: Never, IfNotPresent or Always"),
        Flag("select-alpha", "string", "Order the tags alphabetically: asc chooses the last, desc the first"),
        Flag("select-numeric", "string", "Order the tags as numbers: asc chooses the last, desc the first"),
        Flag("select-semver", "string", "Range of versions to choose the highest of"),
    ),
)

REPOSITORY = Command(
    "repository",
    "Create or update an ImageRepository",
    long="An ImageRepository is scanned for the tags of an image.",
    example="""
# a public image
pyflux create image repository alpine --image=alpine --interval=20m

# a private one; the secret has a login for the registry
pyflux create image repository web --image=ghcr.io/example/web --secret-ref=regcred --interval=5m

# a registry with a certificate of your own authority
pyflux create secret tls registry-ca --ca-crt-file=./ca.crt
pyflux create image repository web --image=registry.local:5000/web --cert-ref=registry-ca
""",
    usage="[name]",
    run="pyflux.verbs.create.image_repository:run",
    hot=True,
    kind="ImageRepository",
    flags=(
        Flag("cert-ref", "string", "Secret with TLS certificates for the registry"),
        Flag("image", "string", "Image to scan, without a tag"),
        Flag("scan-timeout", "duration", "How long a scan may take"),
        Flag("secret-ref", "string", "Secret with a login for the registry"),
    ),
)

UPDATE = Command(
    "update",
    "Create or update an ImageUpdateAutomation",
    long="An ImageUpdateAutomation writes the tags that ImagePolicies choose into a Git repository.",
    example="""
# commit to the branch that is deployed
pyflux create image update fleet --git-repo-ref=flux-system --git-repo-path=./clusters/prod --checkout-branch=main --author-name=flux --author-email=flux@example.com --commit-template="{{range .Changed.Changes}}{{println .NewValue}}{{end}}"

# commit to another branch, signed, for a pull request
pyflux create image update fleet --git-repo-ref=flux-system --checkout-branch=main --push-branch=updates --author-name=flux --author-email=flux@example.com --signing-key-secret=flux-gpg --export
""",
    usage="[name]",
    run="pyflux.verbs.create.image_update:run",
    hot=True,
    kind="ImageUpdateAutomation",
    flags=(
        Flag("author-email", "string", "Author's address in commits"),
        Flag("author-name", "string", "Author's name in commits"),
        Flag("checkout-branch", "string", "Branch to check out"),
        Flag("commit-template", "string", "Go template of the commit message"),
        Flag("git-repo-namespace", "string", "Namespace of the GitRepository; by default the automation's"),
        Flag("git-repo-path", "string", "Directory with the manifests to update; by default the whole repository"),
        Flag("git-repo-ref", "string", "GitRepository to update"),
        Flag("push-branch", "string", "Branch to push to; by default the one that was checked out"),
        Flag("signing-key-secret", "string", "Secret with the key to sign commits with"),
        Flag("signing-key-type", "string", "Type of that key: gpg (the default) or ssh"),
    ),
)

IMAGE = Command(
    "image",
    "Create or update objects of the image automation",
    children=(POLICY, REPOSITORY, UPDATE),
)
