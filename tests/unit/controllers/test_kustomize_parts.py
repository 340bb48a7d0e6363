"""The kustomize reconciler's small parts: identities, history, normalization, take-over, ignore rules, caches."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pyflux.controllers.kustomize import buildcache, cleanup, depends, history, undeclared
from pyflux.controllers.kustomize.apply import drifted
from pyflux.controllers.kustomize.health import _job
from pyflux.controllers.kustomize.healthexprs import BadHealthCheck, judge
from pyflux.controllers.kustomize.ignorerules import IgnoreRules
from pyflux.controllers.kustomize.normalize import normalize
from pyflux.controllers.kustomize.objects import Entry, ObjectId, id_of, inventory, inventory_of, marked, parse_id
from pyflux.controllers.kustomize.work import timeout_of
from pyflux.controllers.queue import Key
from pyflux.render.manifests import lay_metadata

Obj = dict[str, Any]


def obj(kind: str, name: str, version: str = "v1", namespace: str = "ns", **rest: Any) -> Obj:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **rest}


# -- identities


def test_identities_in_the_inventory() -> None:
    role = ObjectId("", "a:b", "rbac.authorization.k8s.io", "ClusterRole")
    assert str(role) == "_a__b_rbac.authorization.k8s.io_ClusterRole"
    assert parse_id(str(role)) == role
    entries = [Entry(id_of(obj("Deployment", "web", "apps/v1")), "v1"), Entry(role, "v1")]
    status = {"inventory": inventory(entries)}
    assert status["inventory"]["entries"][0] == {"id": "ns_web_apps_Deployment", "v": "v1"}
    assert inventory_of(status) == entries
    assert entries[0].api_version == "apps/v1"
    assert parse_id("nonsense") is None


def test_what_others_need_comes_first() -> None:
    kinds = [
        "ValidatingWebhookConfiguration",
        "Ingress",
        "Deployment",
        "ConfigMap",
        "Namespace",
        "CustomResourceDefinition",
    ]
    ordered = sorted((ObjectId("", "x", "", kind) for kind in kinds), key=lambda one: one.order)
    assert [one.kind for one in ordered] == kinds[::-1]


def test_marks_are_read_in_labels_and_annotations() -> None:
    one = obj("ConfigMap", "x")
    one["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/ssa": "ifnotpresent"}
    assert marked(one, "kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent")
    assert not marked(one, "kustomize.toolkit.fluxcd.io/ssa", "Ignore")
    assert not marked(None, "a", "b")


# -- history


def test_history_counts_equal_outcomes_and_keeps_five() -> None:
    status: Obj = {}
    history.record(status, "sha256:1", 1.5, "ReconciliationSucceeded", "main@sha1:a")
    history.record(status, "sha256:2", 1, "HealthCheckFailed", "main@sha1:b")
    history.record(status, "sha256:1", 2, "ReconciliationSucceeded", "main@sha1:c")
    first = status["history"][0]
    assert (first["digest"], first["totalReconciliations"], first["metadata"]) == (
        "sha256:1",
        2,
        {"revision": "main@sha1:c"},
    )
    assert first["lastReconciledDuration"] == "2s"
    for number in range(10):
        history.record(status, f"sha256:x{number}", 1, "ReconciliationSucceeded", "r")
    assert [entry["digest"] for entry in status["history"]] == [f"sha256:x{number}" for number in (9, 8, 7, 6, 5)]


# -- what is sent


def test_normalization() -> None:
    service = obj("Service", "s", spec={"ports": [{"port": 80}]}, status={"loadBalancer": {}})
    normalize(service)
    assert service == obj("Service", "s", spec={"ports": [{"port": 80, "protocol": "TCP", "targetPort": 0}]})
    secret = obj("Secret", "s", stringData={"a": "b"}, data={"c": "ZA=="})
    normalize(secret)
    assert secret["data"] == {"a": "Yg==", "c": "ZA=="}
    assert "stringData" not in secret
    pod = {"containers": [{"name": "c", "ports": [{"containerPort": 1}]}]}
    deployment = obj("Deployment", "d", "apps/v1", spec={"template": {"spec": pod}})
    normalize(deployment)
    assert pod["containers"][0]["ports"] == [{"containerPort": 1, "protocol": "TCP"}]
    crd = obj("CustomResourceDefinition", "c", "apiextensions.k8s.io/v1", status={"a": 1})
    crd["spec"] = {"conversion": {"webhook": {"clientConfig": {"caBundle": "Cg=="}}}}
    normalize(crd)
    assert crd["status"] == {"a": 1}
    assert crd["spec"]["conversion"]["webhook"]["clientConfig"] == {}


def test_what_is_no_mapping_is_left_for_the_api_to_refuse() -> None:
    for odd in (
        obj("Deployment", "d", "apps/v1", spec="x"),
        obj("Service", "s", spec={"ports": 1}),
        obj("Secret", "s", stringData=[]),
    ):
        before = copy.deepcopy(odd)
        normalize(odd)
        assert odd == before


def test_labels_are_added_and_replace_what_is_no_text() -> None:
    one = obj("ConfigMap", "x")
    one["metadata"]["labels"] = {"a": "b"}
    lay_metadata(one, "labels", {"c": "d"})
    assert one["metadata"]["labels"] == {"a": "b", "c": "d"}
    one["metadata"]["labels"] = {"a": True}
    lay_metadata(one, "labels", {"c": "d"})
    assert one["metadata"]["labels"] == {"c": "d"}
    lay_metadata(one, "annotations", None)
    assert "annotations" not in one["metadata"]


def test_undeclared_fields_are_removed() -> None:
    containers = [
        {"name": "a"},
        {"name": "b", "imagePullPolcy": "x", "ports": [{"containerPort": 80, "protocol": "TCP", "z": 1}]},
    ]
    one = obj("Deployment", "d", "apps/v1", spec={"foo": 1, "template": {"spec": {"containers": containers}}})
    port = '.spec.template.spec.containers[name="b"].ports[containerPort=80,protocol="TCP"].z'
    message = (
        "failed to create typed patch object (ns/d; apps/v1, Kind=Deployment): errors:\n"
        "  .spec.foo: field not declared in schema\n"
        '  .spec.template.spec.containers[name="b"].imagePullPolcy: field not declared in schema\n'
        f"  {port}: field not declared in schema"
    )
    assert undeclared.drop(one, message)
    assert one["spec"] == {
        "template": {
            "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}
        }
    }
    assert not undeclared.drop(one, message)
    single = "failed to create typed patch object (ns/d; /v1, Kind=ConfigMap): .bar: field not declared in schema"
    assert undeclared.drop(obj("ConfigMap", "c", bar=1), single)
    assert not undeclared.drop(obj("Widget", "w", "example.com/v1", bar=1), single)


def managed(*entries: tuple[str, str, Obj]) -> Obj:
    one = obj("ConfigMap", "x")
    one["metadata"]["managedFields"] = [
        {"manager": manager, "operation": operation, "fieldsV1": fields} for manager, operation, fields in entries
    ]
    return one


def test_fields_of_kubectl_are_taken_over() -> None:
    one = managed(
        ("kustomize-controller", "Apply", {"f:data": {"f:a": {}}}),
        ("kubectl-client-side-apply", "Update", {"f:data": {"f:b": {}}}),
        ("other", "Update", {"f:data": {"f:c": {}}}),
    )
    one["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    patch = cleanup.patches(one, "kustomize-controller")
    assert patch[0] == {
        "op": "remove",
        "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    }
    assert [entry["manager"] for entry in patch[1]["value"]] == ["other", "kustomize-controller"]
    assert patch[1]["value"][1]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}


def test_a_first_apply_renames_the_earlier_manager() -> None:
    patch = cleanup.patches(managed(("kubectl", "Update", {"f:data": {}})), "kustomize-controller")
    assert patch[0]["value"] == [{"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": {"f:data": {}}}]


def test_nothing_is_taken_over_from_others() -> None:
    assert (
        cleanup.patches(managed(("helm", "Update", {}), ("kustomize-controller", "Apply", {})), "kustomize-controller")
        == []
    )


def test_drift_is_what_is_outside_metadata_and_status() -> None:
    before = obj("ConfigMap", "x", data={"a": "b"}, status={"x": 1})
    after = copy.deepcopy(before)
    after["status"] = {}
    after["metadata"]["resourceVersion"] = "2"
    assert not drifted(before, after)
    assert drifted(before, {**after, "data": {"a": "c"}})
    after["metadata"]["labels"] = {"a": "b"}
    assert drifted(before, after)


def test_ignore_rules() -> None:
    rules = IgnoreRules([{"paths": ["/spec/replicas"], "target": {"kind": "Deployment", "labelSelector": "app=web"}}])
    wanted = obj("Deployment", "web", "apps/v1", spec={"replicas": 1, "paused": False})
    wanted["metadata"]["labels"] = {"app": "web"}
    existing = {**copy.deepcopy(wanted), "spec": {"replicas": 5, "paused": False}}
    paths = rules.paths(wanted)
    assert paths == ["/spec/replicas"]
    assert rules.without(existing, paths)["spec"] == {"paused": False}
    assert rules.merged(wanted, existing, wanted, paths, "kustomize-controller")["spec"]["replicas"] == 5
    existing["metadata"]["managedFields"] = [
        {"manager": "hpa", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    ]
    assert rules.merged(wanted, existing, wanted, paths, "kustomize-controller")["spec"] == {"paused": False}
    assert rules.paths(obj("ConfigMap", "web")) == []


# -- health, order, time


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ([], "InProgress"),
        ([("Complete", "True")], "Current"),
        ([("Failed", "True")], "Failed"),
        ([("Complete", "False")], "InProgress"),
    ],
)
def test_a_job_counts_when_it_is_finished(conditions: list[tuple[str, str]], status: str) -> None:
    one = obj("Job", "j", "batch/v1", status={"conditions": [{"type": t, "status": s} for t, s in conditions]})
    assert _job(one) == status


def test_expressions_decide_health() -> None:
    rule = {"apiVersion": "x.io/v1", "kind": "W", "current": "status.state == 'ok'", "failed": "status.state == 'bad'"}
    decide = judge([rule])
    assert decide is not None
    assert decide(obj("W", "w", "x.io/v1", status={"state": "ok"})) == "Current"
    assert decide(obj("W", "w", "x.io/v1", status={"state": "bad"})) == "Failed"
    assert decide(obj("W", "w", "x.io/v1", status={"state": "new"})) == "InProgress"
    assert decide(obj("Other", "w", "x.io/v1")) is None
    late = obj("W", "w", "x.io/v1", status={"state": "ok", "observedGeneration": 1})
    late["metadata"]["generation"] = 2
    assert decide(late) == "InProgress"
    with pytest.raises(BadHealthCheck):
        judge([{**rule, "current": "status.state =="}])
    assert judge([]) is None


def kustomization(name: str, *dependencies: str) -> Obj:
    spec = {"dependsOn": [{"name": each} for each in dependencies], "sourceRef": {"kind": "GitRepository", "name": "s"}}
    return obj("Kustomization", name, "kustomize.toolkit.fluxcd.io/v1", spec=spec)


def test_circles_are_found() -> None:
    known = {
        Key("ns", one["metadata"]["name"]): one
        for one in (
            kustomization("a", "b"),
            kustomization("b", "c"),
            kustomization("c", "a"),
            kustomization("d", "a"),
            kustomization("e"),
        )
    }
    assert [key.name for key in depends.cycle(Key("ns", "a"), known.get)] == ["a", "b", "c", "a"]
    assert depends.cycle(Key("ns", "d"), known.get) == []
    assert depends.cycle(Key("ns", "e"), known.get) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"interval": "10m"}, 570),
        ({"interval": "10s"}, 30),
        ({"interval": "1h", "timeout": "2m"}, 120),
        ({"interval": "1h", "timeout": "1s"}, 30),
    ],
)
def test_timeouts(spec: Obj, expected: float) -> None:
    assert timeout_of(spec) == expected


# -- the build cache


def test_a_build_is_named_by_its_folders_files(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "apps").mkdir(parents=True)
        (tmp_path / folder / "apps" / "x.yaml").write_text("a")
    first, second = {"digest": "sha256:1"}, {"digest": "sha256:2"}
    name = buildcache.key(first, str(tmp_path / "one"), "apps", {})
    assert buildcache.key(second, str(tmp_path / "two"), "apps", {}) == name
    assert buildcache.key(first, str(tmp_path / "one"), "apps", {"namePrefix": "x"}) != name
    (tmp_path / "two" / "apps" / "x.yaml").write_text("b")
    assert buildcache.key(second, str(tmp_path / "two"), "apps", {}) != name
    for folder in ("one", "two"):
        (tmp_path / folder / "apps" / "kustomization.yaml").write_text("resources: [../base]")
        (tmp_path / folder / "apps" / "x.yaml").write_text("a")
    assert buildcache.key(first, str(tmp_path / "one"), "apps", {}) != buildcache.key(
        second, str(tmp_path / "two"), "apps", {}
    )


def test_the_cache_is_bounded() -> None:
    import random

    source = random.Random(1)
    cache = buildcache.BuildCache(max_bytes=10_000)
    texts = {str(n): "".join(source.choices("0123456789abcdef", k=1500)) for n in range(40)}
    for name, text in texts.items():
        cache.put(name, text)
    found = [name for name in texts if cache.get(name) is not None]
    assert 0 < len(found) < 40
    assert all(cache.get(name) == texts[name] for name in found)
    cache.put("huge", "".join(source.choices("0123456789abcdef", k=100_000)))
    assert cache.get("huge") is None
