"""`pyflux get ks|hr --path DIR`: the units of a repository, without a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.errors import SilentExit
from pyflux.ui.table import table
from pyflux.verbs.fleet.common import KINDS, built, chosen

if TYPE_CHECKING:
    from pyflux.env import Call, Env
    from pyflux.render.fleet.model import Unit


def run(env: Env, call: Call) -> None:
    """Prints a row a unit: where it is defined, what it builds from, how many objects it has, whether it renders."""
    kind = KINDS.get(call.path[-1].removesuffix("s"), "")
    name = call.args[0] if call.args else ""
    namespace = env.kube.namespace if "namespace" in call.changed and not call.bool("all-namespaces") else ""
    with built(env, call, call.str("path") or ".") as clusters:
        units = chosen(clusters, kind, name, namespace)
        several = len(clusters) > 1
        header = [*(["Cluster"] if several else []), "Namespace", "Name", "Source", "Objects", "Builds", "Message"]
        rows = [
            [*([cluster.path] if several else []), unit.namespace, unit.name, _source(unit), *_state(unit)]
            for cluster, unit in units
        ]
        env.write(table([] if call.bool("no-header") else header, rows))
    if any(unit.error for _, unit in units):
        raise SilentExit("some of it does not build")


def _source(unit: Unit) -> str:
    if unit.path:
        return f"./{unit.path}"
    template = (unit.spec.get("chart") or {}).get("spec") or {}
    reference = unit.spec.get("chartRef") or {}
    if template:
        return " ".join(part for part in (str(template.get("chart", "")), str(template.get("version") or "")) if part)
    return f"{reference.get('kind', '')}/{reference.get('name', '')}" if reference else "./"


def _state(unit: Unit) -> list[str]:
    builds = "False" if unit.error else "Unknown" if unit.skipped else "True"
    message = unit.error or unit.skipped or "; ".join([*unit.problems, *unit.notes])
    return [str(unit.count), builds, message]
