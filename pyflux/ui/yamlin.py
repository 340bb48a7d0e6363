"""Reads YAML as the Go libraries of Kubernetes do; safe for text from outside.

libyaml parses; the values are made here, by the rules of `pyflux.ui.goscalar`. The result is what JSON can
hold: dicts with text keys, lists, text, numbers, booleans, None. Depth and alias expansion are limited.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from _ruamel_yaml import CParser
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import ScannerError

from pyflux.catalog.gonumber import format_float
from pyflux.errors import PyfluxError
from pyflux.ui.goscalar import is_timestamp, resolve

_MAX_DEPTH = 200
_PREFIX = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float,),
    "null": (type(None),),
}


class YamlError(PyfluxError):
    """The text is not YAML, or not YAML that JSON can hold; the message starts with the line where known."""


def load_all(text: str | bytes, *, dialect: str = "v2", strict: bool = True) -> list[Any]:
    """Every document of a stream; empty documents are None.

    `dialect` is "v2" (manifests) or "v3" (kustomize's files), see `pyflux.ui.goscalar`. `strict` refuses a
    key that is set twice; otherwise the last one counts. Raises YamlError.
    """
    source = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return list(_Reader(source, dialect, strict).documents())


def load(text: str | bytes, *, dialect: str = "v2", strict: bool = True) -> Any:
    """The first document; None for an empty text. Raises YamlError."""
    source = text.encode("utf-8", "replace") if isinstance(text, str) else text
    for document in _Reader(source, dialect, strict).documents():
        return document
    return None


class _Budget:
    """Counts what aliases expand to: at most 99% of a small document may come from them, less of a large one."""

    def __init__(self) -> None:
        self.read = 0
        self.expanded = 0

    def check(self) -> None:
        total = self.read + self.expanded
        if self.expanded <= 100 or total <= 1000:
            return
        allowed = min(0.99, max(0.1, 0.99 - 0.89 * (total - 400_000) / 3_600_000))
        if self.expanded / total > allowed:
            raise YamlError("yaml: document contains excessive aliasing")


def _copy(value: Any) -> Any:
    # not the same object twice: what reads the result may change it
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(1 + _weight(item) for item in value.values())
    return 1 + sum(map(_weight, value)) if isinstance(value, list) else 1


class _Reader:
    def __init__(self, source: bytes, dialect: str, strict: bool) -> None:
        self._dialect = dialect
        self._strict = strict
        self._cache: dict[str, Any] = {}
        self._budget = _Budget()
        self._anchors: dict[str, Any] = {}
        self._weights: dict[str, int] = {}
        self._open: set[str] = set()
        self._depth = 0
        try:
            self._next = CParser(source).get_event
        except YAMLError as error:
            raise _explained(error) from None

    def documents(self) -> Any:
        try:
            while True:
                event = self._next()
                if isinstance(event, DocumentStartEvent):
                    self._anchors.clear()
                    self._weights.clear()
                    value = self._node(self._next())
                    self._next()  # the document's end: what follows the value must be right as well
                    yield value
                elif isinstance(event, StreamEndEvent) or event is None:
                    return
                else:
                    assert not isinstance(event, AliasEvent), event
        except YAMLError as error:
            raise _explained(error) from None
        except UnicodeDecodeError:
            raise YamlError("yaml: invalid UTF-8") from None

    def _node(self, event: Any) -> Any:
        self._budget.read += 1
        if isinstance(event, ScalarEvent):
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor], self._weights[event.anchor] = value, 1
            return value
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {_MAX_DEPTH}")
        if event.anchor is not None:
            self._open.add(event.anchor)
        value = self._mapping() if isinstance(event, MappingStartEvent) else self._sequence(event)
        self._depth -= 1
        if event.anchor is not None:
            self._open.discard(event.anchor)
            self._anchors[event.anchor], self._weights[event.anchor] = value, _weight(value)
        return value

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name in self._open:
            raise YamlError(f"yaml: anchor '{name}' value contains itself")
        if name not in self._anchors:
            raise YamlError(f"yaml: unknown anchor '{name}' referenced")
        self._budget.expanded += self._weights[name]
        self._budget.check()
        return _copy(self._anchors[name])

    def _sequence(self, event: Any) -> list[Any]:
        assert isinstance(event, SequenceStartEvent)
        items = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event))
        return items

    def _mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own: set[str] = set()
        while not isinstance(event := self._next(), MappingEndEvent):
            line = event.start_mark.line + 1
            if _is_merge(event):
                merged = self._merge(self._next())
                # a merge after a key overrides it in the older library only
                found = {**merged, **found} if self._dialect == "v3" else {**found, **merged}
                continue
            key = self._key(event)
            value = self._node(self._next())
            if self._strict:
                if key in own:
                    raise YamlError(f'yaml: unmarshal errors:\n  line {line}: key "{key}" already set in map')
                own.add(key)
            found[key] = value
        return found

    def _merge(self, event: Any) -> dict[str, Any]:
        value = self._node(event)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise YamlError("yaml: map merge requires map or sequence of maps as the value")
        merged: dict[str, Any] = {}
        for part in reversed(parts):
            merged.update(part)
        return merged

    def _key(self, event: Any) -> str:
        value = self._node(event)
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return _key_float(value)
        if value is None:
            raise YamlError(f"line {event.start_mark.line + 1}: unsupported map key: null")
        raise YamlError("yaml: invalid map key: a map or a list")

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        plain, _ = event.implicit
        tag = None if event.tag is None else str(event.tag)
        if plain and tag is None:
            try:
                return self._cache[text]
            except KeyError:
                value = self._cache[text] = _json(resolve(text, self._dialect))
                return value
        return text if tag is None or tag == "!" else self._tagged(tag, text)

    def _tagged(self, tag: str, text: str) -> Any:
        short = tag.removeprefix(_PREFIX)
        if short == "binary":
            try:
                return base64.b64decode(text, validate=False).decode("utf-8", "replace")
            except binascii.Error:
                raise YamlError("yaml: !!binary value contains invalid base64 data") from None
        if short == "timestamp" and is_timestamp(text):
            return text
        if short not in _TYPES or not tag.startswith(_PREFIX):
            return text
        value = resolve(text, self._dialect)
        if short == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) not in _TYPES[short]:
            raise YamlError(f"yaml: cannot decode `{text}` as a !!{short}")
        return _json(value)


def _is_merge(event: Any) -> bool:
    if not isinstance(event, ScalarEvent) or event.value != "<<":
        return False
    return bool(event.implicit[0]) or str(event.tag) == _PREFIX + "merge"


def _json(value: Any) -> Any:
    """The value after Go's trip through JSON: whole floats become integers, infinities are refused."""
    if not isinstance(value, float):
        return value
    if value != value or value in (float("inf"), float("-inf")):
        raise YamlError(f"json: unsupported value: {format_float(value)}")
    return int(value) if value.is_integer() and abs(value) < 1e18 else value


def _key_float(value: float) -> str:
    special = {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}
    import struct

    # Go prints such keys with the precision of 32 bits
    try:
        narrow = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return ".inf" if value > 0 else "-.inf"
    for digits in range(1, 10):
        short = float(f"{narrow:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", narrow):
            narrow = short
            break
    text = format_float(narrow)
    return special.get(text, text)


def _explained(error: YAMLError) -> YamlError:
    if isinstance(error, ReaderError):
        return YamlError(f"yaml: {error.reason}" if error.reason else "yaml: control characters are not allowed")
    if not isinstance(error, MarkedYAMLError):
        return YamlError(f"yaml: {error}")
    line = 0
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + (1 if isinstance(error, ScannerError) else 0)
    elif error.context_mark is not None:
        line = error.context_mark.line
    return YamlError(f"yaml: line {line}: {error.problem}" if line else f"yaml: {error.problem}")
