"""The JSON patch (RFC 6902) that makes one value of another; lists are compared item by item."""

from __future__ import annotations

from typing import Any


def compare(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    """The steps from `before` to `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        return _mappings(before, after, path)
    if isinstance(before, list) and isinstance(after, list):
        return _lists(before, after, path)
    if before == after and type(before) is type(after):
        return []
    return [{"op": "replace", "path": path, "value": after}]


def _mappings(before: dict[str, Any], after: dict[str, Any], path: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for key in sorted(before.keys() | after.keys()):
        below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            steps.append({"op": "remove", "path": below})
        elif key not in before:
            steps.append({"op": "add", "path": below, "value": after[key]})
        else:
            steps += compare(before[key], after[key], below)
    return steps


def _lists(before: list[Any], after: list[Any], path: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    common = min(len(before), len(after))
    for index in range(common):
        steps += compare(before[index], after[index], f"{path}/{index}")
    steps += [{"op": "remove", "path": f"{path}/{index}"} for index in range(len(before) - 1, common - 1, -1)]
    steps += [{"op": "add", "path": f"{path}/-", "value": value} for value in after[common:]]
    return steps
