"""SSH key pairs for deploy keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyflux.errors import UsageError

ALGORITHMS = ("rsa", "ecdsa", "ed25519")


@dataclass(frozen=True)
class KeyPair:
    """`private_pem` is PKCS #8 PEM; `public_openssh` an authorized_keys line with its line break, no comment."""

    private_pem: str = field(repr=False)
    public_openssh: str


def generate_key(algorithm: str, *, bits: int = 2048, curve: str = "p384") -> KeyPair:
    """A new key pair. `bits` is for rsa, `curve` (p256, p384, p521) for ecdsa. Raises UsageError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if algorithm == "rsa":
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    elif algorithm == "ecdsa":
        curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
        private = ec.generate_private_key(curves[curve])
    elif algorithm == "ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        raise UsageError(f"unsupported public key algorithm: {algorithm}")
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(pem.decode(), public.decode() + "\n")


def load_key(pem: str, password: str = "") -> KeyPair:
    """The key pair of a private key in PEM or OpenSSH form, which stays as it is written. Raises KeyUnusable."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    from pyflux.git.errors import KeyUnusable

    data, phrase = pem.encode(), password.encode() or None
    openssh = b"-----BEGIN OPENSSH PRIVATE KEY-----" in data
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    if b"-----BEGIN " not in data:
        raise KeyUnusable("ssh: no key found")
    try:
        public = load(data, phrase).public_key()
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    except TypeError:
        # raised for a password too many and for one too few
        if phrase is None:
            raise KeyUnusable("ssh: this private key is passphrase protected") from None
        what = "ssh: key is not password protected" if openssh else "ssh: not an encrypted key"
        raise KeyUnusable(what) from None
    except (ValueError, UnsupportedAlgorithm) as why:
        if phrase is not None:
            raise KeyUnusable("x509: decryption password incorrect") from None
        if openssh and "encrypted" in str(why):
            raise KeyUnusable("ssh: this private key is passphrase protected") from None
        raise KeyUnusable(f"the private key cannot be read: {why}") from None
    return KeyPair(pem, line.decode() + "\n")
