"""`pyflux graph`: the dependency graph of a repository as a text tree, DOT, Mermaid, or one HTML page with the diff."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.fleet.check import edges, source_of
from pyflux.render.fleet.model import Cluster, ObjectId, Unit, show_id
from pyflux.verbs.fleet import report
from pyflux.verbs.fleet.common import built
from pyflux.verbs.fleet.drawing import state_of, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyflux.env import Call, Env

_MARK = {"applies": "-->", "dependsOn": "-.->|depends on|", "source": "-.-|built from|"}
_STYLE = {"applies": "", "dependsOn": " [style=dashed,label=dependsOn]", "source": " [style=dotted,arrowhead=none]"}


def run(env: Env, call: Call) -> None:
    """Prints the graph of every cluster. With `-o html --from REV` the page also holds the rendered difference."""
    output = call.str("output") or "tree"
    formats: dict[str, Callable[[list[Cluster]], str]] = {"tree": tree, "dot": dot, "mermaid": mermaid}
    if output not in (*formats, "html"):
        raise PyfluxError(f"--output is one of {', '.join(formats)}, html, not {output}")
    with built(env, call, call.str("path") or ".") as clusters:
        if output != "html":
            env.write(formats[output](clusters))
            return
    body = "".join(
        f"<h2>{html.escape(cluster.path)}</h2>\n{svg(cluster, number)}\n{_table(cluster)}\n"
        for number, cluster in enumerate(clusters)
    )
    if call.str("from"):
        from pyflux.verbs.fleet.diff import compared

        body += "<h1>Rendered difference</h1>\n" + report.html_body(compared(env, call), call.int("limit"))
    env.write(report.page("Dependency graph", "<h1>Dependency graph</h1>\n" + body))


def tree(clusters: list[Cluster]) -> str:
    """What applies what, indented, with sources and dependencies beside."""
    out: list[str] = []
    for cluster in clusters:
        out.append(f"{cluster.path}\n")
        children: dict[ObjectId | None, list[Unit]] = {}
        for unit in cluster.ordered():
            children.setdefault(unit.parent.id if unit.parent is not None else None, []).append(unit)
        tops = children.get(None, [])
        for index, unit in enumerate(tops):
            out += _branch(children, unit, "", index == len(tops) - 1)
    return "".join(out)


def _branch(children: Mapping[ObjectId | None, Sequence[Unit]], unit: Unit, prefix: str, last: bool) -> Iterator[str]:
    notes = [f"{unit.count} objects"] if unit.count else []
    source = source_of(unit)
    if source is not None:
        notes.append(f"from {show_id(source)}")
    after = [str(d.get("name")) for d in unit.spec.get("dependsOn") or []]
    if after:
        notes.append(f"after {', '.join(after)}")
    if state_of(unit):
        notes.append(state_of(unit))
    yield f"{prefix}{'└── ' if last else '├── '}{unit.title} ({'; '.join(notes)})\n"
    below = children.get(unit.id, ())
    for index, child in enumerate(below):
        yield from _branch(children, child, prefix + ("    " if last else "│   "), index == len(below) - 1)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def dot(clusters: list[Cluster]) -> str:
    """Graphviz's language, one subgraph a cluster."""
    out = ["digraph fleet {\n  rankdir=LR;\n  node [shape=box];\n"]
    for number, cluster in enumerate(clusters):
        out.append(f"  subgraph cluster_{number} {{\n    label={_quoted(cluster.path)};\n")
        for name, title in _nodes(cluster, number).values():
            out.append(f"    {name} [label={_quoted(title)}];\n")
        nodes = _nodes(cluster, number)
        for one, other, what in edges(cluster):
            out.append(f"    {nodes[one][0]} -> {nodes[other][0]}{_STYLE[what]};\n")
        out.append("  }\n")
    return "".join(out) + "}\n"


def mermaid(clusters: list[Cluster]) -> str:
    """A Mermaid flowchart, as code hosts show it in Markdown."""
    out = ["flowchart LR\n"]
    for number, cluster in enumerate(clusters):
        nodes = _nodes(cluster, number)
        out.append(f'  subgraph c{number}["{_mermaid_text(cluster.path)}"]\n')
        out += [f'    {name}["{_mermaid_text(title)}"]\n' for name, title in nodes.values()]
        out += [f"    {nodes[one][0]} {_MARK[what]} {nodes[other][0]}\n" for one, other, what in edges(cluster)]
        out.append("  end\n")
    return "".join(out)


def _mermaid_text(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;")


def _nodes(cluster: Cluster, number: int) -> dict[ObjectId, tuple[str, str]]:
    """Every node of a cluster's graph: a name for the graph language and a title."""
    ids = list(cluster.units)
    for one, other, _ in edges(cluster):
        ids += [one, other]
    return {identity: (f"n{number}_{index}", show_id(identity)) for index, identity in enumerate(dict.fromkeys(ids))}


def _table(cluster: Cluster) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(unit.title)}</td><td>{html.escape(show_id(source) if source else '')}</td>"
        f"<td class=n>{unit.count}</td><td>{html.escape(unit.error or unit.skipped or 'builds')}</td></tr>"
        for unit in cluster.ordered()
        for source in [source_of(unit)]
    )
    table = f"<table><tr><th>unit</th><th>source</th><th>objects</th><th>state</th></tr>{rows}</table>"
    return f"<details><summary>{len(cluster.units)} units as a table</summary><div>{table}</div></details>"
