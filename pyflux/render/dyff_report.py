"""The text of a comparison (see `pyflux.render.dyff`), line by line as the dyff library prints it for people."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from pyflux.catalog.gotext import quote
from pyflux.render import dyff, linediff
from pyflux.render.yamlnodes import LIST, MAP, SCALAR, Node

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_COLORS = {"red": "185;49;27", "green": "88;191;56", "yellow": "199;196;63"}
_KEY_ORDERS = (
    ("name", "director_uuid", "releases", "instance_groups", "networks", "resource_pools", "compilation"),
    ("name", "url", "version", "sha1"),
    ("jobs", "resources", "resource_types"),
    ("name", "type", "source"),
    ("get",),
    ("put",),
    ("task",),
    ("releases", "instance_groups", "configuration", "variables"),
    ("auth", "templates"),
    ("name",),
    ("key",),
    ("id",),
)
_BETWEEN = "   "


def report(before: Any, after: Any, *, width: int = 80, color: bool = False) -> str:
    """How two objects differ, for a terminal of `width` columns."""
    return _Report(width, color).text(dyff.compare(before, after))


class _Report:
    def __init__(self, width: int, color: bool) -> None:
        self._width = width
        self._color = color

    def _paint(self, color: str, text: str) -> str:
        if not self._color:
            return text
        start = f"\x1b[38;2;{_COLORS[color]}m"
        return "\n".join(f"{start}{line}\x1b[0m" if line else "" for line in text.split("\n"))

    def _red(self, text: str) -> str:
        return self._paint("red", text)

    def _green(self, text: str) -> str:
        return self._paint("green", text)

    def _yellow(self, text: str) -> str:
        return self._paint("yellow", text)

    def text(self, diffs: list[dyff.Diff]) -> str:
        parts = []
        for diff in diffs:
            path = ".".join(diff.path) if diff.path else "(root level)"
            if self._color:
                path = f"\x1b[1m{path}\x1b[0m"
            parts.append(f"\n{path}\n")
            parts.append(self._blocks(0, *(self._detail(detail) for detail in diff.details)))
        return "".join(parts) + "\n"

    def _detail(self, detail: dyff.Detail) -> str:
        before, after = detail.before, detail.after
        if before is None or after is None:
            node = after if before is None else before
            assert node is not None
            return self._one_sided(detail.kind, node)
        if detail.kind == dyff.REORDERED:
            return self._reordered(before, after)
        return self._modified(before, after)

    def _one_sided(self, kind: str, node: Node) -> str:
        added = kind == dyff.ADDED
        entries = (
            _plural(len(node.items), "list entry", "list entries")
            if node.kind == LIST
            else _plural(len(node.pairs), "map entry", "map entries")
        )
        head = self._yellow(f"{kind} {entries} {'added' if added else 'removed'}:\n")
        _arrange(node)
        body = yaml_text(node)
        return head + self._blocks(2 if added else 0, self._green(body) if added else self._red(body))

    def _modified(self, before: Node, after: Node) -> str:
        if before.type == after.type == "string":
            return self._strings(before.text, after.text)
        if before.type == after.type:
            head = "± value change\n"
        else:
            head = f"± type change from {before.type} to {after.type}\n"
        old, new = (_value_text(node).rstrip("\n") for node in (before, after))
        return self._yellow(head) + self._red(_prefixed("- ", old)) + self._green(_prefixed("+ ", new))

    def _reordered(self, before: Node, after: Node) -> str:
        head = self._yellow("⇆ order changed\n")
        old, new = ([item.text or yaml_text(item) for item in node.items] for node in (before, after))
        longest = max(sum(map(len, texts)) + (len(texts) - 1) * 2 for texts in (old, new))
        if longest < self._width // 2:
            return head + self._red(f"- {', '.join(old)}\n") + self._green(f"+ {', '.join(new)}\n")
        return head + _table(" ", 2, self._red("\n".join(old)), self._green("\n".join(new)))

    def _strings(self, before: str, after: str) -> str:
        certificates = _certificates(before, after)
        if certificates is not None:
            head = self._yellow("± certificate change\n")
            return head + self._both(*certificates)
        if before.strip(" \n") == after.strip(" \n"):
            head = self._yellow("± whitespace only change\n")
            return head + self._both(*(text.replace("\n", "↵\n").replace(" ", "·") for text in (before, after)))
        if "\n" in before or "\n" in after:
            return self._lines(before, after)
        head = self._yellow("± value change\n")
        return head + self._red(_prefixed("- ", before)) + self._green(_prefixed("+ ", after))

    def _both(self, before: str, after: str) -> str:
        return self._blocks(0, self._red(_prefixed("- ", before)), self._green(_prefixed("+ ", after)))

    def _lines(self, before: str, after: str) -> str:
        counts = {linediff.INSERT: 0, linediff.DELETE: 0}
        body = ""
        for kind, text in linediff.diff_lines(before, after):
            if kind == linediff.EQUAL:
                continue
            counts[kind] += 1
            shown = "".join(f"{kind} {line}\n" for line in text.removesuffix("\n").split("\n"))
            body += self._green(shown) if kind == linediff.INSERT else self._red(shown)
        inserts = _plural(counts[linediff.INSERT], "insert")
        deletions = _plural(counts[linediff.DELETE], "deletion")
        return self._yellow(f"± value change in multiline text ({inserts}, {deletions})\n") + body + "\n"

    def _blocks(self, indent: int, *blocks: str) -> str:
        """Texts side by side where there is room, else one after another."""
        needed = indent + (len(blocks) - 1) * len(_BETWEEN)
        needed += sum(max(_columns(line) for line in block.split("\n")) for block in blocks)
        if needed <= self._width:
            return _table(_BETWEEN, indent, *blocks)
        return "".join(f"{' ' * indent}{line}\n" for block in blocks for line in block.split("\n"))


def _columns(text: str) -> int:
    return len(_ESCAPE.sub("", text)) if "\x1b" in text else len(text)


def _table(between: str, indent: int, *columns: str) -> str:
    split = [column.split("\n") for column in columns]
    widths = [max(map(_columns, lines)) for lines in split]
    rows = []
    for index in range(max(map(len, split))):
        cells = []
        for lines, width in zip(split, widths, strict=True):
            text = lines[index] if index < len(lines) else ""
            cells.append(" " * indent + text + " " * (width - _columns(text)))
        rows.append(between.join(cells).rstrip(" "))
    return "\n".join(rows)


def _plural(count: int, one: str, many: str = "") -> str:
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"{number} {one if count == 1 else many or one + 's'}"


def _prefixed(prefix: str, text: str) -> str:
    """The prefix before the first line, the others moved in as far."""
    return prefix + text.replace("\n", "\n" + " " * len(prefix)) + "\n"


# -- values as YAML, in this library's own manner


def _value_text(node: Node) -> str:
    return "<nil>" if node.tag == "null" else yaml_text(node)


def yaml_text(node: Node) -> str:
    """YAML for people: not always YAML that could be read again."""
    out: list[str] = []
    _write(out, "", False, node)
    return "".join(out)


def _write(out: list[str], prefix: str, inline: bool, node: Node) -> None:
    if node.kind == LIST:
        for index, item in enumerate(node.items):
            if index or not inline:
                out.append(prefix)
            out.append("- ")
            _write(out, prefix + "  ", True, item)
    elif node.kind == MAP:
        for index, (key, value) in enumerate(node.pairs):
            if index or not inline:
                out.append(prefix)
            out.append(f"{key}:")
            if value.kind == SCALAR:
                out.append(" ")
                _write(out, prefix + "  ", False, value)
            elif not value.pairs and not value.items:
                out.append(" {}\n" if value.kind == MAP else " []\n")
            else:
                out.append("\n")
                _write(out, prefix + "  " if value.kind == MAP else prefix, False, value)
    else:
        lines = node.text.split("\n")
        if len(lines) == 1:
            out.append(f"{quote(node.text) if _needs_quotes(node) else node.text}\n")
        else:
            out.append("|\n" + "\n".join(prefix + line for line in lines) + "\n")


def _needs_quotes(node: Node) -> bool:
    if node.tag != "str":
        return False
    text = node.text
    return text in ("true", "false", "null") or text.startswith("-") or any(char in text for char in " *&:,")


def _arrange(node: Node) -> None:
    """Puts keys that name a thing first, and deep values last, where a map has such a key."""
    for item in node.items:
        _arrange(item)
    if node.kind != MAP:
        return
    keys = [key for key, _ in node.pairs]
    best: tuple[str, ...] = ()
    hits = 0
    for order in _KEY_ORDERS:
        count = sum(key in keys for key in order)
        if count > hits:
            best, hits = order, count
    if best:
        known = [key for key in best if key in keys]
        values = dict(node.pairs)
        rest = sorted((key for key in keys if key not in known), key=lambda key: _depth(values[key]))
        node.pairs = [(key, values[key]) for key in (*known, *rest)]
    for _, value in node.pairs:
        _arrange(value)


def _depth(node: Node) -> int:
    return max(_leaves(node, 0), default=0)


def _leaves(node: Node, depth: int) -> list[int]:
    """How deep each scalar below a node is; entries of named lists count twice, their names not at all."""
    if node.kind == SCALAR:
        return [depth]
    if node.kind == MAP:
        return [leaf for _, value in node.pairs for leaf in _leaves(value, depth + 1)]
    for name in ("name", "key", "id"):
        if node.items and sum(key == name for item in node.items for key, _ in item.pairs) == len(node.items):
            pairs = [pair for item in node.items for pair in item.pairs if pair[0] != name]
            return [leaf for _, value in pairs for leaf in _leaves(value, depth + 2)]
    return [leaf for item in node.items for leaf in _leaves(item, depth + 1)]


# -- certificates


def _certificates(before: str, after: str) -> tuple[str, str] | None:
    """Summaries of two PEM certificates, None where one of the texts is none."""
    if "-----BEGIN " not in before or "-----BEGIN " not in after:
        return None
    one, other = _summary(before), _summary(after)
    return (one, other) if one and other else None


def _summary(text: str) -> str:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    found = re.search(r"-----BEGIN ([^-]+)-----\s*(.*?)-----END \1-----", text, re.S)
    if found is None:
        return ""
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(found[2].split()), validate=True))
    except (ValueError, binascii.Error):
        return ""

    def get(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
        return " ".join(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))

    subject, issuer = certificate.subject, certificate.issuer
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    time: Callable[[Any], str] = lambda moment: f"{moment:%b} {moment.day} {moment:%H:%M:%S %Y} UTC"  # noqa: E731
    serial = certificate.serial_number
    return (
        "Subject:\n"
        f"  Common Name: {get(subject, NameOID.COMMON_NAME)}\n"
        f"  Organization: {get(subject, NameOID.ORGANIZATION_NAME)}\n"
        f"  Organization Unit: {get(subject, NameOID.ORGANIZATIONAL_UNIT_NAME)}\n"
        f"  Locality: {get(subject, NameOID.LOCALITY_NAME)}\n"
        f"  State: {get(subject, NameOID.STATE_OR_PROVINCE_NAME)}\n"
        f"  Country: {get(subject, NameOID.COUNTRY_NAME)}\n"
        "Validity Period:\n"
        f"  NotBefore: {time(start)}\n"
        f"  NotAfter: {time(end)}\n"
        f"Issuer: {get(issuer, NameOID.COMMON_NAME)}, {get(issuer, NameOID.ORGANIZATION_NAME)}\n"
        f"Serial Number: {serial} ({serial:#x})\n"
    )
