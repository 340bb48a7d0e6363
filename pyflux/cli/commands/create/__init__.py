"""`pyflux create`."""

from __future__ import annotations

from pyflux.cli.commands.create.delivery import HELM_RELEASE, KUSTOMIZATION, TENANT
from pyflux.cli.commands.create.images import IMAGE
from pyflux.cli.commands.create.notification import ALERT, ALERT_PROVIDER, RECEIVER
from pyflux.cli.commands.create.secrets import SECRET
from pyflux.cli.commands.create.sources import SOURCE
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "create",
    "Create or update sources and resources",
    long="Each command makes one object, applies it to the cluster and waits until it is ready. "
    "With --export it only prints the object.",
    flags=(
        Flag("export", "bool", "Print the object as YAML instead of applying it"),
        Flag("interval", "duration", "How often the object is reconciled", default="1m0s"),
        Flag("label", "strings", "Labels for the object: key=value, several with commas or by repeating the flag"),
    ),
    children=(ALERT, ALERT_PROVIDER, HELM_RELEASE, IMAGE, KUSTOMIZATION, RECEIVER, SECRET, SOURCE, TENANT),
)
