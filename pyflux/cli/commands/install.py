"""`pyflux install`."""

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "install",
    "Install or upgrade Flux in a cluster",
    long=(
        "Installs the controllers in the namespace of --namespace, or upgrades them in place. The manifests of "
        "the embedded release need no network; --version downloads those of another one."
    ),
    example="""
# the latest version, in flux-system
pyflux install

# without the notification and Helm controllers
pyflux install --components=source-controller,kustomize-controller

# with image automation
pyflux install --components-extra=image-reflector-controller,image-automation-controller

# images from a private registry
pyflux install --registry=registry.internal/fluxcd --image-pull-secret=regcred --registry-creds=user:password

# on tainted nodes
pyflux install --toleration-keys=node.kubernetes.io/dedicated-to-flux

# only write the manifests
pyflux install --export > flux-system.yaml
""",
    run="pyflux.verbs.install:run",
    hot=True,
    args=(0, 0),
    flags=(
        Flag("export", "bool", "Print the manifests and stop"),
        Flag("version", "string", "Release to install, as vX.Y.Z or latest; downloads its manifests", short="v"),
        Flag(
            "components",
            "strings",
            "Components to install",
            default="[source-controller,kustomize-controller,helm-controller,notification-controller]",
        ),
        Flag(
            "components-extra",
            "strings",
            "Components to add: image-reflector-controller, image-automation-controller, source-watcher",
        ),
        Flag(
            "manifests",
            "string",
            "A release's manifests.tar.gz, a folder with its files, or a folder with a kustomization.yaml",
            hidden=True,
            complete="file",
        ),
        Flag("registry", "string", "Registry of the controllers' images", default="ghcr.io/fluxcd"),
        Flag("registry-creds", "string", "Login for the registry as user:password; needs --image-pull-secret"),
        Flag("image-pull-secret", "string", "Secret with which the images are pulled"),
        Flag(
            "watch-all-namespaces",
            "bool",
            "Reconcile objects in all namespaces; false: only in the one of Flux",
            default="true",
        ),
        Flag(
            "log-level",
            "debug|info|error",
            "How much the controllers log",
            default="info",
            complete="debug|info|error",
        ),
        Flag(
            "network-policy",
            "bool",
            "Deny other namespaces access to the controllers by network policies",
            default="true",
        ),
        Flag("cluster-domain", "string", "Domain of the cluster's services", default="cluster.local"),
        Flag("toleration-keys", "strings", "Keys of node taints that the controllers tolerate"),
        Flag("force", "bool", "Install over a Flux that another tool, such as Helm, manages"),
    ),
)
