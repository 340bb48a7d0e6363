"""Signs artifacts as cosign does, with keys of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import time
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pyflux.oci.client import MANIFEST, PUSH, Manifest, Repository
from pyflux.oci.cosign import BUNDLE, SIGNATURE, SIMPLE_SIGNING
from pyflux.oci.credentials import Credentials
from pyflux.oci.reference import Reference, parse_repository
from pyflux.oci.transport import Transport

if TYPE_CHECKING:
    Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

INDEX = "application/vnd.oci.image.index.v1+json"
BUNDLE_TYPE = f"{BUNDLE}.v0.3+json"


def new_key(kind: str) -> Private:
    """A private key: ecdsa, p384, ed25519 or rsa."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


def public(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def made(key: Private, data: bytes) -> bytes:
    """The signature of `data`."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), SHA256())
    return key.sign(data)


def repository(address: str, name: str) -> Repository:
    """A repository to push to; its transport stays open as long as the test."""
    transport = Transport(
        environ=os.environ, insecure=False, deadline=time.monotonic() + 60, monotonic=time.monotonic, sleep=time.sleep
    )
    return Repository(parse_repository(f"{address}/{name}"), transport, Credentials(), actions=PUSH, plain=True)


def blob(target: Repository, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    target.put_blob(digest, len(data), io.BytesIO(data))
    return {"mediaType": media_type, "digest": digest, "size": len(data), **more}


def put(target: Repository, reference: Reference, layers: list[dict[str, Any]], **more: Any) -> Manifest:
    """Stores a manifest under a tag; under its digest where there is none."""
    config = blob(target, b"{}", "application/vnd.oci.empty.v1+json")
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
    manifest = Manifest(json.dumps(body).encode(), MANIFEST)
    target.put_manifest(reference if reference.tag else reference.with_digest(manifest.digest), manifest)
    return manifest


def payload(digest: str) -> bytes:
    image = {"docker-manifest-digest": digest}
    critical = {"identity": {"docker-reference": ""}, "image": image, "type": "cosign container image signature"}
    return json.dumps({"critical": critical, "optional": None}).encode()


def sign(target: Repository, artifact: Reference, *keys: Private, about: str = "") -> None:
    """Puts signatures of the artifact beside it; `about` is the digest they name where that is another."""
    text = payload(about or artifact.digest)
    layers = [
        blob(target, text, SIMPLE_SIGNING, annotations={SIGNATURE: base64.b64encode(made(key, text)).decode()})
        for key in keys
    ]
    put(target, artifact.with_tag(artifact.digest.replace(":", "-") + ".sig"), layers)


def sign_bundle(target: Repository, artifact: Reference, key: Private, about: str = "") -> None:
    """A bundle that refers to the artifact, listed at the tag for registries without referrers."""
    encoded = (about or artifact.digest).partition(":")[2]
    statement = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "", "digest": {"sha256": encoded}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
        }
    ).encode()
    kind = "application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(statement), statement)
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": "tests"}},
        "dsseEnvelope": {
            "payload": base64.b64encode(statement).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(made(key, signed)).decode()}],
        },
    }
    layer = blob(target, json.dumps(bundle).encode(), BUNDLE_TYPE)
    subject = {"mediaType": MANIFEST, "digest": artifact.digest, "size": 1}
    body = {"artifactType": BUNDLE_TYPE, "subject": subject}
    bare = Reference(artifact.registry, artifact.repository, "")
    manifest = put(target, bare, [layer], **body)
    row = {"mediaType": MANIFEST, "digest": manifest.digest, "size": len(manifest.raw), "artifactType": BUNDLE_TYPE}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}
    target.put_manifest(
        artifact.with_tag(artifact.digest.replace(":", "-")), Manifest(json.dumps(index).encode(), INDEX)
    )
