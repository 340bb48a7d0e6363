"""What bootstrap asks of a hosting service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pyflux.bootstrap.providers.rest import ApiError, Rest
from pyflux.errors import UsageError
from pyflux.git.auth import Auth

PERMISSIONS = ("pull", "triage", "push", "maintain", "admin")


@dataclass(frozen=True)
class Target:
    """The repository a user wants. `visibility` is public, internal or private."""

    hostname: str
    owner: str
    repository: str
    branch: str = "main"
    personal: bool = False
    visibility: str = "private"
    teams: dict[str, str] = field(default_factory=dict)
    """Name to permission, one of PERMISSIONS."""
    reconcile: bool = False
    read_write_key: bool = False
    username: str = ""


@dataclass(frozen=True)
class Repository:
    """A repository as the service has it."""

    visibility: str
    default_branch: str
    archived: bool = False
    can_push: bool = True
    can_admin: bool = True
    identifier: str = ""
    """The service's own id, where its calls want one."""


@dataclass(frozen=True)
class DeployKey:
    """A key at the service; `value` is the public key's first two words."""

    identifier: str
    title: str
    value: str
    read_only: bool


@dataclass(frozen=True)
class Finding:
    """One thing that `--check` looked at."""

    good: bool
    text: str
    remedy: str = ""


class Host(ABC):
    """One service and one repository there. Every call raises ApiError where the service says no."""

    title: str
    ssh_user = "git"

    def __init__(self, target: Target, token: str, rest: Rest, ca: bytes) -> None:
        self.target = target
        self.token = token
        self.rest = rest
        self.ca = ca

    @property
    def slug(self) -> str:
        return f"{self.target.owner}/{self.target.repository}"

    @property
    def domain(self) -> str:
        """Host and port, as in messages."""
        return host_of(self.target.hostname)

    @property
    def connecting(self) -> str:
        """The service in the message at the start, written as flux writes it."""
        return self.target.hostname

    @property
    def shown(self) -> str:
        """The repository's web address."""
        return f"{web_base(self.target.hostname)}/{self.slug}"

    def https_url(self) -> str:
        return f"{self.shown}.git"

    @property
    def ssh_host(self) -> str:
        """The host for SSH, where none is given: the same machine, without the port of its web pages."""
        return urlsplit(f"//{self.domain}").hostname or self.domain

    def ssh_url(self, hostname: str = "") -> str:
        return f"ssh://{self.ssh_user}@{hostname or self.ssh_host}/{self.slug}"

    def offline(self) -> None:  # noqa: B027 - most services need nothing here
        """From now on the service is not asked for anything that an address is made of."""

    def git_auth(self) -> Auth:
        """How this program pushes over HTTPS."""
        return Auth(username=self.target.owner, password=self.token, ca=self.ca)

    def pull_login(self) -> tuple[str, str]:
        """User and password that the cluster gets with --token-auth."""
        return "git", self.token

    @abstractmethod
    def find(self) -> Repository | None:
        """The repository; None where there is none, or the token may not see it."""

    @abstractmethod
    def create(self) -> Repository:
        """Makes the repository, empty."""

    @abstractmethod
    def update(self, repository: Repository) -> bool:
        """Brings visibility in line with the target; whether anything had to change."""

    @abstractmethod
    def permission(self, team: str) -> str:
        """What a team may do, one of PERMISSIONS; empty for nothing."""

    @abstractmethod
    def grant(self, team: str, permission: str) -> None: ...

    @abstractmethod
    def keys(self) -> list[DeployKey]: ...

    @abstractmethod
    def add_key(self, title: str, value: str, *, read_only: bool) -> None: ...

    @abstractmethod
    def remove_key(self, key: DeployKey) -> None: ...

    @abstractmethod
    def pull_request(self, head: str, base: str) -> str:
        """The web address of the open pull request from branch `head` to `base`; empty without one."""

    @abstractmethod
    def open_pull_request(self, head: str, base: str, title: str, body: str) -> str:
        """Opens one; its web address."""

    @abstractmethod
    def identity(self) -> list[Finding]:
        """What the token is, and whether its scopes are enough. Changes nothing."""

    def push_rule(self) -> Finding | None:
        """Whether the branch takes pushes; None where it is not there or the service does not say."""
        return None

    def can_create(self) -> list[Finding]:
        """Whether the missing repository could be made; nothing where the service does not say."""
        return []


def check_owner(target: Target, login: str, what: str) -> None:
    """Raises ApiError when a personal repository is wanted of another user than the token's."""
    if login.lower() != target.owner.lower():
        raise ApiError(
            f"{what}: the specified owner '{target.owner}' doesn't match the identity associated with the given token",
            hint=f"the token belongs to {login}; leave --personal out for an organization or group",
        )


def branch_finding(branch: str, protected: bool, can_push: bool) -> Finding:
    """What to say of a branch's protection."""
    if can_push:
        return Finding(True, f"the branch {branch} takes pushes of the token's user")
    why = "is protected" if protected else "takes no pushes of the token's user"
    return Finding(False, f"the branch {branch} {why}", "pass --pull-request, or allow the push")


def host_of(hostname: str) -> str:
    """Host and port of a --hostname value, which may have a scheme."""
    return urlsplit(hostname).netloc if "://" in hostname else hostname.rstrip("/")


def web_base(hostname: str) -> str:
    """The service's address with its scheme. Raises UsageError for plain HTTP to another machine."""
    if "://" not in hostname:
        return f"https://{hostname.rstrip('/')}"
    parts = urlsplit(hostname)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise UsageError("the token must not travel over plain HTTP", hint="use https:// in --hostname")
    if parts.scheme not in ("http", "https"):
        raise UsageError(f'--hostname has the scheme "{parts.scheme}", expected https')
    return hostname.rstrip("/")


def highest(flags: dict[str, bool]) -> str:
    """The strongest permission that is set in a map of PERMISSIONS; empty without one."""
    return next((name for name in reversed(PERMISSIONS) if flags.get(name)), "")
