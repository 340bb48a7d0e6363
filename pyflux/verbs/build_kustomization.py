"""`pyflux build kustomization`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.ui.yamlout import dump
from pyflux.verbs.kustomization_builder import Builder, Settings

if TYPE_CHECKING:
    from pyflux.env import Call, Env

_OFFLINE = ("offline", "no-cache")


def run(env: Env, call: Call) -> None:
    """Prints the objects of a Kustomization, built from local files as the cluster would build them.

    Without a name, or with --offline, the Kustomizations of the whole checkout, without a cluster.
    """
    if any(name in call.changed for name in _OFFLINE) or (not call.args and "path" in call.changed):
        from pyflux.verbs.fleet.build import run as build_fleet

        build_fleet(env, call)
        return
    if not call.args:
        raise PyfluxError(
            "kustomization name is required", hint="Or --path alone, for all Kustomizations of a checkout."
        )
    path, file = call.str("path"), call.str("kustomization-file")
    if not path or not os.path.isdir(path):
        raise PyfluxError(f'invalid resource path "{os.path.abspath(path) if path else ""}"')
    if call.bool("dry-run") and not file:
        raise PyfluxError("dry-run mode requires a kustomization file")
    if file and not os.path.isfile(file):
        raise PyfluxError(f'invalid kustomization file "{file}"')
    client = None
    if not call.bool("dry-run"):
        from pyflux.kube import connect

        client = connect(env)
    settings = Settings(env, call, client)
    builder = Builder(settings, env.kube.namespace, call.args[0], os.path.abspath(path), file=file)
    for obj in builder.objects(nested=settings.recursive):
        env.write(f"{dump(obj)}---\n")
