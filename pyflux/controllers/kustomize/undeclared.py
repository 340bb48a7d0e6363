"""Fields that a built-in kind does not have: kustomize-controller drops them, since its Go types have no room for them.

The API server names them when it refuses an object; they are removed and the object is tried once more.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pyflux.catalog.resources import built_in

Obj = dict[str, Any]

_UNDECLARED = re.compile(r"^\s*(?:.*\): )?(\.\S.*?): field not declared in schema$", re.M)
_STEP = re.compile(r"\.(?P<field>[A-Za-z0-9_$/-]+)|\[(?P<index>\d+)\]|\[(?P<keys>[^\]]*)\]")
_PAIR = re.compile(r'([A-Za-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^,\]]+)')


def drop(obj: Obj, message: str) -> bool:
    """Removes from a built-in kind's object what the message calls undeclared; False where nothing was."""
    if built_in(obj["apiVersion"], obj["kind"]) is None:
        return False
    dropped = False
    for path in _UNDECLARED.findall(message):
        dropped = _remove(obj, path) or dropped
    return dropped


def _remove(obj: Any, path: str) -> bool:
    steps = list(_STEP.finditer(path))
    if not steps or "".join(step[0] for step in steps) != path:
        return False
    for step in steps[:-1]:
        obj = _follow(obj, step)
    name = steps[-1]["field"]
    if not isinstance(obj, dict) or name not in obj:
        return False
    del obj[name]
    return True


def _follow(obj: Any, step: re.Match[str]) -> Any:
    if step["field"] is not None:
        return obj.get(step["field"]) if isinstance(obj, dict) else None
    if not isinstance(obj, list):
        return None
    if step["index"] is not None:
        index = int(step["index"])
        return obj[index] if index < len(obj) else None
    wanted = {name: _value(text) for name, text in _PAIR.findall(step["keys"])}
    for item in obj:
        if isinstance(item, dict) and all(item.get(name) == value for name, value in wanted.items()):
            return item
    return None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
