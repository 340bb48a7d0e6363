"""The dependency graph of a cluster as a picture: SVG without scripts, in the colours of the page around it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pyflux.render.fleet.check import edges

if TYPE_CHECKING:
    from pyflux.render.fleet.model import Cluster, ObjectId, Unit

    Place = tuple[int, int]

WIDTH, HEIGHT = 250, 44
"""Of a box, in pixels."""
GAP, ROW = 80, 58
_PADDING = 10
_NAME_LENGTH, _NOTE_LENGTH = 32, 40
_COLOURS = {"fails": "#cf222e", "skipped": "#bf8700", "suspended": "#8250df"}
_HEAD = (
    '<marker id="{id}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
)
_LEGEND = (
    '<p class="legend"><span><svg width="34" height="8"><path d="M0 4H34" stroke="#888"/></svg> applies</span> '
    '<span><svg width="34" height="8"><path d="M0 4H34" stroke="#0969da" stroke-dasharray="4 3"/></svg> '
    "depends on</span></p>\n"
)


def state_of(unit: Unit) -> str:
    """What is special about a unit: fails, skipped, suspended, or nothing."""
    if unit.error:
        return "fails"
    return "skipped" if unit.skipped else "suspended" if unit.suspended else ""


def svg(cluster: Cluster, number: int = 0) -> str:
    """Units as boxes, one column a level; lines to what a unit applies, dashed arrows to what it depends on.

    `number` tells the pictures of one page apart.
    """
    place = _places(cluster)
    width = max((x for x, _ in place.values()), default=0) + WIDTH + _PADDING
    height = max((y for _, y in place.values()), default=0) + HEIGHT + _PADDING
    parts = [
        f'<svg role="img" aria-label="Dependency graph of {html.escape(cluster.path)}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">',
        "<defs>"
        + _HEAD.format(id=f"a{number}", colour="#888")
        + _HEAD.format(id=f"d{number}", colour="#0969da")
        + "</defs>",
    ]
    for one, other, what in edges(cluster):
        if one in place and other in place:
            parts.append(_edge(place[one], place[other], what, number))
    parts += [_box(unit, place[unit.id]) for unit in cluster.ordered()]
    return f"{_LEGEND}<div class=graph>{''.join(parts)}</svg></div>"


def _places(cluster: Cluster) -> dict[ObjectId, Place]:
    """Upper left corners: below each unit what it applies, in rows of their own, so that lines do not cross."""
    children: dict[ObjectId | None, list[Unit]] = {}
    for unit in cluster.ordered():
        children.setdefault(unit.parent.id if unit.parent is not None else None, []).append(unit)
    place: dict[ObjectId, Place] = {}
    row = 0
    stack = [(unit, 0) for unit in reversed(children.get(None, []))]
    while stack:
        unit, depth = stack.pop()
        place[unit.id] = (_PADDING + depth * (WIDTH + GAP), _PADDING + row * ROW)
        below = children.get(unit.id, [])
        # the first child stands beside its parent, whatever follows begins a row
        row += 0 if below else 1
        stack += [(child, depth + 1) for child in reversed(below)]
    return place


def _box(unit: Unit, place: Place) -> str:
    x, y = place
    state = state_of(unit)
    colour = _COLOURS.get(state, "#57606a")
    why = unit.error or unit.skipped
    note = f"{unit.kind} · {unit.namespace} · {state or f'{unit.count} objects'}"
    return (
        f"<g><title>{html.escape(unit.title)} {html.escape(why)}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" class="box" stroke="{colour}"/>'
        f'<text x="{x + 10}" y="{y + 18}" font-size="13" fill="currentColor">{_cut(unit.name, _NAME_LENGTH)}</text>'
        f'<text x="{x + 10}" y="{y + 35}" font-size="11" fill="{colour}">{_cut(note, _NOTE_LENGTH)}</text></g>'
    )


def _cut(text: str, length: int) -> str:
    return html.escape(text if len(text) <= length else text[: length - 1] + "…")


def _edge(one: Place, other: Place, what: str, number: int) -> str:
    if what == "applies":
        x1, y1, x2, y2 = one[0] + WIDTH, one[1] + HEIGHT // 2, other[0], other[1] + HEIGHT // 2
        return _curve((x1, y1, x2, y2), (x1 + x2) // 2, f'stroke="#888" marker-end="url(#a{number})"')
    # a little apart, so that what comes in and what goes out can be told
    x1, y1, x2, y2 = one[0], one[1] + HEIGHT - 10, other[0], other[1] + 10
    bend = min(x1, x2) - 34 - min(30, abs(y2 - y1) // 12)
    return _curve((x1, y1, x2, y2), bend, f'stroke="#0969da" stroke-dasharray="4 3" marker-end="url(#d{number})"')


def _curve(ends: tuple[int, int, int, int], bend: int, style: str) -> str:
    x1, y1, x2, y2 = ends
    return f'<path d="M{x1} {y1} C{bend} {y1} {bend} {y2} {x2} {y2}" fill="none" {style}/>'
