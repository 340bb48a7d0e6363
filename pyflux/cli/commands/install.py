"""`pyflux install`."""

from __future__ import annotations

from pyflux.cli.commands.install_flags import INSTALL
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
        *INSTALL,
    ),
)
