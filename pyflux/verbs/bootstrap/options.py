"""The flags that all bootstrap commands share, checked and turned into data before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyflux.bootstrap.plan import CommitOptions
from pyflux.catalog.components import InstallOptions, check_components
from pyflux.errors import PyfluxError, UsageError
from pyflux.verbs.install import options_for, registry_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.env import Call, Env

_REQUIRED = ("source-controller", "kustomize-controller")


@dataclass(frozen=True)
class Shared:
    """What the shared flags say."""

    install: InstallOptions
    commit: CommitOptions
    registry_credentials: tuple[str, str] | None = field(repr=False)
    ca: bytes
    private_key: bytes = field(repr=False)
    """Content of --private-key-file; empty without it."""
    host_key_algorithms: tuple[str, ...]
    manifests: str


def read_file(path: str, what: str) -> bytes:
    """A file that a flag names. Raises PyfluxError saying `what` it is for."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as why:
        raise PyfluxError(f"{what} {path} cannot be read: {why.strerror}") from None


def shared(env: Env, call: Call, *, passphrase: str = "") -> Shared:
    """Reads and checks the shared flags. `passphrase` is that of --private-key-file. Raises PyfluxError."""
    components = (*call.strings("components"), *call.strings("components-extra"))
    for name in _REQUIRED:
        if name not in components:
            raise UsageError(f"component {name} is required")
    check_components(components)
    credentials = registry_credentials(call)
    private_key = call.str("private-key-file")
    key = read_file(private_key, "private key file") if private_key else b""
    ca_file = call.str("ca-file")
    return Shared(
        install=options_for(env, call, components),
        commit=CommitOptions(
            author=call.str("author-name"),
            email=call.str("author-email"),
            appendix=call.str("commit-message-appendix"),
            signer=_signer(call, key, passphrase),
        ),
        registry_credentials=credentials,
        ca=read_file(ca_file, "TLS CA file") if ca_file else b"",
        private_key=key,
        host_key_algorithms=tuple(call.strings("ssh-hostkey-algos")),
        manifests=call.str("manifests"),
    )


def _signer(call: Call, private_key: bytes, passphrase: str) -> Callable[[bytes], bytes] | None:
    """The commit signer that the flags ask for, its key tried. Raises PyfluxError."""
    ring, signing_file = call.str("gpg-key-ring"), call.str("ssh-signing-key-file")
    reuse = call.bool("ssh-signing-reuse-private-key")
    if ring and (signing_file or reuse):
        raise UsageError("--gpg-* and --ssh-signing-* are mutually exclusive; pick one signing format")
    if signing_file and reuse:
        raise UsageError("--ssh-signing-key-file and --ssh-signing-reuse-private-key are mutually exclusive")
    if reuse and not private_key:
        raise UsageError("--ssh-signing-reuse-private-key requires --private-key-file")
    word, alias = call.str("ssh-signing-password"), call.str("ssh-signing-passphrase")
    if word and alias and word != alias:
        raise UsageError("--ssh-signing-password and --ssh-signing-passphrase are aliases; do not pass both")
    if (word or alias) and not signing_file:
        raise UsageError("--ssh-signing-password requires --ssh-signing-key-file")
    from pyflux.git import signing
    from pyflux.git.errors import KeyUnusable

    try:
        if ring:
            data = read_file(ring, "GPG key ring")
            return signing.gpg_signer(data, call.str("gpg-passphrase"), call.str("gpg-key-id"))
        if signing_file:
            return signing.ssh_signer(read_file(signing_file, "SSH signing key file"), word or alias)
        if reuse:
            return signing.ssh_signer(private_key, passphrase)
    except KeyUnusable as why:
        kind = "GPG" if ring else "SSH"
        raise PyfluxError(f"invalid {kind} signing key: {why.message}", hint=why.hint) from None
    return None
