"""The XML that a storage answers with, read without trust: no document types, hence no entities."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from pyflux.s3.errors import S3Error


class Page(NamedTuple):
    """A part of a listing: keys with their etags, and the token of the next part, empty at the end."""

    objects: list[tuple[str, str]]
    token: str


class _Builder(ET.TreeBuilder):
    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise ET.ParseError("document types are not allowed")


def _parsed(body: bytes) -> ET.Element:
    """Raises ET.ParseError, ValueError."""
    parser = ET.XMLParser(target=_Builder())  # noqa: S314 - see _Builder
    parser.feed(body)
    root = parser.close()
    if not isinstance(root, ET.Element):
        raise ET.ParseError("no element found")
    return root


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _texts(element: ET.Element) -> dict[str, str]:
    return {_local(child): child.text or "" for child in element}


def trimmed(etag: str) -> str:
    """An etag without its quotes."""
    return etag.removeprefix('"').removesuffix('"')


def page(body: bytes) -> Page:
    """A part of a listing. Raises S3Error."""
    try:
        root = _parsed(body)
    except (ET.ParseError, ValueError) as why:
        raise S3Error(f"the storage's listing cannot be read: {why}") from None
    about = _texts(root)
    objects = []
    for child in root:
        if _local(child) != "Contents":
            continue
        found = _texts(child)
        objects.append((_key(found.get("Key", ""), about.get("EncodingType", "")), trimmed(found.get("ETag", ""))))
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
        found = (_parsed(body).text or "").strip()
    except (ET.ParseError, ValueError) as why:
        raise S3Error(f"the bucket's location cannot be read: {why}") from None
    return {"": "us-east-1", "EU": "eu-west-1"}.get(found, found)


def problem(body: bytes) -> dict[str, str]:
    """Code, Message and Region of an error, as far as the storage says them."""
    try:
        root = _parsed(body)
    except (ET.ParseError, ValueError):
        return {}
    return _texts(root) if _local(root) == "Error" else {}
