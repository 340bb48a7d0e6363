"""Names of artifacts: REGISTRY/REPOSITORY, with :TAG or @DIGEST."""

from __future__ import annotations

import ipaddress
import re

from pyflux.oci.errors import OciError

PREFIX = "oci://"
_DOCKER = "index.docker.io"
_REPOSITORY_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_-./"
_TAG_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")
_PRIVATE = tuple(ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


class Reference:
    """One artifact, or a tag of it. `tag` is "latest" where nothing was said; `digest` is empty for a tag."""

    __slots__ = ("digest", "registry", "repository", "tag")

    def __init__(self, registry: str, repository: str, tag: str = "latest", digest: str = "") -> None:
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest

    @property
    def name(self) -> str:
        """REGISTRY/REPOSITORY."""
        return f"{self.registry}/{self.repository}"

    @property
    def identifier(self) -> str:
        """What the registry calls it: the digest, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def with_tag(self, tag: str) -> Reference:
        """The tag `tag` of the same repository."""
        return Reference(self.registry, self.repository, tag)

    def with_digest(self, digest: str) -> Reference:
        """The artifact with this digest in the same repository."""
        return Reference(self.registry, self.repository, self.tag, digest)


def may_be_plain(registry: str) -> bool:
    """True for a registry on this machine or a private network, which is also tried without TLS."""
    host = registry.split(":")[0]
    try:
        if any(ipaddress.ip_address(host) in block for block in _PRIVATE):
            return True
    except (ValueError, TypeError):
        pass
    return (
        registry.startswith("localhost:")
        or re.fullmatch(r".*\.localhost(:\d{1,5})?", registry) is not None
        or "127.0.0.1" in registry
        or "::1" in registry
    )


def _check(what: str, text: str, allowed: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise OciError(f"{what} must be between {least} and {most} characters in length: {text}")
    if text.strip(allowed):
        raise OciError(f"{what} can only contain the characters `{allowed}`: {text}")


def parse_repository(text: str) -> Reference:
    """REGISTRY/REPOSITORY without tag or digest. Raises OciError."""
    if not text:
        raise OciError("a repository name must be specified")
    registry, slash, repository = text.partition("/")
    if not slash or not ("." in registry or ":" in registry):
        registry, repository = "", text
    _check("repository", repository, _REPOSITORY_CHARS, 2, 255)
    if not _HOST.fullmatch(registry):
        raise OciError(f"registries must be valid RFC 3986 URI authorities: {registry}")
    if registry in ("", "docker.io"):
        registry = _DOCKER
    if registry == _DOCKER and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository)


def check_tag(tag: str) -> None:
    """Raises OciError for what cannot be a tag."""
    _check("tag", tag, _TAG_CHARS, 1, 128)


def _parse_tag(text: str) -> Reference:
    base, tag = text, ""
    head, colon, tail = text.rpartition(":")
    if colon and "/" not in tail:
        base, tag = head, tail
        if not tag:
            raise OciError(f"{text} must specify a tag name after the colon")
        check_tag(tag)
    found = parse_repository(base)
    return found.with_tag(tag) if tag else found


def _parse_digest(text: str) -> Reference:
    base, at, digest = text.partition("@")
    if not at or not _DIGEST.fullmatch(digest):
        raise OciError(f"not a digest: {text}")
    return _parse_tag(base).with_digest(digest)


def parse(text: str) -> Reference:
    """The reference that `text` (without oci://) names. Raises OciError."""
    for way in (_parse_tag, _parse_digest):
        try:
            return way(text)
        except OciError:
            continue
    raise OciError(f"could not parse reference: {text}")


def parse_url(url: str) -> str:
    """The address in an oci:// URL, its form checked. Raises OciError."""
    if not url.startswith(PREFIX):
        raise OciError("URL must be in format 'oci://<domain>/<org>/<repo>'")
    address = url[len(PREFIX) :]
    try:
        parse(address)
    except OciError as why:
        raise OciError(f"'{url}' invalid URL: {why.message}") from None
    return address
