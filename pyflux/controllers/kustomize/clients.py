"""The cluster and identity that a Kustomization is applied with: `spec.kubeConfig`, `spec.serviceAccountName`."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.catalog.resources import Resource
from pyflux.controllers.kustomize.workload import IdentityFailed, target_of
from pyflux.controllers.source.gitauth import read_secret
from pyflux.env import Env, KubeOptions
from pyflux.errors import KubeError, PyfluxError
from pyflux.kube.client import Client
from pyflux.kube.config import load
from pyflux.kube.kubeconfig import parse_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.controllers.core import Options

    Obj = dict[str, Any]

_SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True)
_TIMEOUT = 60.0
_FORBIDDEN_USER = ("exec", "auth-provider", "tokenFile", "client-certificate", "client-key")
_FORBIDDEN_CLUSTER = ("certificate-authority",)


class ClientFailed(PyfluxError):
    """The other cluster or identity cannot be used."""


def _service_account(obj: Obj, options: Options) -> str:
    return str(obj["spec"].get("serviceAccountName") or options.default_service_account)


@contextmanager
def target_client(client: Client, obj: Obj, options: Options) -> Iterator[Client]:
    """The client to apply with: `client` itself, or another cluster, another identity, or both. Raises ClientFailed."""
    account = _service_account(obj, options)
    found, own = client, []
    try:
        if obj["spec"].get("kubeConfig"):
            found = _remote(client, obj)
            own.append(found)
        if account:
            found = found.impersonate(f"system:serviceaccount:{obj['metadata']['namespace']}:{account}")
            own.append(found)
        yield found
    finally:
        for one in own:
            one.close()


def can_impersonate(client: Client, obj: Obj, options: Options) -> bool:
    """False when the service account to act as is gone."""
    account = _service_account(obj, options)
    if not account:
        return True
    try:
        client.get(_SERVICE_ACCOUNTS, account, obj["metadata"]["namespace"])
    except KubeError:
        return False
    return True


def _remote(client: Client, obj: Obj) -> Client:
    reference, namespace = obj["spec"]["kubeConfig"], obj["metadata"]["namespace"]
    secret = reference.get("secretRef")
    if not secret:
        if reference.get("configMapRef"):
            try:
                return Client(target_of(client, reference["configMapRef"]["name"], namespace), timeout=_TIMEOUT)
            except IdentityFailed as error:
                raise ClientFailed(error.message) from None
        raise ClientFailed(
            "invalid .spec.kubeConfig, neither .spec.kubeConfig.provider nor .spec.kubeConfig.secretRef is set"
        )
    name = f"{namespace}/{secret['name']}"
    try:
        data = read_secret(client, secret["name"], namespace)
    except KubeError as error:
        raise ClientFailed(f"unable to read KubeConfig secret '{name}' error: {error}") from None
    key = secret.get("key")
    if key:
        text = data.get(key)
        missing = key
    else:
        text = data["value"] if "value" in data else data.get("value.yaml")
        missing = "value"
    if text is None:
        article = "key with a kubeconfig"
        raise ClientFailed(f"KubeConfig secret '{name}' does not contain a '{missing}' {article}")
    return _client_for(text, name)


def _client_for(text: bytes, name: str) -> Client:
    """A client for a kubeconfig from a Secret: it may run no program and read no file of this machine."""
    try:
        config = parse_kubeconfig(text.decode())
    except ValueError as error:
        raise ClientFailed(f"KubeConfig secret '{name}' does not hold a kubeconfig: {error}") from None
    if not isinstance(config, dict):
        raise ClientFailed(f"KubeConfig secret '{name}' does not hold a kubeconfig")
    for section, key, forbidden in (
        ("users", "user", _FORBIDDEN_USER),
        ("clusters", "cluster", _FORBIDDEN_CLUSTER),
    ):
        for entry in config.get(section) or []:
            for field in forbidden:
                if isinstance(entry, dict) and (entry.get(key) or {}).get(field):
                    raise ClientFailed(
                        f"KubeConfig secret '{name}' uses {field}; programs and files of this machine are refused"
                    )
    with tempfile.TemporaryDirectory(prefix="kubeconfig-") as folder:
        path = os.path.join(folder, "config")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
        try:
            target = load(Env(environ={"HOME": folder}, kube=KubeOptions(kubeconfig=path)))
        except PyfluxError as error:
            raise ClientFailed(f"KubeConfig secret '{name}': {error}") from None
    return Client(target, timeout=_TIMEOUT)
