"""The XML that a storage answers with, read without trust: no document types, hence no entities."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from pyflux.s3.errors import S3Error

_ABOUT = frozenset(("EncodingType", "IsTruncated", "NextContinuationToken", "Code", "Message", "Region"))
_DEEPEST = 16
_MOST = 10_000
"""Objects in one page: a storage gives a thousand unless it is asked for another number."""


class Page(NamedTuple):
    """A part of a listing: keys with their etags, and the token of the next part, empty at the end."""

    objects: list[tuple[str, str]]
    token: str


class _Reader:
    """What the parser tells of a document: the few texts that are asked for, however large the document is."""

    def __init__(self) -> None:
        self.root = ""
        self.text = ""
        """The root's own text."""
        self.about: dict[str, str] = {}
        self.objects: list[dict[str, str]] = []
        self._depth = 0
        self._object: dict[str, str] = {}
        self._pieces: list[str] = []

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise ET.ParseError("document types are not allowed")

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        if not self._depth:
            self.root = _local(tag)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ET.ParseError(f"nested more than {_DEEPEST} deep")
        self._pieces.clear()

    def data(self, text: str) -> None:
        self._pieces.append(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        name, text = _local(tag), "".join(self._pieces)
        self._pieces.clear()
        if self._depth == 0:
            self.text = text
        elif self._depth == 1 and name == "Contents":
            self.objects.append(self._object)
            self._object = {}
            if len(self.objects) > _MOST:
                raise ET.ParseError(f"more than {_MOST} objects in one page")
        elif self._depth == 1 and name in _ABOUT:
            self.about[name] = text
        elif self._depth == 2 and name in ("Key", "ETag"):
            self._object[name] = text

    def close(self) -> _Reader:
        return self


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _parsed(body: bytes) -> _Reader:
    """Raises ET.ParseError, ValueError."""
    reader = _Reader()
    parser = ET.XMLParser(target=reader)  # noqa: S314 - the reader refuses document types
    parser.feed(body)
    parser.close()
    return reader


def trimmed(etag: str) -> str:
    """An etag without its quotes."""
    return etag.removeprefix('"').removesuffix('"')


def page(body: bytes) -> Page:
    """A part of a listing. Raises S3Error."""
    try:
        found = _parsed(body)
    except (ET.ParseError, ValueError) as why:
        raise S3Error(f"the storage's listing cannot be read: {why}") from None
    about = found.about
    objects = [
        (_key(one.get("Key", ""), about.get("EncodingType", "")), trimmed(one.get("ETag", ""))) for one in found.objects
    ]
    more = about.get("IsTruncated", "").strip().lower() == "true"
    token = about.get("NextContinuationToken", "") if more else ""
    if more and not token:
        raise S3Error("Truncated response should have continuation token set", code="NotImplemented")
    return Page(objects, token)


def _key(text: str, encoding: str) -> str:
    if encoding != "url":
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise S3Error("Object name with non UTF-8 strings are not supported") from None


def location(body: bytes) -> str:
    """The region that a bucket's location says. Raises S3Error."""
    try:
        found = _parsed(body).text.strip()
    except (ET.ParseError, ValueError) as why:
        raise S3Error(f"the bucket's location cannot be read: {why}") from None
    return {"": "us-east-1", "EU": "eu-west-1"}.get(found, found)


def problem(body: bytes) -> dict[str, str]:
    """Code, Message and Region of an error, as far as the storage says them."""
    try:
        found = _parsed(body)
    except (ET.ParseError, ValueError):
        return {}
    return found.about if found.root == "Error" else {}
