"""`pyflux controllers`: pyflux's own controllers."""

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "controllers",
    "Run pyflux's own controllers against a cluster",
    extra=True,
    children=(
        Command(
            "run",
            "Run the source, kustomize and helm controllers until stopped",
            run="pyflux.verbs.controllers:run",
            extra=True,
            args=(0, 0),
            long=(
                "Runs in the foreground as one light process, against the cluster that the kubeconfig names. "
                "Do not run it beside the official controllers: both would reconcile the same objects."
            ),
            example="""
# A small GitOps agent for the cluster of the current context
pyflux controllers run

# Next to an official source-controller, applying only
pyflux controllers run --components kustomize
""",
            flags=(
                Flag(
                    "components",
                    "strings",
                    "which controllers to run: source, kustomize, helm (all when not given)",
                    extra=True,
                ),
                Flag(
                    "watch-all-namespaces",
                    "bool",
                    "look after all namespaces, not only the one of --namespace",
                    default="true",
                    extra=True,
                ),
                Flag("watch-label-selector", "string", "look only after objects with these labels", extra=True),
                Flag(
                    "storage-path",
                    "string",
                    "folder for artifacts (a folder of the user's cache when not given)",
                    extra=True,
                ),
                Flag(
                    "storage-addr",
                    "string",
                    "where to serve artifacts, port 0 takes a free one",
                    default="127.0.0.1:0",
                    extra=True,
                ),
                Flag("storage-adv-addr", "string", "host and port to put into the URLs of artifacts", extra=True),
                Flag("concurrent", "int", "reconciliations of one kind at the same time", default="4", extra=True),
                Flag(
                    "alone",
                    "bool",
                    "no other Flux controllers run: mark objects of kinds that nobody reconciles",
                    extra=True,
                ),
                Flag(
                    "allow-remote-bases",
                    "bool",
                    "let kustomizations fetch bases and files from the network",
                    extra=True,
                ),
                Flag(
                    "allow-file-urls",
                    "bool",
                    "let GitRepositories name repositories on this machine (file://)",
                    extra=True,
                ),
                Flag("no-cross-namespace-refs", "bool", "refuse sources of other namespaces", extra=True),
                Flag("default-service-account", "string", "service account to act as where none is set", extra=True),
                Flag(
                    "requeue-dependency",
                    "duration",
                    "how often dependencies that are not ready are looked at",
                    default="30s",
                    extra=True,
                ),
                Flag("log-level", "string", "info or error", default="info", complete="info|error", extra=True),
            ),
        ),
    ),
)
