"""The flags that say what is installed: those that `install` and `bootstrap` share."""

from __future__ import annotations

from pyflux.cli.model import Flag

INSTALL = (
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
    Flag("log-level", "debug|info|error", "How much the controllers log", default="info", complete="debug|info|error"),
    Flag(
        "network-policy",
        "bool",
        "Deny other namespaces access to the controllers by network policies",
        default="true",
    ),
    Flag("cluster-domain", "string", "Domain of the cluster's services", default="cluster.local"),
    Flag("toleration-keys", "strings", "Keys of node taints that the controllers tolerate"),
    Flag("force", "bool", "Take over a Flux that another tool, such as Helm, manages"),
)
