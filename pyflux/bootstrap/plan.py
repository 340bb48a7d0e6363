"""What a bootstrap run is to reach, as data."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.catalog.components import InstallOptions

COMPONENTS_FILE = "gotk-components.yaml"
SYNC_FILE = "gotk-sync.yaml"
KUSTOMIZATION_FILE = "kustomization.yaml"
KUSTOMIZATION_NAMES = (KUSTOMIZATION_FILE, "kustomization.yml", "Kustomization")


@dataclass(frozen=True)
class SyncOptions:
    """The GitRepository and the Kustomization that keep the cluster in step. `interval` in nanoseconds."""

    name: str
    namespace: str
    url: str
    branch: str
    secret: str
    path: str
    """As the user gave it, cleaned: ./clusters/prod, or ./ for the root."""
    interval: int
    recurse_submodules: bool = False
    sparse_checkout: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True)
class SecretOptions:
    """The credentials that source-controller gets. All empty: a deploy key is made, or there is no secret."""

    name: str
    namespace: str
    username: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    ca: bytes = b""
    private_key: bytes = field(default=b"", repr=False)
    """A key the user brought; `password` is its passphrase then."""
    key_algorithm: str = ""
    """Empty where no SSH key is wanted."""
    rsa_bits: int = 2048
    ecdsa_curve: str = "p384"
    ssh_host: str = ""
    """Host, or host:port, whose keys go into known_hosts."""
    github_app: dict[str, str] = field(default_factory=dict, repr=False)
    """Secret entries of a GitHub App identity."""

    @property
    def given(self) -> bool:
        """Whether the user brought something that must reach the cluster even when a secret is there."""
        return bool(
            self.private_key or self.ca or self.username or self.password or self.bearer_token or self.github_app
        )


@dataclass(frozen=True)
class CommitOptions:
    """How commits are made."""

    author: str = "Flux"
    email: str = ""
    appendix: str = ""
    signer: Callable[[bytes], bytes] | None = field(default=None, repr=False)

    def message(self, text: str) -> str:
        return f"{text}\n\n{self.appendix}" if self.appendix else text


@dataclass(frozen=True)
class Plan:
    """Everything one run is to reach."""

    install: InstallOptions
    sync: SyncOptions
    secret: SecretOptions | None
    """None where the source needs no credentials, as for a local folder."""
    commit: CommitOptions = field(default_factory=CommitOptions)
    registry_credentials: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        """The folder in the repository that bootstrap writes to."""
        return posixpath.normpath(posixpath.join(self.sync.path, self.sync.namespace))

    def file(self, name: str) -> str:
        return posixpath.join(self.folder, name)
