"""Credentials of a HelmRepository: its Secrets, read the way source-controller reads them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyflux.catalog.resources import Resource
from pyflux.controllers.core import seconds
from pyflux.controllers.source.gitauth import AuthFailed, proxy_of, read_secret
from pyflux.controllers.source.httpget import Login
from pyflux.controllers.source.outcome import FETCH_FAILED, SourceFailed
from pyflux.errors import KubeError

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True)


def _failed(text: str) -> SourceFailed:
    return SourceFailed(FETCH_FAILED, "AuthenticationFailed", text)


def _secret(client: Client, obj: Obj, field: str) -> dict[str, bytes]:
    reference = obj["spec"].get(field)
    if not reference:
        return {}
    namespace, name = obj["metadata"]["namespace"], reference["name"]
    try:
        return read_secret(client, name, namespace)
    except KubeError as why:
        raise _failed(f"failed to get secret '{namespace}/{name}': {why}") from None


def _proxy(client: Client, obj: Obj) -> str:
    try:
        return proxy_of(client, obj["spec"], obj["metadata"]["namespace"])
    except AuthFailed as why:
        raise _failed(why.message.replace("failed to configure proxy options", "failed to get proxy address")) from None


def _docker_login(text: bytes, host: str) -> tuple[str, str]:
    """User and password for a registry in a Secret made for images; empty where it names another."""
    try:
        found = json.loads(text).get("auths") or {}
        for name, entry in found.items():
            if (urlsplit(name).netloc or name.split("/")[0]) != host:
                continue
            if entry.get("auth"):
                both = base64.b64decode(entry["auth"], validate=True).decode()
                return both.partition(":")[0], both.partition(":")[2]
            return str(entry.get("username") or ""), str(entry.get("password") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _failed("the Secret's .dockerconfigjson does not hold logins for registries") from None
    return "", ""


def _pull_secrets_login(client: Client, obj: Obj) -> tuple[str, str]:
    """User and password of the service account's image pull secrets; empty where none is for the registry."""
    namespace, account = obj["metadata"]["namespace"], obj["spec"]["serviceAccountName"]
    name = account
    try:
        found = client.get(SERVICE_ACCOUNTS, account, namespace)
        for reference in found.get("imagePullSecrets") or []:
            name = reference["name"]
            data = read_secret(client, name, namespace)
            login = _docker_login(data.get(".dockerconfigjson", b"{}"), urlsplit(obj["spec"]["url"]).netloc)
            if login[0]:
                return login
    except KubeError as why:
        kind = "service account" if name == account else "secret"
        raise _failed(f"failed to get credential: failed to get {kind} '{namespace}/{name}': {why}") from None
    return "", ""


def repository_login(client: Client, obj: Obj) -> Login:
    """What `secretRef`, `certSecretRef` and `passCredentials` say. Raises SourceFailed."""
    spec = obj["spec"]
    provider = spec.get("provider") or "generic"
    # a HelmRepository has a provider for registries only, and a Secret goes before it
    if (
        provider != "generic"
        and spec["url"].startswith("oci://")
        and not (spec.get("secretRef") or spec.get("serviceAccountName"))
    ):
        raise _failed(
            f"failed to get credential from '{provider}': pyflux's controllers do not log in at cloud providers"
        )
    data = _secret(client, obj, "secretRef")
    tls = _secret(client, obj, "certSecretRef") or data
    username, password = (data.get(key, b"").decode("utf-8", "replace") for key in ("username", "password"))
    if ".dockerconfigjson" in data:
        username, password = _docker_login(data[".dockerconfigjson"], urlsplit(spec["url"]).netloc)
    if not username and spec.get("serviceAccountName"):
        username, password = _pull_secrets_login(client, obj)
    if bool(username) != bool(password):
        name = f"{obj['metadata']['namespace']}/{spec['secretRef']['name']}"
        raise _failed(f"invalid '{name}' secret data: required fields 'username' and 'password'")
    certificate, key = tls.get("tls.crt") or tls.get("certFile"), tls.get("tls.key") or tls.get("keyFile")
    if bool(certificate) != bool(key):
        raise _failed("invalid TLS data: both the certificate and its key are needed")
    return Login(
        username=username,
        password=password,
        everywhere=bool(spec.get("passCredentials")),
        ca=tls.get("ca.crt") or tls.get("caFile") or b"",
        certificate=certificate or b"",
        key=key or b"",
        proxy=_proxy(client, obj),
        timeout=seconds(spec.get("timeout"), 60.0),
    )
