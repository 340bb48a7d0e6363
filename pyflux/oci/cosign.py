"""Signatures that cosign made with a key pair: beside the artifact, or in bundles as since its version 3.

Formats: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, the Sigstore bundle, and DSSE.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from typing import TYPE_CHECKING, Any

from pyflux.oci.errors import OciError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyflux.oci.client import Repository
    from pyflux.oci.reference import Reference

    Obj = dict[str, Any]

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
BUNDLE = "application/vnd.dev.sigstore.bundle"
_LIMIT = 4 << 20
"""Bytes that a signed text or a bundle may have."""


class Key:
    """A public key: ECDSA, RSA or Ed25519, in PEM. Raises OciError for what is none of these."""

    def __init__(self, pem: bytes) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise OciError("PEM decoding failed: the file holds no public key") from None
        if not isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey):
            raise OciError("unsupported public key type: only ECDSA, RSA and Ed25519 keys verify signatures")
        self._key = key

    def made(self, signature: bytes, data: bytes) -> bool:
        """True when the key's other half signed `data`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                self._key.verify(signature, data, ec.ECDSA(SHA256()))
            elif isinstance(self._key, RSAPublicKey):
                self._key.verify(signature, data, padding.PKCS1v15(), SHA256())
            else:
                self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def is_signed(repository: Repository, artifact: Reference, keys: Sequence[Key]) -> bool:
    """Whether one of the keys signed the artifact, which is named by digest. Raises OciError.

    Where there are bundles, they alone count, as with cosign.
    """
    bundles = list(_bundles(repository, artifact))
    if bundles:
        return any(_bundle_counts(bundle, artifact.digest, keys) for bundle in bundles)
    return any(
        _names(payload, artifact.digest) and any(key.made(signature, payload) for key in keys)
        for payload, signature in _signatures(repository, artifact)
    )


def _read(repository: Repository, layer: Obj) -> bytes:
    size = layer.get("size")
    if not isinstance(size, int) or not 0 <= size <= _LIMIT:
        raise OciError(f"a signature has {size} bytes, more than the {_LIMIT} that are read")
    out = io.BytesIO()
    repository.blob(str(layer.get("digest")), size, out)
    return out.getvalue()


def _layers(content: Obj) -> list[Obj]:
    return [layer for layer in content.get("layers") or [] if isinstance(layer, dict)]


def _decoded(text: object) -> bytes:
    """Base64 as bytes; empty for what is none."""
    try:
        return base64.b64decode(str(text or ""), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _loaded(text: bytes) -> Obj:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# -- signatures beside the artifact, at a tag that its digest gives


def _signatures(repository: Repository, artifact: Reference) -> Iterator[tuple[bytes, bytes]]:
    """Signed texts and their signatures."""
    tag = artifact.digest.replace(":", "-", 1) + ".sig"
    try:
        content = repository.manifest(artifact.with_tag(tag)).content()
    except RegistryError as why:
        if why.status == 404:
            return
        raise
    for layer in _layers(content):
        notes = layer.get("annotations")
        signature = _decoded(notes.get(SIGNATURE)) if isinstance(notes, dict) else b""
        if signature and layer.get("mediaType") == SIMPLE_SIGNING:
            yield _read(repository, layer), signature


def _names(payload: bytes, digest: str) -> bool:
    """Whether a signed text is about the artifact."""
    found: Any = _loaded(payload)
    for field in ("critical", "image", "docker-manifest-digest"):
        found = found.get(field) if isinstance(found, dict) else None
    return bool(found == digest)


# -- bundles, which refer to the artifact


def _bundles(repository: Repository, artifact: Reference) -> Iterator[Obj]:
    for row in repository.referrers(artifact):
        if not str(row.get("artifactType") or "").startswith(BUNDLE):
            continue
        content = repository.manifest(artifact.with_digest(str(row.get("digest")))).content()
        for layer in _layers(content)[:1]:
            yield _loaded(_read(repository, layer))


def _bundle_counts(bundle: Obj, digest: str, keys: Sequence[Key]) -> bool:
    envelope = bundle.get("dsseEnvelope")
    if not isinstance(envelope, dict):
        return False
    payload, kind = _decoded(envelope.get("payload")), str(envelope.get("payloadType") or "").encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    signatures = [_decoded(one.get("sig")) for one in envelope.get("signatures") or [] if isinstance(one, dict)]
    if not any(key.made(signature, signed) for key in keys for signature in signatures):
        return False
    algorithm, _, encoded = digest.partition(":")
    for subject in _loaded(payload).get("subject") or []:
        digests = subject.get("digest") if isinstance(subject, dict) else None
        if isinstance(digests, dict) and digests.get(algorithm) == encoded:
            return True
    return False
