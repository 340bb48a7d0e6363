"""`pyflux build all` and `build helmrelease`: what a repository renders to, as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.ui.yamlout import dump
from pyflux.verbs.fleet.common import KINDS, built, chosen, tell

if TYPE_CHECKING:
    from pyflux.env import Call, Env


def run(env: Env, call: Call) -> None:
    """Prints the objects of all units, or of those of one kind and name; fails where one does not render."""
    kind = KINDS.get(call.path[-1], "")
    name = call.args[0] if call.args else ""
    namespace = env.kube.namespace if "namespace" in call.changed else ""
    with built(env, call, call.str("path") or ".") as clusters:
        units = chosen(clusters, kind, name, namespace)
        for cluster, unit in units:
            for obj in unit.objects:
                source = f"# {unit.title}" + (f" of {cluster.path}" if len(clusters) > 1 else "")
                env.write(f"---\n{source}\n{dump(obj)}")
        tell(env, units, several=len(clusters) > 1)
