"""How to log in to a remote repository."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Auth:
    """Credentials and trust for one remote; every part may be absent.

    Nothing here is ever put into a URL, an argument list or a message; `repr` hides the secrets.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    """HTTP password; for SSH the login password, used when there is no key."""
    bearer_token: str = field(default="", repr=False)
    ca: bytes = b""
    """PEM certificates to trust beside the system's."""
    client_certificate: bytes = b""
    client_key: bytes = field(default=b"", repr=False)
    proxy: str = field(default="", repr=False)
    """Proxy URL; empty means what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say."""
    private_key: bytes = field(default=b"", repr=False)
    """SSH private key, PEM or OpenSSH. Without one the SSH agent and the user's own keys are tried."""
    passphrase: str = field(default="", repr=False)
    known_hosts: bytes | None = None
    """known_hosts lines to check the SSH server against; None means the user's own files."""
    host_key_algorithms: tuple[str, ...] = ()
    ssh_user_files: bool = True
    """Whether the user's ssh_config and agent may be used: a command line may, a controller must not."""

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear in a message."""
        return tuple(text for text in (self.password, self.bearer_token, self.passphrase) if text)


NO_AUTH = Auth()
