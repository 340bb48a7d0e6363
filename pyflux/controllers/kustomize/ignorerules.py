"""Fields that other managers look after: `spec.ignore`, as JSON pointers with a target."""

from __future__ import annotations

import copy
import re
from typing import Any

Obj = dict[str, Any]
_MISSING = object()


class IgnoreRules:
    """The rules of one Kustomization."""

    def __init__(self, rules: list[Obj]) -> None:
        self._rules = rules

    def __bool__(self) -> bool:
        return bool(self._rules)

    def paths(self, obj: Obj) -> list[str]:
        """The JSON pointers that concern an object."""
        return [path for rule in self._rules if _selects(rule.get("target"), obj) for path in rule.get("paths") or []]

    def without(self, obj: Obj, paths: list[str]) -> Obj:
        """A copy of the object without the fields."""
        result = copy.deepcopy(obj)
        for path in paths:
            _remove(result, _parts(path))
        return result

    def merged(self, wanted: Obj, existing: Obj, dry: Obj, paths: list[str], manager: str) -> Obj:
        """What to apply: drifted fields keep the cluster's value, or are left out where somebody else applies them."""
        result = copy.deepcopy(wanted)
        for path in paths:
            parts = _parts(path)
            now, planned = _get(existing, parts), _get(dry, parts)
            if now is planned or now == planned:
                continue
            if _applied_by_other(existing, parts, manager) or now is _MISSING:
                _remove(result, parts)
            elif _get(result, parts) is not _MISSING:
                _put(result, parts, copy.deepcopy(now))
        return result


def _selects(target: Obj | None, obj: Obj) -> bool:
    if not target:
        return True
    group, _, version = obj["apiVersion"].rpartition("/")
    metadata = obj["metadata"]
    facts = {
        "group": group,
        "version": version,
        "kind": obj["kind"],
        "name": metadata["name"],
        "namespace": metadata.get("namespace") or "",
    }
    for field, value in facts.items():
        pattern = target.get(field)
        if pattern and not re.fullmatch(pattern, value):
            return False
    return _labelled(target.get("labelSelector"), metadata.get("labels")) and _labelled(
        target.get("annotationSelector"), metadata.get("annotations")
    )


def _labelled(selector: str | None, labels: Obj | None) -> bool:
    """A selector of equalities: a=b, a==b, a!=b, a, !a."""
    found = labels or {}
    for part in [part.strip() for part in (selector or "").split(",") if part.strip()]:
        key, operator, value = re.fullmatch(r"(!?[^=!]+)\s*(!=|==|=)?\s*(.*)", part).groups()  # type: ignore[union-attr]
        key = key.strip()
        if operator == "!=":
            fine = found.get(key) != value
        elif operator:
            fine = found.get(key) == value
        else:
            fine = key[1:] not in found if key.startswith("!") else key in found
        if not fine:
            return False
    return True


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, _MISSING)
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return _MISSING


def _get(obj: Any, parts: list[str]) -> Any:
    for part in parts:
        obj = _step(obj, part)
        if obj is _MISSING:
            return _MISSING
    return obj


def _put(obj: Any, parts: list[str], value: Any) -> None:
    holder = _get(obj, parts[:-1])
    if isinstance(holder, dict):
        holder[parts[-1]] = value
    elif isinstance(holder, list) and parts[-1].isdigit() and int(parts[-1]) < len(holder):
        holder[int(parts[-1])] = value


def _remove(obj: Any, parts: list[str]) -> None:
    holder = _get(obj, parts[:-1])
    if isinstance(holder, dict):
        holder.pop(parts[-1], None)
    elif isinstance(holder, list) and parts[-1].isdigit() and int(parts[-1]) < len(holder):
        del holder[int(parts[-1])]


def _applied_by_other(obj: Obj, parts: list[str], manager: str) -> bool:
    """True when another manager owns the field by server-side apply; list items are followed by their keys."""
    for entry in obj["metadata"].get("managedFields") or []:
        if entry.get("operation") == "Apply" and entry.get("manager") != manager:
            if _owns(entry.get("fieldsV1") or {}, obj, parts):
                return True
    return False


def _owns(fields: Obj, value: Any, parts: list[str]) -> bool:
    if not parts:
        return True
    part, rest = parts[0], parts[1:]
    if isinstance(value, list):
        item = _step(value, part)
        return any(
            _owns(below, item, rest)
            for key, below in fields.items()
            if key.startswith(("k:", "v:", "i:")) and _is_item(key, item, part)
        )
    below = fields.get(f"f:{part}")
    return below is not None and _owns(below, _step(value, part), rest)


def _is_item(key: str, item: Any, part: str) -> bool:
    import json

    if key.startswith("i:"):
        return key[2:] == part
    wanted = json.loads(key[2:])
    if key.startswith("v:"):
        return bool(wanted == item)
    return isinstance(item, dict) and all(item.get(name) == value for name, value in wanted.items())
