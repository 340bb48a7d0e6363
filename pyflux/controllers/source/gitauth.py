"""Credentials of a GitRepository: its Secret and proxy Secret, read the way source-controller reads them."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from pyflux.catalog.resources import Resource
from pyflux.errors import KubeError, PyfluxError
from pyflux.git.auth import Auth

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

SECRETS = Resource("", "v1", "secrets", "Secret", True)


class AuthFailed(PyfluxError):
    """The credentials cannot be used; the message is source-controller's."""


def read_secret(client: Client, name: str, namespace: str) -> dict[str, bytes]:
    """The decoded data of a Secret. Raises KubeError."""
    secret = client.get(SECRETS, name, namespace)
    data: dict[str, bytes] = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            data[key] = base64.b64decode(value or "", validate=False)
        except binascii.Error:
            continue
    return data


def git_auth(client: Client, obj: Obj) -> Auth:
    """What `spec.secretRef` and `spec.proxySecretRef` say about logging in. Raises AuthFailed."""
    spec, namespace = obj["spec"], obj["metadata"]["namespace"]
    provider = spec.get("provider") or "generic"
    if provider != "generic":
        raise AuthFailed(f"the git provider '{provider}' is not supported by pyflux's controllers")
    proxy = proxy_of(client, spec, namespace)
    url = urlsplit(spec["url"])
    data: dict[str, bytes] = {}
    if spec.get("secretRef"):
        name = spec["secretRef"]["name"]
        try:
            data = read_secret(client, name, namespace)
        except KubeError as error:
            raise AuthFailed(
                f"failed to get secret '{namespace}/{name}': failed to get secret '{namespace}/{name}': {error}"
            ) from None
        if data.get("githubAppID"):
            raise AuthFailed(f"secretRef '{namespace}/{name}' has github app data but provider is not set to github")
    if url.scheme == "ssh":
        return _ssh(data, url.username or "", proxy)
    return _http(data, url.username or "", proxy)


def _text(data: dict[str, bytes], key: str) -> str:
    return data.get(key, b"").decode("utf-8", "replace").strip("\n")


def _ssh(data: dict[str, bytes], user: str, proxy: str) -> Auth:
    if not data.get("identity"):
        raise AuthFailed(
            "failed to configure authentication options: invalid 'ssh' auth option: 'identity' is required"
        )
    if not data.get("known_hosts"):
        raise AuthFailed(
            "failed to configure authentication options: invalid 'ssh' auth option: 'known_hosts' is required"
        )
    return Auth(
        username=_text(data, "username") or user or "git",
        private_key=data["identity"],
        passphrase=_text(data, "password"),
        known_hosts=data["known_hosts"],
        proxy=proxy,
        ssh_user_files=False,
    )


def _http(data: dict[str, bytes], user: str, proxy: str) -> Auth:
    username, password = _text(data, "username"), _text(data, "password")
    token = _text(data, "bearerToken")
    if token and (username or password):
        raise AuthFailed(
            "failed to configure authentication options: "
            "invalid 'http' auth option: 'bearerToken' cannot be used with basic auth"
        )
    if password and not username:
        raise AuthFailed(
            "failed to configure authentication options: "
            "invalid 'http' auth option: 'password' requires 'username' to be set"
        )
    return Auth(
        username=username or user,
        password=password,
        bearer_token=token,
        ca=data.get("ca.crt") or data.get("caFile") or b"",
        client_certificate=data.get("tls.crt", b""),
        client_key=data.get("tls.key", b""),
        proxy=proxy,
        ssh_user_files=False,
    )


def proxy_of(client: Client, spec: Obj, namespace: str) -> str:
    """The URL in `spec.proxySecretRef`, empty without one. Raises AuthFailed."""
    if not spec.get("proxySecretRef"):
        return ""
    name = spec["proxySecretRef"]["name"]
    try:
        data = read_secret(client, name, namespace)
    except KubeError as error:
        raise AuthFailed(f"failed to configure proxy options: {error}") from None
    address = _text(data, "address")
    if not address:
        raise AuthFailed(
            f"failed to configure proxy options: invalid proxy secret '{namespace}/{name}': key 'address' is missing"
        )
    username = _text(data, "username")
    if not username:
        return address
    url = urlsplit(address)
    login = f"{quote(username, safe='')}:{quote(_text(data, 'password'), safe='')}"
    return urlunsplit(url._replace(netloc=f"{login}@{url.netloc.rpartition('@')[2]}"))
