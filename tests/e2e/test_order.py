"""Journeys across several Kustomizations, several identities and several clusters."""

from __future__ import annotations

import time
from contextlib import ExitStack

from pyflux.env import Env, KubeOptions
from pyflux.kube import connect
from tests.e2e.pairs import condition, start_sandbox, wait_until
from tests.e2e.world import World, config_map
from tests.real.processes import temporary_folder


def test_dependencies_come_first(world: World) -> None:
    world.commit(
        {
            "infra/ns.yaml": config_map("infra", world.namespace, a="b"),
            "apps/web.yaml": config_map("web", world.namespace, a="b"),
        }
    )
    world.add_source()
    world.add("apps", "./apps", dependsOn=[{"name": "infra"}])
    obj = world.failed("apps", "dependency '")
    assert condition(obj, "Ready")["reason"] == "DependencyNotReady"
    assert f"dependency '{world.namespace}/infra' not found" in condition(obj, "Ready")["message"]
    assert world.config_map("web") is None
    world.add("infra", "./infra")
    world.ready("apps")
    assert world.config_map("web") == {"a": "b"}


def test_a_ready_expression_decides(world: World) -> None:
    world.commit(
        {
            "infra/x.yaml": config_map("infra", world.namespace, a="b"),
            "apps/web.yaml": config_map("web", world.namespace, a="b"),
        }
    )
    world.add_source()
    world.add("infra", "./infra")
    world.ready("infra")
    expression = "has(dep.metadata.labels) && dep.metadata.labels.open == 'yes'"
    world.add("apps", "./apps", dependsOn=[{"name": "infra", "readyExpr": expression}])
    world.failed("apps", "is not ready according to readyExpr eval")
    where = world.pair.client.resource_for("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
    world.pair.client.patch(where, "infra", world.namespace, {"metadata": {"labels": {"open": "yes"}}})
    world.ready("apps")


def test_a_circle_of_dependencies_is_told(world: World) -> None:
    world.commit(
        {"a/x.yaml": config_map("a", world.namespace, a="b"), "b/x.yaml": config_map("b", world.namespace, a="b")}
    )
    world.add_source()
    world.add("one", "./a", dependsOn=[{"name": "two"}])
    world.add("two", "./b", dependsOn=[{"name": "one"}])
    wanted = "circular dependency: " if world.pair.ours else "is not ready"
    obj = world.failed("one", wanted)
    assert condition(obj, "Ready")["reason"] == "DependencyNotReady"
    assert world.config_map("a") is None
    world.add("two", "./b", dependsOn=[])
    world.ready("one")


def test_the_service_account_bounds_what_may_be_applied(world: World) -> None:
    namespace = world.namespace
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    world.pair.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tenant", "namespace": namespace}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "tenant", "namespace": namespace},
            "rules": rules,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "tenant", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant"},
            "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": namespace}],
        },
    )
    world.commit({"web.yaml": config_map("web", namespace, a="b")})
    world.add_source()
    world.add("apps", serviceAccountName="tenant")
    world.ready("apps")
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: {namespace}}}\n"
    world.commit({"secret.yaml": secret})
    world.reconcile("apps", check=False)
    obj = world.failed("apps", "forbidden")
    message = condition(obj, "Ready")["message"]
    assert f'User "system:serviceaccount:{namespace}:tenant" cannot' in message
    assert 'resource "secrets"' in message


def test_a_change_of_variables_reaches_the_objects(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="${color}")})
    variables = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "vars", "namespace": world.namespace, "labels": {"reconcile.fluxcd.io/watch": "Enabled"}},
        "data": {"color": "blue"},
    }
    world.pair.apply(variables)
    world.add_source()
    world.add("apps", postBuild={"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]})
    world.ready("apps")
    assert world.config_map("web") == {"a": "blue"}
    world.pair.apply({**variables, "data": {"color": "green"}})
    wait_until("the new value is applied", lambda: world.config_map("web") == {"a": "green"}, 30)


def test_another_cluster_by_kubeconfig(world: World) -> None:
    """The Secret names the same API server, as somebody else would have it."""
    namespace = world.namespace
    world.pair.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "other", "namespace": namespace},
            "stringData": {"value": world.pair.kubeconfig.read_text()},
        }
    )
    world.commit({"web.yaml": config_map("web", namespace, a="b")})
    world.add_source()
    world.add("apps", kubeConfig={"secretRef": {"name": "other"}})
    world.ready("apps")
    assert world.config_map("web") == {"a": "b"}
    world.add("absent", kubeConfig={"secretRef": {"name": "absent"}})
    obj = world.failed("absent", f"unable to read KubeConfig secret '{namespace}/absent' error")
    assert condition(obj, "Ready")["reason"] == "ReconciliationFailed"


def test_a_second_cluster_gets_its_own_share(world: World) -> None:
    """One repository, two clusters: the second one is a sandbox that only its kubeconfig tells of."""
    namespace = world.namespace
    with ExitStack() as stack:
        kubeconfig = start_sandbox(temporary_folder("pyflux-e2e-second-"), stack)
        second = connect(Env(kube=KubeOptions(kubeconfig=str(kubeconfig))))
        second.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        world.pair.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "second", "namespace": namespace},
                "stringData": {"value.yaml": kubeconfig.read_text()},
            }
        )
        world.commit({"web.yaml": config_map("web", namespace, a="b")})
        world.add_source()
        world.add("there", kubeConfig={"secretRef": {"name": "second"}})
        world.ready("there")
        where = second.resource_for("v1", "ConfigMap")
        assert second.get(where, "web", namespace)["data"] == {"a": "b"}
        assert world.config_map("web") is None
        world.flux("delete", "kustomization", "there", "--silent")
        names = lambda: [obj["metadata"]["name"] for obj in second.list(where, namespace).items]  # noqa: E731
        wait_until("the second cluster's share is pruned", lambda: "web" not in names(), 30)


def test_nested_kustomizations(world: World) -> None:
    inner = f"""apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: inner, namespace: {world.namespace}}}
spec:
  interval: 1h
  path: ./inner
  prune: true
  sourceRef: {{kind: GitRepository, name: fleet}}
"""
    world.commit({"outer/inner.yaml": inner, "inner/web.yaml": config_map("web", world.namespace, a="b")})
    world.add_source()
    world.add("outer", "./outer", wait=True)
    world.ready("outer")
    world.ready("inner")
    assert world.config_map("web") == {"a": "b"}
    tree = world.flux("tree", "kustomization", "outer").out
    assert "inner" in tree
    assert "web" in tree
    world.flux("delete", "kustomization", "outer", "--silent")
    wait_until("what the inner one applied is gone", lambda: world.config_map("web") is None, 30)


def test_a_request_is_answered_quickly(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="1")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    revision = world.commit({"web.yaml": config_map("web", world.namespace, a="2")})
    started = time.monotonic()
    world.reconcile("apps")
    took = time.monotonic() - started
    assert world.kustomization("apps")["status"]["lastAppliedRevision"] == revision
    assert took < 15, f"reconcile --with-source took {took:.1f} s"
