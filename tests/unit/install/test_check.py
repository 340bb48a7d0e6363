from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeClient, make_env, messages
from test_components_ready import READY, deployment

from pyflux.env import Call, Env
from pyflux.errors import Forbidden, PyfluxError, SilentExit, Unreachable
from pyflux.verbs import check

LABELS = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/version": "v2.9.4"}
WITNESS = "gitrepositories.source.toolkit.fluxcd.io"


def crd(name: str, stored: list[str], **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "labels": {**LABELS, **labels}},
        "status": {"storedVersions": stored, "conditions": [{"type": "Established", "status": "True"}]},
    }


def controller(name: str, status: dict[str, Any] = READY) -> dict[str, Any]:
    obj = deployment(name, status)
    obj["metadata"]["labels"] = LABELS
    obj["spec"]["template"] = {"spec": {"containers": [{"image": f"reg/{name}:v1"}]}}
    return obj


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient([crd(WITNESS, ["v1beta2", "v1"]), controller("helm-controller")])
    monkeypatch.setattr(check, "connect", lambda env, failed: fake)
    return fake


def run(env: Env, *, pre: bool = False, extra: list[str] | None = None, components: list[str] | None = None) -> None:
    values = {
        "pre": pre,
        "components": components or ["source-controller"],
        "components-extra": extra or [],
        "poll-interval": 5_000_000_000,
    }
    check.run(env, Call(("check",), values=values, changed={"components"} if components else set()))


def test_healthy(client: FakeClient):
    env = make_env()
    run(env)
    assert messages(env) == [
        "► checking prerequisites",
        "✔ Kubernetes 1.36.3 >=1.33.0-0",
        "► checking version in cluster",
        "✔ distribution: flux-v2.9.4",
        "✔ bootstrapped: false",
        "► checking controllers",
        "✔ helm-controller: deployment ready",
        "► reg/helm-controller:v1",
        "► checking crds",
        f"✔ {WITNESS}/v1",
        "✔ all checks passed",
    ]


def test_only_the_requirements(client: FakeClient):
    client.objects.clear()
    env = make_env()
    run(env, pre=True)
    assert messages(env)[1:] == ["✔ Kubernetes 1.36.3 >=1.33.0-0", "✔ prerequisites checks passed"]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("v1.32.9", "✗ Kubernetes version v1.32.9 does not match >=1.33.0-0"),
        ("v1.33.0-alpha.1", "✔ Kubernetes 1.33.0-alpha.1 >=1.33.0-0"),
        ("v1.34.1+k3s1", "✔ Kubernetes 1.34.1+k3s1 >=1.33.0-0"),
        ("unknown", "✗ Kubernetes version can't be determined"),
    ],
)
def test_kubernetes_versions(client: FakeClient, version: str, message: str):
    client.version = version
    env = make_env()
    if message.startswith("✔"):
        run(env, pre=True)
        assert messages(env)[-1] == "✔ prerequisites checks passed"
    else:
        with pytest.raises(SilentExit):
            run(env, pre=True)
        assert messages(env)[-1] == message
    assert message in messages(env)


def test_an_api_server_that_does_not_answer(client: FakeClient):
    client.refuse["version"] = Unreachable("connection refused")
    env = make_env()
    with pytest.raises(SilentExit):
        run(env, pre=True)
    assert messages(env)[-1] == "✗ Kubernetes API call failed: connection refused"


def test_nothing_installed(client: FakeClient):
    client.objects.clear()
    env = make_env()
    with pytest.raises(PyfluxError, match=r"^check failed$"):
        run(env)
    assert [line for line in messages(env) if line.startswith("✗")] == [
        f'✗ checking failed: customresourcedefinitions.apiextensions.k8s.io "{WITNESS}" not found',
        "✗ no controllers found in the 'flux-system' namespace with the label selector "
        "'app.kubernetes.io/part-of=flux'",
        "✗ no crds found with the label selector 'app.kubernetes.io/part-of=flux'",
    ]


def test_a_controller_that_is_not_ready_fails(client: FakeClient):
    client.put(controller("source-controller", {"replicas": 0}))
    env = make_env()
    with pytest.raises(PyfluxError, match=r"^check failed$"):
        run(env)
    assert "✗ source-controller: deployment not ready" in messages(env)


def test_named_components_have_to_be_there(client: FakeClient):
    env = make_env()
    with pytest.raises(PyfluxError, match=r"^check failed$"):
        run(env, extra=["source-watcher"], components=["helm-controller"])
    assert "✗ source-watcher: deployment not found" in messages(env)


def test_crds_without_stored_versions_fail(client: FakeClient):
    client.put(crd(WITNESS, []))
    env = make_env()
    with pytest.raises(PyfluxError, match=r"^check failed$"):
        run(env)
    assert f"✗ no stored versions for {WITNESS}" in messages(env)


def test_missing_rights_are_said(client: FakeClient):
    client.refuse["list deployments"] = Forbidden("deployments is forbidden", status=403)
    env = make_env()
    with pytest.raises(PyfluxError, match=r"^check failed$"):
        run(env)
    assert "✗ checking failed: deployments is forbidden" in messages(env)


def test_bootstrapped(client: FakeClient):
    client.put(crd(WITNESS, ["v1"], **{"kustomize.toolkit.fluxcd.io/namespace": "flux-system"}))
    env = make_env()
    run(env)
    assert "✔ bootstrapped: true" in messages(env)
