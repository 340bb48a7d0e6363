"""`pyflux trace`."""

from __future__ import annotations

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "trace",
    "Find what in Git manages an object",
    run="pyflux.verbs.trace:run",
    hot=True,
    usage="<resource> <name> [<name> ...]",
    long="Shows the Kustomization or HelmRelease that manages an object, its source, and where both stand.",
    example=(
        "# A Deployment\npyflux trace deployment my-app -n apps\n"
        "# A Pod and a ConfigMap\npyflux trace pod/redis-master-0 cm/redis -n redis\n"
        "# A custom resource of a certain version\n"
        "pyflux trace redis --kind=HelmRelease --api-version=helm.toolkit.fluxcd.io/v2 -n redis"
    ),
    flags=(
        Flag("api-version", "string", "API version of the object, e.g. apps/v1; needs --kind"),
        Flag("kind", "string", "Kind of the object, e.g. Deployment; needs --api-version"),
    ),
)
