"""Addresses of repositories: what they are made of, and how to show them without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from pyflux.git.errors import GitError

SCHEMES = ("http", "https", "ssh", "file")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22}


@dataclass(frozen=True)
class RemoteUrl:
    """A repository's address in parts. `path` starts with a slash, `username` and `password` are decoded."""

    scheme: str
    host: str
    port: int
    path: str
    username: str = ""
    password: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)

    @property
    def shown(self) -> str:
        """The address as text, without a password."""
        if self.scheme == "file":
            return f"file://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.username}@" if self.username and self.scheme == "ssh" else ""
        port = f":{self.port}" if self.port != _DEFAULT_PORTS[self.scheme] else ""
        return f"{self.scheme}://{user}{host}{port}{self.path}"

    @property
    def plain(self) -> str:
        """The address without user name and password, for HTTP clients."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port != _DEFAULT_PORTS.get(self.scheme, 0) else ""
        return urlunsplit((self.scheme, host + port, self.path, "", ""))


def parse(url: str) -> RemoteUrl:
    """The parts of `url`. Raises GitError when it is no address of a repository."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as why:
        raise GitError(f"the repository URL cannot be read: {why}") from None
    if parts.scheme not in SCHEMES:
        hint = ""
        if not parts.scheme and ":" in url and "/" in url.partition(":")[2]:
            user_host, _, path = url.partition(":")
            hint = f"write it as ssh://{user_host}/{path.lstrip('/')}"
        raise GitError(
            f'the repository URL has the scheme "{parts.scheme}", expected one of: {", ".join(SCHEMES)}', hint=hint
        )
    if parts.scheme == "file":
        return RemoteUrl("file", "", 0, unquote(parts.path) or "/")
    if not parts.hostname:
        raise GitError("the repository URL has no host")
    return RemoteUrl(
        parts.scheme,
        parts.hostname,
        port or _DEFAULT_PORTS[parts.scheme],
        parts.path or "/",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with every secret blotted out."""
    for secret in secrets:
        if len(secret) > 2:
            text = text.replace(secret, "*****")
    return text
