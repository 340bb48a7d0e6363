"""The JSONPath of printer columns: fields, indexes, filters and wildcards."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_FILTER = re.compile(r"""^\?\(@((?:\.[\w-]+)*)\s*(==|!=)?\s*("[^"]*"|'[^']*'|[^)]*)?\)\Z""")
Step = tuple[str, Any]


@lru_cache(maxsize=1024)
def parse(path: str) -> list[Step]:
    """The steps of a path such as `.status.conditions[?(@.type=="Ready")].status`."""
    text = path.strip().lstrip("{").rstrip("}").lstrip("$")
    steps: list[Step] = []
    i = 0
    while i < len(text):
        if text[i] == ".":
            match = re.match(r"\.((?:\\.|[^.\[\\])*)", text[i:])
            assert match is not None
            name = match.group(1).replace("\\", "")
            if name == "*":
                steps.append(("all", None))
            elif name:
                steps.append(("field", name))
            i += match.end()
        elif text[i] == "[":
            end = _close(text, i)
            steps.append(_bracket(text[i + 1 : end].strip()))
            i = end + 1
        else:
            match = re.match(r"[^.\[]+", text[i:])
            assert match is not None
            steps.append(("field", match.group()))
            i += match.end()
    return steps


def _close(text: str, start: int) -> int:
    depth = 0
    for i in range(start, len(text)):
        if text[i] == "[":
            depth += 1
        elif text[i] == "]":
            depth -= 1
            if not depth:
                return i
    return len(text)


def _bracket(inner: str) -> Step:
    if inner == "*":
        return ("all", None)
    if inner and inner[0] in "'\"":
        return ("field", inner[1:-1])
    match = _FILTER.match(inner)
    if match is not None:
        value: str | None = (match.group(3) or "").strip()
        if value and value[0] in "'\"":
            value = value[1:-1]
        return ("filter", (match.group(1).strip(".").split("."), match.group(2), value))
    try:
        return ("index", int(inner))
    except ValueError:
        return ("field", inner)


def evaluate(path: str, obj: Any) -> list[Any]:
    """The values at a path; empty when it leads nowhere."""
    values = [obj]
    for kind, detail in parse(path):
        values = [out for value in values for out in _step(kind, detail, value)]
    return values


def _step(kind: str, detail: Any, value: Any) -> list[Any]:
    if kind == "field":
        return [value[detail]] if isinstance(value, dict) and detail in value else []
    if kind == "index":
        if isinstance(value, list) and -len(value) <= detail < len(value):
            return [value[detail]]
        return []
    if kind == "all":
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    path, operator, wanted = detail
    return [v for v in value if _passes(v, path, operator, wanted)] if isinstance(value, list) else []


def _passes(value: Any, path: list[str], operator: str | None, wanted: str) -> bool:
    for part in path:
        if part:
            value = value.get(part) if isinstance(value, dict) else None
    if operator is None:
        return value is not None
    text = ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)
    return (text == wanted) is (operator == "==")
