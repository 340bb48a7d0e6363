"""`pyflux build all` and `build helmrelease`: what a repository renders to, as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.verbs.fleet.common import KINDS, built, cache_for, chosen, tell

if TYPE_CHECKING:
    from pyflux.env import Call, Env
    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.model import Unit


def run(env: Env, call: Call) -> None:
    """Prints the objects of all units, or of those of one kind and name; fails where one does not render."""
    kind = KINDS.get(call.path[-1], "")
    name = call.args[0] if call.args else ""
    namespace = env.kube.namespace if "namespace" in call.changed else ""
    texts = cache_for(env, call)
    with built(env, call, call.str("path") or ".") as clusters:
        units = chosen(clusters, kind, name, namespace)
        for cluster, unit in units:
            source = f"# {unit.title}" + (f" of {cluster.path}" if len(clusters) > 1 else "")
            env.write(_text(source, unit, texts))
        tell(env, units, several=len(clusters) > 1)


def _text(source: str, unit: Unit, texts: Cache) -> str:
    """The objects of a unit as YAML documents, written anew only where they have changed."""
    key = texts.key("text", source, unit.key) if unit.key else ""
    known = texts.get(key) if key else None
    if isinstance(known, str):
        return known
    from pyflux.render.sopsmask import masked
    from pyflux.ui.yamlout import dump

    text = "".join(f"---\n{source}\n{dump(masked(obj))}" for obj in unit.objects)
    if key:
        texts.put(key, text)
    return text
