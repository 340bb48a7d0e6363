"""Signing commits: with an SSH key (OpenSSH's SSHSIG format) or a key of an OpenPGP key ring.

A signer gets a commit's bytes and returns the armored signature that goes into the commit.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import TYPE_CHECKING, Any

from pyflux.git.errors import KeyUnusable

if TYPE_CHECKING:
    from collections.abc import Callable

    Signer = Callable[[bytes], bytes]

_MAGIC = b"SSHSIG"
_NAMESPACE = b"git"
_HASH = b"sha512"
_RSA_ALGORITHM = "rsa-sha2-512"


def ssh_signer(pem: bytes, passphrase: str = "") -> Signer:
    """Signs with an SSH private key. Raises KeyUnusable."""
    from pyflux.git.ssh import load_private_key

    key = load_private_key(pem, passphrase)
    kind = key.get_algorithm()
    if kind == "ssh-dss":
        raise KeyUnusable("DSA keys do not sign commits: use Ed25519, ECDSA or RSA")
    algorithm = _RSA_ALGORITHM if kind == "ssh-rsa" else kind

    def sign(data: bytes) -> bytes:
        digest = hashlib.sha512(data).digest()
        parts = _string(_NAMESPACE) + _string(b"") + _string(_HASH)
        signature: bytes = key.sign(_MAGIC + parts + _string(digest), algorithm.encode())
        public: bytes = key.public_data
        blob = _MAGIC + struct.pack(">I", 1) + _string(public) + parts + _string(signature)
        return _armor(blob)

    return sign


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _armor(blob: bytes) -> bytes:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


def gpg_signer(ring: bytes, passphrase: str = "", key_id: str = "") -> Signer:
    """Signs with a secret key of an OpenPGP key ring, armored or binary.

    `key_id` is the 16 hexadecimal digits of a primary key, with or without 0x; without it the ring's first
    key signs. Raises KeyUnusable.
    """
    import pysequoia

    secret = _secret_key(_read_ring(ring), key_id)

    def usable(word: str | None) -> Any:
        signer = secret.signer(word)
        pysequoia.sign(signer, b"", mode=pysequoia.SignatureMode.DETACHED)
        return signer

    try:
        try:
            signer = usable(passphrase or None)
        except Exception:
            if not passphrase:
                raise
            # a passphrase for a key that has none does no harm
            signer = usable(None)
    except Exception as why:
        # the library has one error class for everything
        raise KeyUnusable(f"unable to decrypt GPG private key: {_line(why)}") from None

    def sign(data: bytes) -> bytes:
        return bytes(pysequoia.sign(signer, data, mode=pysequoia.SignatureMode.DETACHED))

    return sign


def _line(why: Exception) -> str:
    return str(why).splitlines()[0] if str(why) else type(why).__name__


def _read_ring(ring: bytes) -> list[Any]:
    try:
        from pysequoia import Cert
    except ImportError:
        raise KeyUnusable(
            "signing with a GPG key needs the package pysequoia", hint="pip install 'pyflux[gpg]'"
        ) from None
    try:
        found = list(Cert.split_bytes(ring))
    except Exception as why:
        raise KeyUnusable(f"unable to read GPG key ring: {_line(why)}") from None
    if not found:
        raise KeyUnusable("empty GPG key ring")
    return found


def _secret_key(ring: list[Any], key_id: str) -> Any:
    chosen = ring[0]
    if key_id:
        wanted = key_id.removeprefix("0x").lower()
        if len(wanted) != 16:
            raise KeyUnusable(f"invalid GPG key id length; expected 16, got {len(wanted)}")
        matching = [cert for cert in ring if cert.fingerprint.lower().endswith(wanted)]
        if not matching:
            raise KeyUnusable(f"no GPG keyring matching key id '{wanted.upper()}' found")
        chosen = matching[0]
    if chosen.secrets is None:
        which = f" for key id '{key_id}'" if key_id else ""
        raise KeyUnusable(
            f"keyring does not contain a private key{which}",
            hint="export the secret key with gpg --export-secret-keys, or name another with --gpg-key-id",
        )
    return chosen.secrets
