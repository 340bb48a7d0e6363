"""Checks TLS certificates and keys the way Go's crypto/tls does, with its messages."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from typing import Any

_BLOCK = re.compile(
    rb"(?:^|(?<=\n))-----BEGIN (?P<type>[^\n]*?)-----[ \t\r]*\n(?P<body>(?:(?!-----BEGIN ).)*?)"
    rb"-----END (?P=type)-----[ \t\r]*(?=\n|\Z)",
    re.DOTALL,
)
_HEADERS = re.compile(rb"\A(?:[^:\n]+:[^\n]*\n)+\s*")


def pem_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """(type, content) of each readable PEM block."""
    found = []
    for match in _BLOCK.finditer(data):
        body = re.sub(rb"\s", b"", _HEADERS.sub(b"", match["body"]))
        try:
            found.append((match["type"].decode("latin-1"), base64.b64decode(body, validate=True)))
        except binascii.Error:
            continue
    return found


def check_pair(certificate: bytes, key: bytes) -> None:
    """Raises PyfluxError where the certificate or its key cannot be read, or they are not one another's."""
    try:
        _check_pair(certificate, key)
    except ValueError as why:
        raise PyfluxError(f"invalid TLS certificate and key pair: {why}") from None


def _check_pair(certificate: bytes, key: bytes) -> None:
    certificates = _certificate_blocks(certificate)
    private = _key_block(key)
    public = _public_key(certificates[0])
    _compare(public, private)


def _certificate_blocks(data: bytes) -> list[bytes]:
    blocks = pem_blocks(data)
    found = [content for kind, content in blocks if kind == "CERTIFICATE"]
    if found:
        return found
    kinds = [kind for kind, _ in blocks]
    if not kinds:
        raise ValueError("tls: failed to find any PEM data in certificate input")
    if len(kinds) == 1 and kinds[0].endswith("PRIVATE KEY"):
        raise ValueError(
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
            "PEM inputs may have been switched"
        )
    raise ValueError(
        'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
        f"following types: [{' '.join(kinds)}]"
    )


def _key_block(data: bytes) -> bytes:
    skipped = []
    for kind, content in pem_blocks(data):
        if kind == "PRIVATE KEY" or kind.endswith(" PRIVATE KEY"):
            return content
        skipped.append(kind)
    if not skipped:
        raise ValueError("tls: failed to find any PEM data in key input")
    if skipped == ["CERTIFICATE"]:
        raise ValueError("tls: found a certificate rather than a key in the PEM for the private key")
    raise ValueError(
        'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of '
        f"the following types: [{' '.join(skipped)}]"
    )


def _public_key(der: bytes) -> Any:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der).public_key()
    except Exception:
        # whatever the library makes of it, the certificate is no use
        raise ValueError("x509: malformed certificate") from None


def _compare(public: Any, der: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        private = load_der_private_key(der, None)
    except Exception:
        raise ValueError("tls: failed to parse private key") from None
    if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise ValueError("tls: unknown public key algorithm")
    if type(private.public_key()) is not type(public):
        raise ValueError("tls: private key type does not match public key type")
    if private.public_key() != public:
        raise ValueError("tls: private key does not match public key")
