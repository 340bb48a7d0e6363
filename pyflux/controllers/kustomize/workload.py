"""`spec.kubeConfig.configMapRef`: another cluster, entered with a token of a service account of this one."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyflux.catalog.resources import Resource
from pyflux.errors import KubeError, PyfluxError
from pyflux.kube.config import Target
from pyflux.kube.request import quote

if TYPE_CHECKING:
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True)
_CLOUDS = ("aws", "azure", "gcp")
_OWN_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path


class IdentityFailed(PyfluxError):
    """The other cluster cannot be named, or there is no token for it."""


def target_of(client: Client, name: str, namespace: str) -> Target:
    """The cluster and identity that a ConfigMap describes. Raises IdentityFailed.

    Its data: provider (generic), address, and, each optional, ca.crt, serviceAccountName, audiences (one a line).
    """
    try:
        data = client.get(CONFIG_MAPS, name, namespace).get("data") or {}
    except KubeError as why:
        raise IdentityFailed(f"failed to get configmap {namespace}/{name}: {why}") from None
    provider = str(data.get("provider") or "")
    if provider in _CLOUDS:
        raise IdentityFailed(
            f"the provider '{provider}' of configmap {namespace}/{name} is not supported by pyflux's controllers: "
            "they log in at clusters with the provider 'generic'"
        )
    if provider != "generic":
        raise IdentityFailed(f"provider '{provider}' not implemented")
    address = str(data.get("address") or "")
    audiences = [line.strip() for line in str(data.get("audiences") or "").splitlines() if line.strip()]
    account = str(data.get("serviceAccountName") or "")
    target = Target(server_of(address))
    target.ca = str(data.get("ca.crt") or "").encode()
    if account:
        target.token = _token(client, account, namespace, audiences or [address], "service account")
    else:
        own_namespace, own = _own_account()
        target.token = _token(client, own, own_namespace, audiences or [address], "controller service account")
    return target


def server_of(address: str) -> str:
    """An API server's URL with its port. Raises IdentityFailed."""
    if not address:
        raise IdentityFailed("cluster address is required to create a REST config")
    url = address if address.startswith("http") else f"https://{address}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as why:
        text = f"failed to parse Kubernetes API server address '{url}': {why}"
        raise IdentityFailed(f"failed to parse cluster address {address}: {text}") from None
    if parts.scheme != "https":
        text = f"the Kubernetes API server address '{url}' must use https scheme"
        raise IdentityFailed(f"failed to parse cluster address {address}: {text}")
    host = parts.netloc.lower()
    return f"https://{host}" if port else f"https://{host}:443"


def _token(client: Client, account: str, namespace: str, audiences: list[str], what: str) -> str:
    """A token of a service account for the audiences. Raises IdentityFailed."""
    try:
        client.get(SERVICE_ACCOUNTS, account, namespace)
    except KubeError as why:
        raise IdentityFailed(f"failed to get service account '{namespace}/{account}': {why}") from None
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": audiences},
    }
    path = f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(account)}/token"
    prefix = "failed to get access token for cluster: failed to create kubernetes token for"
    try:
        answer = json.loads(client.raw("POST", path, body=json.dumps(wanted).encode()).body)
        return str(answer["status"]["token"])
    except KubeError as why:
        raise IdentityFailed(f"{prefix} {what} '{namespace}/{account}': {why}") from None
    except (ValueError, KeyError, TypeError):
        raise IdentityFailed(f"{prefix} {what} '{namespace}/{account}': the answer holds no token") from None


def _own_account() -> tuple[str, str]:
    """Namespace and name of the service account that this process runs as. Raises IdentityFailed."""
    start = "failed to get access token for cluster: failed to create provider access token for the controller: "
    try:
        with open(_OWN_TOKEN, encoding="utf-8") as file:
            claims = file.read().split(".")[1]
        subject = str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])
    except OSError as why:
        text = f"failed to read service account token file {_OWN_TOKEN}: {(why.strerror or str(why)).lower()}"
        raise IdentityFailed(f"{start}{text}; name an account with serviceAccountName") from None
    except (ValueError, IndexError, KeyError, TypeError, binascii.Error):
        raise IdentityFailed(f"{start}failed to parse service account token") from None
    parts = subject.split(":")
    if len(parts) != 4:
        raise IdentityFailed(f"{start}invalid subject format in service account token: {subject}")
    return parts[2], parts[3]
