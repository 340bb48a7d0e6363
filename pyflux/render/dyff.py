"""Compares two objects the way that flux shows drift: what was added, removed, changed, put in another order.

List entries are matched by a key that names them (`name`, `key`, `id`, `manager`, a key that all have with different
values, or the identity of Kubernetes objects); other lists by what their entries hold. `report` is the text, as the
dyff library writes it for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.render.yamlnodes import LIST, MAP, SCALAR, Node, names, to_node

if TYPE_CHECKING:
    from collections.abc import Callable

ADDED, REMOVED, MODIFIED, REORDERED = "+", "-", "±", "⇆"

_IDENTIFIERS = ("name", "key", "id", "manager")
_GUESS_ABOVE = 3
"""Lists have to be longer for a key that is no usual identifier to name their entries."""


class Detail:
    """One thing that happened at a place; `before` or `after` is None for what was added or removed."""

    __slots__ = ("after", "before", "kind")

    def __init__(self, kind: str, before: Node | None, after: Node | None) -> None:
        self.kind = kind
        self.before = before
        self.after = after


class Diff:
    """What happened at one place; `path` is empty for the whole document."""

    __slots__ = ("details", "path")

    def __init__(self, path: tuple[str, ...], details: list[Detail]) -> None:
        self.path = path
        self.details = details


def compare(before: Any, after: Any) -> list[Diff]:
    """The differences of two JSON-like values."""
    return _nodes((), to_node(before), to_node(after))


def _nodes(path: tuple[str, ...], before: Node, after: Node) -> list[Diff]:
    if before.kind != after.kind or before.tag != after.tag:
        return [Diff(path, [Detail(MODIFIED, before, after)])]
    if before.kind == MAP:
        return _maps(path, before, after)
    if before.kind == LIST:
        return _lists(path, before, after)
    return [Diff(path, [Detail(MODIFIED, before, after)])] if before.text != after.text else []


def _maps(path: tuple[str, ...], before: Node, after: Node) -> list[Diff]:
    found: list[Diff] = []
    removed, added = Node(MAP), Node(MAP)
    for key, value in before.pairs:
        other = after.find(key)
        if other is None:
            removed.pairs.append((key, value))
        else:
            found += _nodes((*path, key), value, other)
    added.pairs = [(key, value) for key, value in after.pairs if before.find(key) is None]
    details = []
    if removed.pairs:
        details.append(Detail(REMOVED, removed, None))
    if added.pairs:
        details.append(Detail(ADDED, None, added))
    return [Diff(path, details), *found] if details else found


def _lists(path: tuple[str, ...], before: Node, after: Node) -> list[Diff]:
    if not before.items and not after.items:
        return []
    identify = _identifier(before, after)
    if identify is not None:
        return _named(path, before, after, identify)
    if len(before.items) == len(after.items) == 1:
        return _nodes((*path, "0"), before.items[0], after.items[0])
    return _unnamed(path, before, after)


def _identifier(before: Node, after: Node) -> Callable[[Node], str] | None:
    """What names the entries of both lists."""
    for key in _IDENTIFIERS:
        if _values(before, key) == len(before.items) and _values(after, key) == len(after.items):
            return _by_key(key)
    key = _guessed(before, after)
    if key:
        return _by_key(key)
    if all(_object_name(item) is not None for item in (*before.items, *after.items)):
        return lambda item: _object_name(item) or ""
    return None


def _by_key(key: str) -> Callable[[Node], str]:
    def identify(item: Node) -> str:
        value = item.find(key)
        return value.text if value is not None else ""

    return identify


def _values(node: Node, key: str) -> int:
    """How many different values a key has in a list's entries; -1 where none has the key."""
    found = {value.text for item in node.items if (value := item.find(key)) is not None}
    return len(found) or -1


def _guessed(before: Node, after: Node) -> str:
    if len(before.items) <= _GUESS_ABOVE or any(item.kind != MAP for item in (*before.items, *after.items)):
        return ""
    for key, _ in before.items[0].pairs:
        if all(_texts(node, key) == len(node.items) for node in (before, after)):
            return key
    return ""


def _texts(node: Node, key: str) -> int:
    values = [item.find(key) for item in node.items]
    return len({value.text for value in values if value is not None and value.tag == "str"})


def _object_name(node: Node) -> str | None:
    """The identity of a Kubernetes object."""
    metadata = node.find("metadata")
    if metadata is None or metadata.kind != MAP:
        return None
    version, kind, name = node.find("apiVersion"), node.find("kind"), metadata.find("name")
    if version is None or kind is None or name is None:
        return None
    namespace = metadata.find("namespace")
    return "/".join(part.text for part in (version, kind, namespace, name) if part is not None)


def _named(path: tuple[str, ...], before: Node, after: Node, identify: Callable[[Node], str]) -> list[Diff]:
    found: list[Diff] = []
    old = {identify(item): item for item in reversed(before.items)}
    new = {identify(item): item for item in reversed(after.items)}
    removed, kept = [], []
    for item in before.items:
        name = identify(item)
        if name in new:
            found += _nodes((*path, name), item, new[name])
            kept.append(name)
        else:
            removed.append(item)
    added = [item for item in after.items if identify(item) not in old]
    stayed = [name for item in after.items if (name := identify(item)) in old]
    moved = []
    places = {name: index for index, name in enumerate(stayed)}
    if any(places.get(name, 0) != index for index, name in enumerate(kept)):
        moved = [Detail(REORDERED, names(kept), names(stayed))]
    return _packed(found, path, moved, removed, added)


def _unnamed(path: tuple[str, ...], before: Node, after: Node) -> list[Diff]:
    old = [item.key() for item in before.items]
    new = [item.key() for item in after.items]
    removed, common_old = _missing(before.items, old, new)
    added, common_new = _missing(after.items, new, old)
    moved = []
    if len(common_old) == len(common_new) and [i.key() for i in common_old] != [i.key() for i in common_new]:
        one, other = Node(LIST), Node(LIST)
        one.items, other.items = common_old, common_new
        moved = [Detail(REORDERED, one, other)]
    return _packed([], path, moved, removed, added)


def _missing(items: list[Node], mine: list[Any], theirs: list[Any]) -> tuple[list[Node], list[Node]]:
    """Entries that the other list does not have, or not as often; and those that it has."""
    missing: list[Node] = []
    common: list[Node] = []
    listed: list[Any] = []
    for item, key in zip(items, mine, strict=True):
        if key not in theirs:
            missing.append(item)
            listed.append(key)
            continue
        common.append(item)
        surplus = mine.count(key) - theirs.count(key)
        if surplus > 0 and key not in listed:
            missing += [item] * surplus
            listed.append(key)
    return missing, common


def _packed(
    found: list[Diff], path: tuple[str, ...], moved: list[Detail], removed: list[Node], added: list[Node]
) -> list[Diff]:
    details = list(moved)
    for kind, items in ((REMOVED, removed), (ADDED, added)):
        if items:
            node = Node(LIST)
            node.items = items
            details.append(Detail(kind, node, None) if kind == REMOVED else Detail(kind, None, node))
    return [Diff(path, details), *found] if details else found


__all__ = ["ADDED", "MODIFIED", "REMOVED", "REORDERED", "SCALAR", "Detail", "Diff", "compare"]
