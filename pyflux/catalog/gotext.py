"""Text, URLs and image names by Go's rules, so that the same input is accepted and refused with the same words."""

from __future__ import annotations

import re
from typing import NamedTuple

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PORT = re.compile(r"(:[0-9]*)?\Z")
_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*\Z")
_HOST_SPECIAL = frozenset("-_.~$&+,/;=:!'()*[]<>\"%")
_SIMPLE_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}
_REPOSITORY_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_-./"
_TAG_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def quote(text: str) -> str:
    """Text as Go prints it with %q."""
    parts = []
    for char in text:
        if char in _SIMPLE_ESCAPES:
            parts.append(_SIMPLE_ESCAPES[char])
        elif char.isprintable():
            parts.append(char)
        else:
            code = ord(char)
            form = f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
            parts.append(form)
    return f'"{"".join(parts)}"'


class Url(NamedTuple):
    """The parts of a URL that commands look at; `host` has the port."""

    scheme: str
    host: str


def parse_url(text: str) -> Url:
    """Scheme and host of a URL. Raises ValueError in the words of Go's net/url."""
    address, _, fragment = text.partition("#")
    try:
        found = _parse(address)
    except ValueError as why:
        raise ValueError(f"parse {quote(address)}: {why}") from None
    if bad := _bad_escape(fragment):
        raise ValueError(f"parse {quote(text)}: {bad}")
    return found


def _bad_escape(text: str) -> str:
    found = _ESCAPE.search(text)
    return f"invalid URL escape {quote(text[found.start() : found.start() + 3])}" if found else ""


def _parse(text: str) -> Url:
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError("net/url: invalid control character in URL")
    if text.startswith(":"):
        raise ValueError("missing protocol scheme")
    scheme_match = _SCHEME.match(text)
    scheme = scheme_match[0][:-1].lower() if scheme_match else ""
    rest = text[len(scheme_match[0]) if scheme_match else 0 :].partition("?")[0]
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            raise ValueError("first path segment in URL cannot contain colon")
        if not scheme and (bad := _bad_escape(rest)):
            raise ValueError(bad)
        return Url(scheme, "")
    host = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        user, at, host = authority.rpartition("@")
        host = _host(scheme, host)
        if at and not _USERINFO.match(user):
            raise ValueError("net/url: invalid userinfo")
        if bad := _bad_escape(user):
            raise ValueError(bad)
    if bad := _bad_escape(rest):
        raise ValueError(bad)
    return Url(scheme, host)


def _host(scheme: str, host: str) -> str:
    if "[" in host:
        return _bracketed(host)
    colon = host.find(":")
    if colon >= 0:
        if scheme not in ("http", "https"):
            colon = host.rfind(":")
        if not _PORT.match(host[colon:]):
            raise ValueError(f"invalid port {quote(host[colon:])} after host")
    for char in host:
        if not (char.isalnum() or char in _HOST_SPECIAL or ord(char) >= 0x80):
            raise ValueError(f"invalid character {quote(char)} in host name")
    if bad := _bad_escape(host):
        raise ValueError(bad)
    for escape in re.findall("%[0-9a-fA-F]{2}", host):
        if int(escape[1:], 16) < 0x80 and escape != "%25":
            raise ValueError(f"invalid URL escape {quote(escape)}")
    return host


def _bracketed(host: str) -> str:
    import ipaddress

    if host.rfind("[") > 0:
        raise ValueError("invalid IP-literal")
    end = host.rfind("]")
    if end < 0:
        raise ValueError("missing ']' in host")
    if not _PORT.match(host[end + 1 :]):
        raise ValueError(f"invalid port {quote(host[end + 1 :])} after host")
    inside = host[1:end]
    try:
        ipaddress.IPv6Address(inside.replace("%25", "%"))
    except ValueError:
        raise ValueError(f"invalid host: ParseAddr({quote(inside)}): unable to parse IP") from None
    return host


def _check_element(name: str, element: str, allowed: str, least: int, most: int) -> None:
    if not least <= len(element) <= most:
        raise ValueError(f"{name} must be between {least} and {most} characters in length: {element}")
    if element.strip(allowed) or any(char not in allowed for char in element):
        raise ValueError(f"{name} can only contain the characters `{allowed}`: {element}")


def check_repository(text: str) -> None:
    """Raises ValueError where `text` is no image repository, with or without a registry before it."""
    if not text:
        raise ValueError("a repository name must be specified")
    registry, slash, rest = text.partition("/")
    if not slash or not ("." in registry or ":" in registry):
        registry, rest = "", text
    _check_element("repository", rest, _REPOSITORY_CHARS, 2, 255)
    try:
        same = _parse(f"//{registry}").host == registry
    except ValueError:
        same = False
    if not same:
        raise ValueError(f"registries must be valid RFC 3986 URI authorities: {registry}")


def check_reference(text: str) -> None:
    """Raises ValueError where `text` is no image reference: a repository, with a tag or digest or neither."""
    for check in (_check_tagged, _check_digested):
        try:
            check(text)
        except ValueError:
            continue
        return
    raise ValueError(f"could not parse reference: {text}")


def _check_tagged(text: str) -> None:
    base, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        base, tag = text, ""
    elif not tag:
        raise ValueError(f"{text} must specify a tag name after the colon")
    if tag:
        _check_element("tag", tag, _TAG_CHARS, 1, 128)
    check_repository(base)


def _check_digested(text: str) -> None:
    base, at, digest = text.partition("@")
    if not at or "@" in digest or not _DIGEST.match(digest):
        raise ValueError("a digest must contain exactly one '@' separator")
    try:
        _check_tagged(base)
    except ValueError:
        check_repository(base)
