"""A client's cluster and identity as a kubeconfig, for programs that take nothing else."""

from __future__ import annotations

from base64 import b64encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.kube.client import Client


def kubeconfig_of(client: Client, namespace: str = "default") -> dict[str, Any]:
    """A kubeconfig with its credentials inside: treat it as a secret. Raises KubeError where logging in fails."""
    headers = dict(client.login())
    target = client.target
    cluster: dict[str, Any] = {"server": target.server}
    if target.ca:
        cluster["certificate-authority-data"] = b64encode(target.ca).decode()
    if target.insecure:
        cluster["insecure-skip-tls-verify"] = True
    if target.server_name:
        cluster["tls-server-name"] = target.server_name
    if target.proxy:
        cluster["proxy-url"] = target.proxy
    user: dict[str, Any] = {}
    kind, _, login = headers.get("Authorization", "").partition(" ")
    if kind == "Bearer":
        user["token"] = login
    elif kind == "Basic":
        user.update(username=target.username, password=target.password)
    if target.cert:
        user["client-certificate-data"] = b64encode(target.cert).decode()
        user["client-key-data"] = b64encode(target.key).decode()
    for header, value in target.impersonate:
        if header == "Impersonate-User":
            user["as"] = value
        elif header == "Impersonate-Group":
            user.setdefault("as-groups", []).append(value)
    context = {"cluster": "cluster", "user": "user", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "context", "context": context}],
        "current-context": "context",
    }
