from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeClient, make_env, messages
from test_check import LABELS, WITNESS, controller, crd

from pyflux.env import Call, Env
from pyflux.errors import Forbidden, PyfluxError
from pyflux.verbs import uninstall


def repository(name: str, *finalizers: str) -> dict[str, Any]:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "apps", "finalizers": list(finalizers)},
    }


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}},
            crd(WITNESS, ["v1"]),
            controller("helm-controller"),
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "flux-view-flux-system", "labels": LABELS},
            },
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "flux-system"}},
            repository("held", "finalizers.fluxcd.io"),
            repository("free"),
        ]
    )
    monkeypatch.setattr(uninstall, "connect", lambda env: fake)
    return fake


def run(env: Env, **flags: bool) -> None:
    values = {"dry-run": False, "silent": True, "keep-namespace": False}
    values |= {name.replace("_", "-"): value for name, value in flags.items()}
    uninstall.run(env, Call(("uninstall",), values=values))


def test_everything_in_its_order(client: FakeClient):
    env = make_env()
    run(env)
    assert messages(env) == [
        "► deleting components in flux-system namespace",
        "✔ Deployment/flux-system/helm-controller deleted ",
        "✔ ClusterRole/flux-view-flux-system deleted ",
        "► deleting toolkit.fluxcd.io finalizers in all namespaces",
        "✔ GitRepository/apps/held finalizers deleted ",
        "✔ GitRepository/apps/free finalizers deleted ",
        "► deleting toolkit.fluxcd.io custom resource definitions",
        f"✔ CustomResourceDefinition/{WITNESS} deleted ",
        "✔ Namespace/flux-system deleted ",
        "✔ uninstall finished",
    ]
    patches = [call for call in client.calls if call.startswith("patch")]
    assert patches == ['patch gitrepositories held merge {"metadata": {"finalizers": null}}']


def test_dry_run_asks_and_deletes_nothing(client: FakeClient):
    before = dict(client.objects)
    env = make_env()
    run(env, dry_run=True, silent=False)
    assert client.objects == before
    assert "✔ Namespace/flux-system deleted (dry run)" in messages(env)


def test_the_namespace_can_be_kept(client: FakeClient):
    env = make_env()
    run(env, keep_namespace=True)
    assert ("namespaces", "", "flux-system") in client.objects
    assert not [line for line in messages(env) if "Namespace/" in line]


def test_twice_is_fine(client: FakeClient):
    run(make_env())
    env = make_env()
    run(env)
    assert messages(env)[-2:] == [
        '✗ Namespace/flux-system deletion failed: namespaces "flux-system" not found',
        "✔ uninstall finished",
    ]


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("", False)])
def test_question(client: FakeClient, answer: str, goes_on: bool):
    env = make_env(answer)
    if goes_on:
        run(env, silent=False)
    else:
        with pytest.raises(PyfluxError, match=r"^aborting$"):
            run(env, silent=False)
    assert (("namespaces", "", "flux-system") not in client.objects) is goes_on
    assert messages(env)[0].startswith("? Are you sure you want to delete Flux and its custom resource definitions?")


def test_question_names_another_manager(client: FakeClient):
    client.put(crd(WITNESS, ["v1"], **{"app.kubernetes.io/managed-by": "Helm"}))
    env = make_env("n\n")
    with pytest.raises(PyfluxError, match=r"aborting"):
        run(env, silent=False)
    assert messages(env)[0].startswith("? Flux is managed by Helm! Are you sure")


def test_failures_are_counted_and_the_rest_goes_on(client: FakeClient):
    client.refuse["delete helm-controller"] = Forbidden("no rights", status=403)
    client.refuse["list clusterroles"] = Forbidden("no list", status=403)
    client.refuse["patch held"] = Forbidden("no patch", status=403)
    env = make_env()
    with pytest.raises(PyfluxError, match=r"^uninstall incomplete: 3 of the deletions failed$"):
        run(env)
    assert [line for line in messages(env) if line.startswith("✗")] == [
        "✗ listing clusterroles failed: no list",
        "✗ Deployment/flux-system/helm-controller deletion failed: no rights",
        "✗ GitRepository/apps/held removing finalizers failed: no patch",
    ]
    assert ("namespaces", "", "flux-system") not in client.objects


@pytest.mark.parametrize(("kind", "told"), [("NamespaceFinalizersRemaining", 1), ("NamespaceContentRemaining", 0)])
def test_a_namespace_that_stays_is_explained(client: FakeClient, monkeypatch: pytest.MonkeyPatch, kind: str, told: int):
    conditions = [{"type": kind, "status": "True", "message": "x in 1 instance remains"}]
    stuck = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "flux-system"},
        "status": {"conditions": conditions},
    }
    delete = client.delete

    def keep(resource: Any, name: str, namespace: str = "", **options: Any) -> dict[str, Any]:
        deleted = delete(resource, name, namespace, **options)
        if resource.plural == "namespaces":
            client.put(stuck)
        return deleted

    monkeypatch.setattr(client, "delete", keep)
    env = make_env()
    run(env)
    assert messages(env).count("⚠️ Namespace/flux-system is stuck: x in 1 instance remains") == told
    assert messages(env)[-1] == "✔ uninstall finished"
