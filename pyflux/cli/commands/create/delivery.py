"""`pyflux create kustomization`, `helmrelease` and `tenant`."""

# ruff: noqa: E501 (an example is one line, as it is typed)

from __future__ import annotations

from pyflux.cli.model import Command, Flag

KUSTOMIZATION = Command(
    "kustomization",
    "Create or update a Kustomization",
    long="A Kustomization applies the manifests of a source, found at a path in it, and keeps the cluster like them.",
    example="""
# apply the manifests below ./deploy/prod of a Git repository, and remove what disappears from them
pyflux create kustomization web --source=GitRepository/web --path=./deploy/prod --prune --interval=10m

# wait for everything that is applied, at most 3 minutes
pyflux create kustomization web --source=GitRepository/web --path=./deploy/prod --prune --wait --health-check-timeout=3m

# start after two others, with a source of another namespace
pyflux create ks web -n apps --source=OCIRepository/web.flux-system --depends-on=infra,team-a/database --prune

# look at it before it is applied; secrets in the manifests are decrypted with a key of the cluster
pyflux create ks web --source=Bucket/web --decryption-provider=sops --decryption-secret=sops-age --export
""",
    aliases=("ks",),
    usage="[name]",
    run="pyflux.verbs.create.kustomization:run",
    hot=True,
    kind="Kustomization",
    flags=(
        Flag("decryption-provider", "decryptionProvider", "How secrets in the manifests are decrypted: sops"),
        Flag("decryption-secret", "string", "Secret with the private keys for the decryption"),
        Flag("depends-on", "strings", "Kustomizations that must be ready before: name or namespace/name"),
        Flag(
            "health-check",
            "strings",
            "Workload that must be healthy: kind/name.namespace, of kind Deployment, DaemonSet, StatefulSet or HelmRelease",
        ),
        Flag("health-check-timeout", "duration", "How long the health checks may take", default="2m0s"),
        Flag("kubeconfig-secret-ref", "string", "Secret with a kubeconfig of the cluster to apply to"),
        Flag("path", "safeRelativePath", "Directory in the source that has the manifests", default="./"),
        Flag("prune", "bool", "Delete what was applied before and is no longer in the source"),
        Flag("retry-interval", "duration", "How soon to try again after a failure"),
        Flag("service-account", "string", "Service account to apply as"),
        Flag(
            "source",
            "kustomizationSource",
            "Source of the manifests: [kind/]name[.namespace], of kind OCIRepository, GitRepository (the default) or Bucket",
        ),
        Flag("target-namespace", "string", "Namespace for all objects of the manifests"),
        Flag("wait", "bool", "Wait until everything that was applied is healthy"),
        Flag(
            "validation",
            "string",
            "Without effect",
            deprecated="this arg is no longer used, all resources are validated using server-side apply dry-run",
        ),
    ),
)

HELM_RELEASE = Command(
    "helmrelease",
    "Create or update a HelmRelease",
    long="A HelmRelease installs a chart and upgrades it when the chart or its values change.",
    example="""
# a chart of a Helm repository, of any version above 4.0.0
pyflux create helmrelease web --source=HelmRepository/charts --chart=web --chart-version=">4.0.0" --interval=10m

# a chart that lies in a Git repository
pyflux create hr web --source=GitRepository/web --chart=./charts/web

# a chart that an OCIRepository fetches
pyflux create hr web --chart-ref=OCIRepository/web.flux-system

# values from local files, where later files override earlier ones, and from a secret
pyflux create hr web --source=HelmRepository/charts --chart=web --values=./base.yaml,./prod.yaml --values-from=Secret/web-values

# install to another namespace, made when it is not there, and replace CRDs on upgrades
pyflux create hr web --source=HelmRepository/charts --chart=web --target-namespace=web --create-target-namespace --crds=CreateReplace --export
""",
    aliases=("hr",),
    usage="[name]",
    run="pyflux.verbs.create.helmrelease:run",
    hot=True,
    kind="HelmRelease",
    flags=(
        Flag("chart", "string", "Name of the chart, or its path in the source"),
        Flag("chart-interval", "duration", "How often to look for new versions of the chart"),
        Flag(
            "chart-ref",
            "string",
            "Object that fetches the chart: OCIRepository/name[.namespace] or HelmChart/name[.namespace]",
        ),
        Flag("chart-version", "string", "Version of the chart or a range of versions; not used for charts in Git"),
        Flag("crds", "Skip|Create|CreateReplace", "What an upgrade does with the chart's CRDs"),
        Flag("create-target-namespace", "bool", "Create the target namespace when it does not exist"),
        Flag("depends-on", "strings", "HelmReleases that must be ready before: name or namespace/name"),
        Flag("kubeconfig-secret-ref", "string", "Secret with a kubeconfig of the cluster to install to"),
        Flag(
            "reconcile-strategy", "string", "What makes a new chart: ChartVersion or Revision", default="ChartVersion"
        ),
        Flag("release-name", "string", "Name of the Helm release; by default [target namespace-]name"),
        Flag("service-account", "string", "Service account to install as"),
        Flag(
            "source",
            "crossNamespaceHelmChartSource",
            "Source of the chart: kind/name[.namespace], of kind HelmRepository, GitRepository or Bucket",
        ),
        Flag("storage-namespace", "string", "Namespace for Helm's own records; by default the target namespace"),
        Flag("target-namespace", "string", "Namespace to install to; by default the namespace of the HelmRelease"),
        Flag("values", "strings", "Local files with values", complete="file"),
        Flag("values-from", "strings", "Objects with values under the key values.yaml: Secret/name or ConfigMap/name"),
    ),
)

TENANT = Command(
    "tenant",
    "Create or update a tenant",
    long="A tenant is a set of namespaces with a service account in each, bound to a cluster role in that namespace "
    "only. Reconcile the tenant's Kustomizations and HelmReleases as this account, and they cannot leave it. "
    "This command is a preview in flux: its details may change.",
    example="""
# a team with two namespaces
pyflux create tenant dev-team --with-namespace=frontend,backend --label=environment=dev

# the same as YAML, for a repository
pyflux create tenant dev-team --with-namespace=frontend --with-namespace=backend --cluster-role=edit --export > dev-team.yaml
""",
    run="pyflux.verbs.create.tenant:run",
    hot=True,
    flags=(
        Flag(
            "cluster-role",
            "string",
            "Cluster role that the service account gets in each namespace",
            default="cluster-admin",
        ),
        Flag("skip-namespace", "bool", "Do not create the namespaces: they are there already"),
        Flag("with-namespace", "strings", "Namespaces of the tenant"),
        Flag("with-service-account", "string", "Name of the service account; by default the tenant's name"),
    ),
)
