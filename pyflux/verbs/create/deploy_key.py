"""SSH keys for Git repositories: made or read, together with the host's key."""

from __future__ import annotations

from pyflux.errors import PyfluxError
from pyflux.verbs.create.common import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.env import Call
    from pyflux.git.keys import KeyPair

_HOST_KEYS = (
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "ssh-ed25519",
)
"""Host keys in the order that flux prefers them."""


def key_pair(call: Call) -> KeyPair:
    """The key pair of `--private-key-file`, or a new one. Raises PyfluxError."""
    from pyflux.git.keys import generate_key, load_key

    path = call.str("private-key-file")
    if path:
        return load_key(read_text(path, "failed to open private key file"), call.str("password"))
    return generate_key(
        call.str("ssh-key-algorithm"), bits=int(call.values["ssh-rsa-bits"]), curve=call.str("ssh-ecdsa-curve")
    )


def known_hosts(host: str) -> str:
    """The known_hosts line of the key that the host prefers; `host` may end with a port. Raises PyfluxError."""
    from pyflux.git.ssh import scan_host_keys

    name, port = split_port(host)
    return scan_host_keys(name, port, algorithms=_HOST_KEYS)[0].strip()


def split_port(host: str) -> tuple[str, int]:
    """Host and port; 22 where none is given."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]") or (":" in name.strip("[]") and not name.startswith("[")):
        name, port = host, "22"
    try:
        number = int(port or "22")
    except ValueError:
        raise PyfluxError(f"SSH key scan for host {host} failed, error: the port is not a number") from None
    return name.strip("[]"), number
