from __future__ import annotations

import random
from typing import Any

import pytest
from fake_cluster import FakeClient, make_env

from pyflux.catalog.components import InstallOptions, render_components
from pyflux.errors import Forbidden, Invalid, PyfluxError, TimedOut
from pyflux.kube.staged import apply_set, apply_staged, order, subject


def config_map(name: str, data: str = "x") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "apps"},
        "data": {"key": data},
    }


def crd(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
    }


def test_order_puts_what_others_need_first():
    objects = render_components(InstallOptions())
    random.Random(1).shuffle(objects)
    kinds = list(dict.fromkeys(obj["kind"] for obj in sorted(objects, key=order)))
    assert kinds == [
        "CustomResourceDefinition",
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "ResourceQuota",
        "ServiceAccount",
        "Service",
        "Deployment",
        "NetworkPolicy",
    ]


def test_webhooks_come_last():
    webhook = {"apiVersion": "x/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "a"}}
    assert sorted([webhook, config_map("a")], key=order)[-1] is webhook


def test_definitions_are_applied_and_established_before_the_rest():
    client, env = FakeClient(), make_env()
    changes = apply_staged(env, client, render_components(InstallOptions()))
    applied = [call.split()[1] for call in client.calls if call.startswith("apply")]
    first_other = applied.index("clusterrolebindings")
    assert set(applied[:first_other]) == {"customresourcedefinitions", "namespaces", "clusterroles"}
    assert {change.action for change in changes} == {"created"}
    assert str(changes[0]) == "CustomResourceDefinition/alerts.notification.toolkit.fluxcd.io created"
    assert "Deployment/flux-system/helm-controller created" in map(str, changes)


def test_a_second_time_nothing_is_applied():
    client, env = FakeClient(), make_env()
    apply_staged(env, client, render_components(InstallOptions()))
    client.calls.clear()
    changes = apply_staged(env, client, render_components(InstallOptions()))
    assert {change.action for change in changes} == {"unchanged"}
    assert not [call for call in client.calls if call.startswith("apply")]


def test_only_what_differs_is_applied():
    client = FakeClient([config_map("a"), config_map("b")])
    changes = apply_set(client, [config_map("a"), config_map("b", "y"), config_map("c")])
    assert [str(change) for change in changes] == [
        "ConfigMap/apps/a unchanged",
        "ConfigMap/apps/b configured",
        "ConfigMap/apps/c created",
    ]


def test_a_refused_object_stops_its_stage_before_anything_changes():
    client = FakeClient()
    client.refuse["dry-run b"] = Invalid('admission webhook "w.example.com" denied the request: no', status=400)
    with pytest.raises(Invalid) as caught:
        apply_set(client, [config_map("a"), config_map("b")])
    assert caught.value.message.startswith('ConfigMap/apps/b: admission webhook "w.example.com" denied')
    assert "admission webhook of the cluster" in caught.value.hint
    assert not client.objects


def test_quota_and_rights_have_a_way_out():
    for text, hint in (
        ("pods is forbidden: exceeded quota: q", "ResourceQuota"),
        ("cannot create", "cluster admin"),
        ("status.storedVersions[0]: Invalid value", "pyflux migrate"),
    ):
        client = FakeClient()
        client.refuse["apply configmaps"] = Forbidden(text, status=403)
        with pytest.raises(Forbidden) as caught:
            apply_set(client, [config_map("a")])
        assert hint in caught.value.hint


def test_waits_for_crds_and_gives_up():
    client, env = FakeClient(), make_env(timeout=5)
    slow = {**crd("a.example.com"), "status": {"conditions": []}}
    client.put(slow)
    with pytest.raises(TimedOut, match=r"waiting for CustomResourceDefinition/a.example.com to be established"):
        apply_staged(env, client, [crd("a.example.com"), config_map("a")])
    assert ("configmaps", "apps", "a") not in client.objects


def test_a_crd_whose_names_are_taken_cannot_be_used():
    client, env = FakeClient(), make_env()
    conditions = [{"type": "NamesAccepted", "status": "False", "message": '"things" is already in use'}]
    client.put({**crd("a.example.com"), "status": {"conditions": conditions}})
    with pytest.raises(Invalid, match=r'a.example.com cannot be used: "things" is already in use'):
        apply_staged(env, client, [crd("a.example.com")])


def leaving(*blockers: str) -> dict[str, Any]:
    conditions = [{"type": "NamespaceContentRemaining", "status": "True", "message": "pods remain"}]
    conditions += [{"type": "NamespaceFinalizersRemaining", "status": "True", "message": text} for text in blockers]
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "flux-system", "deletionTimestamp": "2024-01-01T00:00:00Z"},
        "status": {"conditions": conditions},
    }


def test_a_namespace_that_is_going_away_is_waited_for():
    client, env = FakeClient([leaving()]), make_env()
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            client.objects.clear()

    env.sleep = sleep
    assert {change.action for change in apply_staged(env, client, render_components(InstallOptions()))} == {"created"}
    assert env.stderr.getvalue() == "◎ waiting for namespace flux-system to be deleted\n"
    assert pauses == [0.1, 0.2, 0.4]


def test_a_namespace_that_is_held_is_not_waited_for():
    client, env = FakeClient([leaving("finalizers remain: x in 1")]), make_env()
    with pytest.raises(PyfluxError, match=r"namespace flux-system is being deleted") as caught:
        apply_staged(env, client, render_components(InstallOptions()))
    assert caught.value.hint == "finalizers remain: x in 1"
    assert env.stderr.getvalue() == ""


def test_a_namespace_that_does_not_go_is_refused_in_the_end():
    client, env = FakeClient([leaving()]), make_env(timeout=5)
    with pytest.raises(PyfluxError, match=r"namespace flux-system is being deleted"):
        apply_staged(env, client, render_components(InstallOptions()))


def test_a_namespace_that_is_going_away_is_refused():
    going = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "flux-system", "deletionTimestamp": "2024-01-01T00:00:00Z"},
        "status": {
            "conditions": [
                {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "finalizers remain: x in 1"},
                {"type": "NamespaceContentRemaining", "status": "False", "message": "none"},
            ]
        },
    }
    client = FakeClient([going])
    with pytest.raises(PyfluxError, match=r"namespace flux-system is being deleted") as caught:
        apply_set(client, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}])
    assert caught.value.hint == "finalizers remain: x in 1"


def test_subject():
    assert subject(config_map("a")) == "ConfigMap/apps/a"
    assert subject(crd("a.b")) == "CustomResourceDefinition/a.b"
