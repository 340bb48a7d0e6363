"""Journeys with options of a HelmRelease that Helm's SDK for Python does not have."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.catalog.kinds import kind
from pyflux.controllers.helm import storage
from pyflux.errors import NotFound
from tests.e2e.helm_world import HelmWorld, newest, said, waited_for
from tests.e2e.pairs import condition, wait_until
from tests.e2e.world import World, config_map

pytest.importorskip("helm_python", reason="Helm's SDK (the extra helm) is not installed")

Obj = dict[str, Any]

HOOKS = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: pre-delete,pre-rollback
data: {}
"""


@pytest.fixture
def helm(world: World) -> HelmWorld:
    return HelmWorld(world)


def stored(helm: HelmWorld, name: str = "app") -> list[storage.Stored]:
    return storage.releases(helm.pair.client, helm.namespace, name)


def delete(helm: HelmWorld, name: str = "app") -> None:
    """Deletes a HelmRelease and waits until it is gone."""
    helm.pair.client.delete(kind("HelmRelease").resource, name, helm.namespace)

    def gone() -> bool:
        try:
            helm.get(name)
        except NotFound:
            return True
        return False

    wait_until(f"HelmRelease {name} is gone", gone, 60)


def test_replace_takes_the_name_of_an_uninstalled_release(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", uninstall={"keepHistory": True})
    helm.ready("app")
    delete(helm)
    assert [one.status for one in stored(helm)] == ["uninstalled"]
    helm.release("app")
    obj = helm.until("app", "fails", lambda obj: said(obj, "Released")[0] == "False")
    assert said(obj, "Released")[2].endswith("cannot reuse a name that is still in use")
    helm.release("app", install={"replace": True}, values={"color": "new"})
    helm.ready("app", 2)
    assert (helm.data("app") or {})["color"] == "new"
    assert [(one.version, one.status) for one in stored(helm)] == [(1, "superseded"), (2, "deployed")]
    assert helm.secrets() == ["sh.helm.release.v1.app.v1", "sh.helm.release.v1.app.v2"]
    assert newest(helm.get("app"))["action"] == "install"
    # what is stored is a release like any other
    helm.release("app", values={"color": "newer"})
    helm.ready("app", 3)


def failing_upgrade(helm: HelmWorld, **spec: Any) -> Obj:
    """A release whose upgrade fails and is rolled back."""
    helm.start(more={"charts/app/templates/hooks.yaml": HOOKS})
    upgrade = {"timeout": "5s", "remediation": {"retries": 0, "remediateLastFailure": True}}
    common: Obj = {"values": {"deploy": True}, "upgrade": upgrade, **spec}
    helm.release("app", **common)
    helm.ready("app")
    helm.release("app", **{**common, "values": {"deploy": True, "fail": "no such image"}})
    return helm.until("app", "rolled back", lambda obj: condition(obj, "Remediated").get("status"))


def test_rollback_without_hooks(helm: HelmWorld) -> None:
    obj = failing_upgrade(helm, rollback={"disableHooks": True})
    assert condition(obj, "Remediated")["status"] == "True"
    assert helm.data("app-hook") is None
    found = stored(helm)
    assert [one.version for one in found] == [1, 2, 3]
    hooks = [[hook["name"] for hook in one.release["hooks"]] for one in found]
    assert hooks[0] == hooks[2]
    assert "app-hook" in hooks[0]


def test_rollback_with_hooks(helm: HelmWorld) -> None:
    obj = failing_upgrade(helm)
    assert condition(obj, "Remediated")["status"] == "True"
    assert helm.data("app-hook") == {}


def test_a_rollback_is_waited_for(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app")
    helm.ready("app")
    check = {"apiVersion": "v1", "kind": "ConfigMap", "current": "data.color == 'never'"}
    upgrade = {"timeout": "3s", "remediation": {"retries": 0, "remediateLastFailure": True}}
    common: Obj = {"healthCheckExprs": [check], "upgrade": upgrade, "rollback": {"timeout": "3s"}}
    helm.release("app", values={"color": "red"}, **common)
    obj = helm.until("app", "rolled back in vain", lambda obj: condition(obj, "Remediated").get("status"))
    status, reason, message = said(obj, "Remediated")
    assert (status, reason) == ("False", "RollbackFailed")
    late = f"timeout waiting for: [ConfigMap/{helm.namespace}/app status: 'InProgress']"
    assert waited_for(message, f"failed: release app failed: {late}")
    assert said(obj, "Released")[:2] == ("False", "UpgradeFailed")
    assert [(one.version, one.status) for one in stored(helm)][1:] == [(2, "failed"), (3, "failed")]
    assert (helm.data("app") or {})["color"] == "blue"
    # one that becomes healthy
    healthy = {"healthCheckExprs": [{**check, "current": "data.color == 'blue'"}], "rollback": {"timeout": "1m"}}
    helm.release("app", values={"color": "red"}, **{**common, **healthy})
    helm.world.flux("reconcile", "helmrelease", "app", "--reset", check=False)
    helm.until("app", "rolled back", lambda obj: said(obj, "Remediated")[:2] == ("True", "RollbackSucceeded"))


def test_uninstall_with_and_without_hooks(helm: HelmWorld) -> None:
    helm.start(more={"charts/app/templates/hooks.yaml": HOOKS})
    for name, disabled in (("quiet", True), ("loud", False)):
        helm.release(name, uninstall={"disableHooks": disabled, "keepHistory": True})
        helm.ready(name)
        delete(helm, name)
        assert helm.data(name) is None
        assert (helm.data(f"{name}-hook") is None) is disabled
        last = stored(helm, name)[-1]
        assert last.status == "uninstalled"
        assert f"{name}-hook" in [hook["name"] for hook in last.release["hooks"]]


def test_deletion_propagation(helm: HelmWorld) -> None:
    helm.start()
    for name in ("orphan", "foreground", "background"):
        helm.release(name, uninstall={"deletionPropagation": name})
        helm.ready(name)
        owner = helm.pair.get("v1", "ConfigMap", name, helm.namespace) or {}
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner["metadata"]["uid"]}
        child: Obj = {"name": f"{name}-child", "namespace": helm.namespace}
        child["ownerReferences"] = [{**reference, "blockOwnerDeletion": True}]
        helm.pair.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": child, "data": {"a": "b"}})
        delete(helm, name)
        assert helm.data(name) is None
    left = helm.pair.get("v1", "ConfigMap", "orphan-child", helm.namespace) or {}
    assert left["data"] == {"a": "b"}
    assert not left["metadata"].get("ownerReferences")
    assert helm.data("foreground-child") is None
    wait_until("the child is collected", lambda: helm.data("background-child") is None, 60)


def test_how_an_upgrade_applies(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app")
    helm.ready("app")
    helm.release("app", upgrade={"serverSideApply": "disabled"}, values={"color": "second"})
    helm.ready("app", 2)
    assert [one.release.get("apply_method") for one in stored(helm)] == ["ssa", "csa"]
    helm.release("app", upgrade={"serverSideApply": "enabled"}, values={"color": "third"})
    helm.ready("app", 3)
    assert [one.release.get("apply_method") for one in stored(helm)] == ["ssa", "csa", "ssa"]
    assert (helm.data("app") or {})["color"] == "third"
    digests = {one["version"]: one["digest"] for one in helm.get("app")["status"]["history"]}
    helm.world.flux("reconcile", "helmrelease", "app")
    assert {one["version"]: one["digest"] for one in helm.ready("app", 3)["status"]["history"]} == digests


def test_what_has_no_effect_is_told_once(helm: HelmWorld) -> None:
    if not helm.pair.ours:
        pytest.skip("the official helm-controller has all of these options")
    helm.start()
    spec: Obj = {
        "install": {"serverSideApply": False, "disableOpenAPIValidation": True},
        "upgrade": {"force": True, "serverSideApply": "disabled"},
        "rollback": {"force": True},
    }
    helm.release("app", **spec)
    helm.ready("app")
    helm.world.flux("reconcile", "helmrelease", "app")

    def told() -> dict[str, int]:
        events = helm.pair.events(helm.namespace, "app")
        return {one["message"]: one["count"] for one in events if one["reason"] == "OptionIgnored"}

    why = "has no effect with pyflux's controllers"
    wanted = {
        f"spec.install.serverSideApply {why}: installs use server-side apply": 1,
        f"spec.install.disableOpenAPIValidation {why}: the API server checks what is applied": 1,
        f"spec.upgrade.force {why}: objects are patched, not replaced": 1,
    }
    wait_until("the events", lambda: told() == wanted, 15)


def test_another_cluster_by_a_token_of_a_service_account(helm: HelmWorld) -> None:
    if not helm.pair.ours:
        pytest.skip("a feature gate of the official controllers, which is off")
    target = helm.pair.client.target
    place = {"namespace": helm.namespace}
    subject = {"kind": "ServiceAccount", "name": "deployer", **place}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    data = {"provider": "generic", "address": target.server, "ca.crt": target.ca.decode()}
    data |= {"serviceAccountName": "deployer", "audiences": "https://kubernetes.default.svc"}
    helm.pair.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "deployer", **place}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{helm.namespace}-deployer"},
            "subjects": [subject],
            "roleRef": role,
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster", **place}, "data": data},
    )
    helm.start(more={"plain/web.yaml": config_map("web", helm.namespace, a="b")})
    kubeconfig = {"configMapRef": {"name": "cluster"}}
    helm.release("app", kubeConfig=kubeconfig)
    helm.ready("app")
    assert (helm.data("app") or {})["color"] == "blue"
    helm.world.add("apps", "./plain", kubeConfig=kubeconfig)
    helm.world.ready("apps")
    assert helm.data("web") == {"a": "b"}
    cluster: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster", **place}}
    helm.pair.apply({**cluster, "data": {**data, "serviceAccountName": "nobody"}})
    helm.world.reconcile("apps", check=False)
    helm.world.failed("apps", f"failed to get service account '{helm.namespace}/nobody'")
    # without the cluster nothing can be deleted there
    helm.pair.apply({**cluster, "data": data})
