"""Entering another cluster by `spec.kubeConfig.configMapRef`: what the ConfigMap says, and the token for it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyflux.controllers.core import Options
from pyflux.controllers.kustomize import workload
from pyflux.controllers.kustomize.clients import ClientFailed, target_client
from pyflux.controllers.kustomize.workload import IdentityFailed, server_of, target_of
from pyflux.errors import Forbidden, NotFound

ADDRESS = "https://Other.Example:6443"


class Cluster:
    """Gives a ConfigMap and service accounts, and remembers the tokens that were asked for."""

    def __init__(self, data: dict[str, str] | None, *accounts: str, answer: Any = None) -> None:
        self.data = data
        self.accounts = accounts
        self.asked: list[tuple[str, Any]] = []
        self.answer = {"status": {"token": "t0ken"}} if answer is None else answer

    def get(self, resource: Any, name: str, namespace: str = "") -> Any:
        if resource.kind == "ConfigMap" and self.data is not None:
            return {"data": self.data}
        if resource.kind == "ServiceAccount" and f"{namespace}/{name}" in self.accounts:
            return {}
        raise NotFound(f'{resource.plural} "{name}" not found')

    def raw(self, method: str, path: str, *, body: bytes) -> Any:
        self.asked.append((f"{method} {path}", json.loads(body)["spec"]))
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(body=json.dumps(self.answer).encode())


def entered(cluster: Cluster) -> Any:
    client: Any = cluster
    return target_of(client, "other", "apps")


def data(**more: str) -> dict[str, str]:
    return {"provider": "generic", "address": ADDRESS, "serviceAccountName": "deployer", **more}


def test_a_token_of_a_service_account() -> None:
    cluster = Cluster(data(**{"ca.crt": "PEM", "audiences": "one\n\n two \n"}), "apps/deployer")
    target = entered(cluster)
    assert (target.server, target.token, target.ca) == ("https://other.example:6443", "t0ken", b"PEM")
    path = "POST /api/v1/namespaces/apps/serviceaccounts/deployer/token"
    assert cluster.asked == [(path, {"audiences": ["one", "two"]})]
    assert not target.insecure


def test_the_address_is_the_audience() -> None:
    cluster = Cluster(data(), "apps/deployer")
    entered(cluster)
    assert cluster.asked[0][1] == {"audiences": [ADDRESS]}


def test_without_an_account_the_own_one_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    monkeypatch.setattr(workload, "_OWN_TOKEN", str(token))
    given = {"provider": "generic", "address": ADDRESS}
    with pytest.raises(IdentityFailed, match="name an account with serviceAccountName"):
        entered(Cluster(given))
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "system:serviceaccount:flux-system:ours"}).encode())
    token.write_text(f"h.{claims.decode().rstrip('=')}.s")
    cluster = Cluster(given, "flux-system/ours")
    assert entered(cluster).token == "t0ken"
    assert cluster.asked[0][0] == "POST /api/v1/namespaces/flux-system/serviceaccounts/ours/token"
    token.write_text("nonsense")
    with pytest.raises(IdentityFailed, match="failed to parse service account token"):
        entered(Cluster(given))


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (Cluster(None), 'failed to get configmap apps/other: configmaps "other" not found'),
        (Cluster({}), "provider '' not implemented"),
        (Cluster({"provider": "aws"}), "the provider 'aws' of configmap apps/other is not supported"),
        (Cluster(data()), "failed to get service account 'apps/deployer': "),
        (Cluster(data(address=""), "apps/deployer"), "cluster address is required"),
        (Cluster(data(address="http://a"), "apps/deployer"), "must use https scheme"),
        (Cluster(data(address="https://a:b"), "apps/deployer"), "failed to parse cluster address"),
        (
            Cluster(data(), "apps/deployer", answer=Forbidden("may not")),
            "failed to create kubernetes token for service account 'apps/deployer': may not",
        ),
        (Cluster(data(), "apps/deployer", answer={"status": {}}), "the answer holds no token"),
    ],
)
def test_what_is_missing_is_told(cluster: Cluster, message: str) -> None:
    with pytest.raises(IdentityFailed) as failed:
        entered(cluster)
    assert message in failed.value.message


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("other.example", "https://other.example:443"),
        ("https://OTHER.example/", "https://other.example:443"),
        ("10.0.0.1:6443", "https://10.0.0.1:6443"),
    ],
)
def test_servers(address: str, url: str) -> None:
    assert server_of(address) == url


def test_a_kustomization_says_why_it_cannot_enter() -> None:
    client: Any = Cluster({"provider": "gcp"})
    obj = {"metadata": {"namespace": "apps"}, "spec": {"kubeConfig": {"configMapRef": {"name": "other"}}}}
    with pytest.raises(ClientFailed, match="the provider 'gcp'"), target_client(client, obj, Options("/nowhere")):
        pass
