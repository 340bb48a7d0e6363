"""What can go wrong with a remote repository, one class a cause, so that callers can tell them apart."""

from __future__ import annotations

from pyflux.errors import PyfluxError


class GitError(PyfluxError):
    """Any failure of a Git operation. `transient` is True where trying again may help."""

    transient = False


class GitUnreachable(GitError):
    """No answer: name, connection, time-out, or a server that fails for the moment."""

    transient = True


class CertificateRefused(GitError):
    """The server's TLS certificate is not trusted."""


class LoginRefused(GitError):
    """User name, password, token or key were not accepted, or may not do this."""


class HostKeyRefused(GitError):
    """The SSH server's host key is unknown, or is not the one that is known."""


class RepositoryMissing(GitError):
    """There is no repository at the address."""


class RefMissing(GitError):
    """The repository has no such branch, tag, commit or name."""


class NotFastForward(GitError):
    """The branch moved on the server since it was fetched."""


class PushRefused(GitError):
    """The server took the objects but not the new branch head: a protected branch or a hook."""


class TooLarge(GitError):
    """More data than the limits allow."""


class KeyUnusable(GitError):
    """A private key cannot be read: wrong passphrase, unknown format."""
