"""A comparison of two builds as text, JSON, Markdown (for a pull request's comment) or an HTML page."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyflux.render.fleet.compare import Change, Comparison

_WORDS = {"created": "+", "changed": "~", "removed": "-", "orphaned": "!"}


def _cut(text: str, limit: int) -> str:
    """At most `limit` lines (0: all), saying how many were left out."""
    lines = text.splitlines(keepends=True)
    if limit <= 0 or len(lines) <= limit:
        return text
    return "".join(lines[:limit]) + f"… {len(lines) - limit} more lines\n"


def summary(comparison: Comparison) -> str:
    """Such as "2 created, 1 changed, 1 removed"."""
    counts = {word: sum(change.action == word for change in comparison.changes) for word in _WORDS}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "no change"


def _by_unit(comparison: Comparison) -> Iterator[tuple[str, list[Change]]]:
    for unit in dict.fromkeys(change.unit for change in comparison.changes):
        yield unit, [change for change in comparison.changes if change.unit == unit]


def unified(comparisons: Sequence[Comparison], limit: int) -> str:
    """Plain text: a heading a unit, the objects' unified differences, then images and dangers."""
    out: list[str] = []
    for comparison in comparisons:
        if not comparison.changes:
            continue
        for unit, changes in _by_unit(comparison):
            out.append(f"# {comparison.cluster}: {unit}\n")
            for change in changes:
                out.append(f"{_WORDS[change.action]} {change.title} {change.action}\n")
                out.append(_cut(change.diff(), limit))
        if comparison.images:
            out.append("\nimages\n")
            out += [f"  {where}: {old or '(none)'} → {new or '(none)'}\n" for where, old, new in comparison.images]
        dangers = list(comparison.dangers())
        if dangers:
            out.append("\ndangers\n")
            out += [f"  {found.rule}: {change.title}: {found.reason}\n" for change, found in dangers]
        out.append(f"\n{comparison.cluster}: {summary(comparison)}\n")
    return "".join(out)


def as_json(comparisons: Sequence[Comparison], limit: int) -> str:
    """Everything as one JSON document; see docs/repository.md for its shape."""
    return json.dumps([_plain(comparison, limit) for comparison in comparisons], indent=2, ensure_ascii=False) + "\n"


def _plain(comparison: Comparison, limit: int) -> dict[str, Any]:
    return {
        "cluster": comparison.cluster,
        "changes": [
            {
                "kind": change.id[0],
                "namespace": change.id[1],
                "name": change.id[2],
                "action": change.action,
                "unit": change.unit,
                "diff": _cut(change.diff(), limit),
                "dangers": [{"rule": found.rule, "reason": found.reason} for found in change.dangers],
            }
            for change in comparison.changes
        ],
        "images": [{"object": where, "from": old, "to": new} for where, old, new in comparison.images],
        "failures": comparison.failures,
        "skipped": comparison.skipped,
    }


def markdown(comparisons: Sequence[Comparison], limit: int) -> str:
    """A comment for a pull request: summary, dangers and images first, differences folded."""
    out: list[str] = []
    for comparison in comparisons:
        out.append(f"### {comparison.cluster}: {summary(comparison)}\n\n")
        out += [f"- ❌ {failure}\n" for failure in comparison.failures]
        out += [f"- ⏭ {skipped}\n" for skipped in comparison.skipped]
        out += [f"- ⚠️ **{found.rule}** `{change.title}`: {found.reason}\n" for change, found in comparison.dangers()]
        if comparison.images:
            out.append("\n| image of | from | to |\n|---|---|---|\n")
            out += [f"| {where} | `{old or '–'}` | `{new or '–'}` |\n" for where, old, new in comparison.images]
        out.append("\n")
        for unit, changes in _by_unit(comparison):
            out.append(f"<details><summary>{html.escape(unit)}: {len(changes)} objects</summary>\n\n")
            for change in changes:
                text = _cut(change.diff(), limit)
                fence = "`" * max(3, _longest_run(text) + 1)
                out.append(f"**{change.title}** {change.action}\n\n{fence}diff\n{text}{fence}\n\n")
            out.append("</details>\n\n")
    return "".join(out)


def _longest_run(text: str) -> int:
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    return longest


_STYLE = """
:root{color-scheme:light dark;--line:#8884;--add:#2da44e33;--del:#cf222e33;--warn:#bf8700;--box:#8881}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
h2{border-bottom:1px solid var(--line)}details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0}
summary{cursor:pointer;padding:.4rem .8rem}pre{margin:0;padding:.5rem .8rem;overflow:auto;font-size:13px}
.add{background:var(--add)}.del{background:var(--del)}.danger{color:var(--warn);font-weight:600}
.created{color:#2da44e}.removed,.orphaned{color:#cf222e}.changed{color:var(--warn)}
.graph{overflow-x:auto}.box{fill:var(--box)}.legend{color:#57606a;font-size:12px;margin:.3rem 0}
.legend span{margin-right:1.2rem}details>div{padding:.5rem .8rem;overflow-x:auto}.n{text-align:right}
table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:.2rem .6rem;text-align:left}
"""


def page(title: str, body: str) -> str:
    """A self-contained HTML page: no script and nothing loaded from elsewhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )


def html_body(comparisons: Sequence[Comparison], limit: int) -> str:
    """The comparison as HTML sections."""
    out: list[str] = []
    for comparison in comparisons:
        out.append(f"<h2>{html.escape(comparison.cluster)}: {summary(comparison)}</h2>\n<ul>")
        out += [f"<li class=danger>{html.escape(failure)}</li>" for failure in comparison.failures]
        out += [f"<li>{html.escape(skipped)}</li>" for skipped in comparison.skipped]
        out += [
            f"<li class=danger>{found.rule}: {html.escape(change.title)}: {html.escape(found.reason)}</li>"
            for change, found in comparison.dangers()
        ]
        out.append("</ul>\n")
        if comparison.images:
            cells = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell or '–')}</td>" for cell in row) + "</tr>"
                for row in comparison.images
            )
            out.append(f"<table><tr><th>image of</th><th>from</th><th>to</th></tr>{cells}</table>\n")
        for unit, changes in _by_unit(comparison):
            out.append(f"<h3>{html.escape(unit)}</h3>\n")
            for change in changes:
                head = f"<span class={change.action}>{change.action}</span> {html.escape(change.title)}"
                is_open = " open" if change.dangers else ""
                lines = "\n".join(_line(line) for line in _cut(change.diff(), limit).splitlines())
                out.append(f"<details{is_open}><summary>{head}</summary><pre>{lines}</pre></details>\n")
    return "".join(out)


def _line(line: str) -> str:
    kind = "add" if line.startswith("+") else "del" if line.startswith("-") else ""
    text = html.escape(line)
    return f"<span class={kind}>{text}</span>" if kind else text


def as_html(comparisons: Sequence[Comparison], limit: int) -> str:
    return page("Rendered difference", "<h1>Rendered difference</h1>\n" + html_body(comparisons, limit))


FORMATS: dict[str, Callable[[Sequence[Comparison], int], str]] = {
    "unified": unified,
    "json": as_json,
    "markdown": markdown,
    "html": as_html,
}
