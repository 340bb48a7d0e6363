"""JSON-like values as the nodes of a YAML document, for comparing and printing them."""

from __future__ import annotations

from pyflux.ui.yamlout import dump, sorted_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAP, LIST, SCALAR = "map", "list", "scalar"


class Node:
    """One node: a map has `pairs`, a list `items`, a scalar `tag` (str, int, float, bool, null) and `text`."""

    __slots__ = ("items", "kind", "pairs", "tag", "text")

    def __init__(self, kind: str, tag: str = "", text: str = "") -> None:
        self.kind = kind
        self.tag = tag
        self.text = text
        self.pairs: list[tuple[str, Node]] = []
        self.items: list[Node] = []

    def find(self, key: str) -> Node | None:
        """A map's value."""
        return next((value for name, value in self.pairs if name == key), None)

    @property
    def type(self) -> str:
        """What people call it: map, list, string, int, …"""
        if self.kind != SCALAR:
            return self.kind
        return {"str": "string", "null": "<nil>"}.get(self.tag, self.tag)

    def key(self) -> Any:
        """A value that is equal for nodes with the same content, whatever the order of keys."""
        if self.kind == MAP:
            return MAP, frozenset((name, value.key()) for name, value in self.pairs)
        if self.kind == LIST:
            return LIST, tuple(item.key() for item in self.items)
        return self.text


def to_node(value: Any) -> Node:
    """The node of a value, keys in the order that YAML is printed in."""
    if isinstance(value, dict):
        node = Node(MAP)
        node.pairs = [(key, to_node(value[key])) for key in sorted_keys(value)]
        return node
    if isinstance(value, list):
        node = Node(LIST)
        node.items = [to_node(item) for item in value]
        return node
    if isinstance(value, str):
        return Node(SCALAR, "str", value)
    if isinstance(value, bool):
        return Node(SCALAR, "bool", "true" if value else "false")
    if value is None:
        return Node(SCALAR, "null", "null")
    text = dump(value).strip()
    return Node(SCALAR, "int" if text.lstrip("-").isdecimal() else "float", text)


def names(texts: list[str]) -> Node:
    """A list of texts."""
    node = Node(LIST)
    node.items = [Node(SCALAR, "str", text) for text in texts]
    return node
