"""The secrets that Flux uses, as manifests. Pure: content in, manifest out."""

from __future__ import annotations

import base64
import json

from pyflux.errors import PyfluxError
from pyflux.verbs.create.common import filled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.git.keys import KeyPair

    Obj = dict[str, Any]

OPAQUE = "Opaque"
BASIC_AUTH = "kubernetes.io/basic-auth"
TLS = "kubernetes.io/tls"
DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"
WEBHOOK_ANNOTATION = "notification.toolkit.fluxcd.io/webhook"


def secret(meta: Obj, content: dict[str, str], kind: str = "") -> Obj:
    """A secret; without a type where `kind` is empty."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, **filled(stringData=content, type=kind)}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def git(
    meta: Obj,
    *,
    username: str = "",
    password: str = "",
    bearer_token: str = "",
    ca_crt: bytes = b"",
    key: KeyPair | None = None,
    known_hosts: str = "",
) -> Obj:
    """A login for a Git repository: user name and password, token, or key pair with the host's key."""
    content: dict[str, str] = {}
    if username and password:
        content |= {"username": username, "password": password}
    if bearer_token:
        content["bearerToken"] = bearer_token
    if ca_crt:
        content["ca.crt"] = _text(ca_crt)
    if key is not None and known_hosts:
        content |= {"identity": key.private_pem, "identity.pub": key.public_openssh, "known_hosts": known_hosts}
        if password:
            content["password"] = password
    return secret(meta, content)


def tls(meta: Obj, *, certificate: bytes, key: bytes, ca_crt: bytes) -> Obj:
    """TLS certificates: a client's with its key, an authority's, or both. Raises PyfluxError."""
    from pyflux.verbs.create.pem import check_pair

    if certificate and not key:
        raise PyfluxError("found certificate but missing private key")
    if key and not certificate:
        raise PyfluxError("found private key but missing certificate")
    if not certificate and not ca_crt:
        raise PyfluxError("no CA certificate or client certificate pair found")
    content: dict[str, str] = {}
    if certificate:
        check_pair(certificate, key)
        content |= {"tls.crt": _text(certificate), "tls.key": _text(key)}
    if ca_crt:
        content["ca.crt"] = _text(ca_crt)
    return secret(meta, content, TLS if certificate else OPAQUE)


def basic_auth(meta: Obj, *, username: str, password: str, ca_crt: bytes) -> Obj:
    """A user name and password. Raises PyfluxError where one is missing."""
    for name, value in (("username", username), ("password", password)):
        if not value:
            raise PyfluxError(f"{name} is required")
    content = {"username": username, "password": password}
    if ca_crt:
        content["ca.crt"] = _text(ca_crt)
    return secret(meta, content, BASIC_AUTH)


def helm(meta: Obj, *, username: str, password: str, certificate: bytes, key: bytes, ca_crt: bytes) -> Obj:
    """A login for a Helm repository: a client certificate comes before a password. Raises PyfluxError."""
    if certificate or key:
        return tls(meta, certificate=certificate, key=key, ca_crt=ca_crt)
    if username or password:
        return basic_auth(meta, username=username, password=password, ca_crt=ca_crt)
    if ca_crt:
        return tls(meta, certificate=b"", key=b"", ca_crt=ca_crt)
    return secret(meta, {})


def docker_config(meta: Obj, *, registry: str, username: str, password: str) -> Obj:
    """A login for an image registry, as Docker's config.json."""
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    auths = {registry: {"username": username, "password": password, "auth": login}}
    text = json.dumps({"auths": auths}, indent=2, ensure_ascii=False)
    # Go escapes these in JSON text
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return secret(meta, {".dockerconfigjson": text}, DOCKER_CONFIG)


def proxy(meta: Obj, *, address: str, username: str, password: str) -> Obj:
    """The address of a proxy, with a login where one is needed."""
    return secret(meta, {"address": address, **filled(username=username, password=password)}, OPAQUE)


def notation(meta: Obj, certificates: dict[str, bytes], policy: bytes) -> Obj:
    """Certificates of authorities by file name, and a trust policy."""
    content = {name: _text(data) for name, data in certificates.items()}
    if policy:
        content["trustpolicy.json"] = _text(policy)
    return secret(meta, content)


def github_app(meta: Obj, *, app: str, key: str, owner: str, installation: str, base_url: str) -> Obj:
    """A GitHub App and one of its installations, by owner or by number. Raises PyfluxError."""
    if not app:
        raise PyfluxError("githubAppID is required")
    if not key:
        raise PyfluxError("githubAppPrivateKey is required")
    if bool(owner) == bool(installation):
        raise PyfluxError("exactly one of githubAppInstallationOwner or githubAppInstallationID must be provided")
    return secret(
        meta,
        {
            "githubAppID": app,
            "githubAppPrivateKey": key,
            **filled(
                githubAppInstallationOwner=owner,
                githubAppInstallationID=installation,
                githubAppBaseURL=base_url,
            ),
        },
        OPAQUE,
    )


def webhook_path(token: str, name: str, namespace: str) -> str:
    """The path of a Receiver's webhook, which the notification controller computes from the same."""
    from hashlib import sha256

    return f"/hook/{sha256(f'{token}{name}{namespace}'.encode()).hexdigest()}"


def receiver(meta: Obj, *, kind: str, token: str, hostname: str, email: str, audience: str) -> Obj:
    """A Receiver's token, with the address of its webhook; for the type gcr also what Google's tokens must say."""
    address = f"https://{hostname}{webhook_path(token, meta['name'], meta.get('namespace', ''))}"
    content = {"token": token}
    if kind == "gcr":
        content |= {"email": email, "audience": audience or address}
    return secret({**meta, "annotations": {WEBHOOK_ANNOTATION: address}}, content)
