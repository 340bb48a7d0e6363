"""RFC 6902 JSON patch, failing as the API server does."""

from __future__ import annotations

import copy
from typing import Any

from pyflux.sandbox.ssa.typed import same_value
from pyflux.sandbox.status import ApiError

_MISSING: Any = object()


REFUSED = "the server rejected our request due to an error in our request"


def _refused() -> ApiError:
    """The one answer that the server gives to an operation that cannot be carried out."""
    return ApiError(422, REFUSED, details={})


def _steps(path: str) -> list[str]:
    return [t.replace("~1", "/").replace("~0", "~") for t in path.split("/")[1:]]


def _index(step: str, length: int, path: str, adding: bool = False) -> int:
    if step == "-" and adding:
        return length
    try:
        at = int(step)
    except ValueError:
        raise _refused() from None
    if at < 0:
        at += length
    if at < 0 or at > (length if adding else length - 1):
        raise _refused()
    return at


def _get(container: Any, step: str, path: str) -> Any:
    if isinstance(container, dict):
        return container.get(step, _MISSING)
    if isinstance(container, list):
        return container[_index(step, len(container), path)]
    return _MISSING


def _parent(doc: Any, path: str, op: str) -> tuple[Any, str]:
    steps = _steps(path)
    if not steps:
        raise _refused()
    here = doc
    for step in steps[:-1]:
        here = _get(here, step, path)
        if not isinstance(here, (dict, list)):
            raise _refused()
    return here, steps[-1]


def _add(doc: Any, path: str, value: Any, op: str = "add") -> Any:
    if path == "":
        return value
    parent, step = _parent(doc, path, op)
    if isinstance(parent, dict):
        parent[step] = value
    else:
        parent.insert(_index(step, len(parent), path, adding=True), value)
    return doc


def _remove(doc: Any, path: str, op: str = "remove") -> Any:
    parent, step = _parent(doc, path, op)
    if isinstance(parent, dict):
        if step not in parent:
            raise _refused()
        return parent.pop(step)
    return parent.pop(_index(step, len(parent), path))


def apply(doc: Any, operations: Any) -> Any:
    """The document with the operations applied, on a copy; raises ApiError 400 or 422."""
    if not isinstance(operations, list):
        raise ApiError(400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > 10000:
        raise ApiError(413, f"The allowed maximum operations in a JSON patch is 10000, got {len(operations)}")
    doc = copy.deepcopy(doc)
    for operation in operations:
        doc = _one(doc, operation)
    return doc


def _one(doc: Any, operation: dict[str, Any]) -> Any:
    op, path = operation.get("op"), operation.get("path", "")
    if op == "add":
        return _add(doc, path, copy.deepcopy(operation.get("value")))
    if op == "remove":
        _remove(doc, path)
        return doc
    if op == "replace":
        return _replace(doc, path, copy.deepcopy(operation.get("value")))
    if op in ("move", "copy"):
        return _move(doc, op, operation.get("from", ""), path)
    if op == "test":
        return _test(doc, path, operation.get("value"))
    raise _refused()


def _replace(doc: Any, path: str, value: Any) -> Any:
    if path == "":
        return value
    parent, step = _parent(doc, path, "replace")
    if isinstance(parent, dict):
        parent[step] = value
    else:
        parent[_index(step, len(parent), path)] = value
    return doc


def _move(doc: Any, op: str, source: str, path: str) -> Any:
    if op == "move":
        return _add(doc, path, _remove(doc, source, "move"), "move")
    parent, step = _parent(doc, source, "copy")
    value = _get(parent, step, source)
    if value is _MISSING:
        raise _refused()
    return _add(doc, path, copy.deepcopy(value), "copy")


def _test(doc: Any, path: str, expected: Any) -> Any:
    have: Any = doc
    if path:
        parent, step = _parent(doc, path, "test")
        have = _get(parent, step, path)
    if have is _MISSING:
        if expected is None:
            return doc
        raise _refused()
    if not same_value(have, expected):
        raise _refused()
    return doc
