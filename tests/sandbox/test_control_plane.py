"""What a control plane does beside the API: garbage collection, namespaces, finalizers, statuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.running import Sandbox
from tests.sandbox.test_crash import Api

MERGE = "application/merge-patch+json"


def until(test: Callable[[], Any], seconds: float = 10) -> Any:
    """The first true value of a test."""
    deadline = time.monotonic() + seconds
    while True:
        found = test()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _owned(api: Api, namespace: str, name: str, owner: Any, **extra: Any) -> None:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    meta = {"name": name, "ownerReferences": [{**reference, **extra}]}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    assert api("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)[0] == 201


@pytest.fixture
def owner(sandbox: Sandbox, namespace: str) -> Any:
    """A ConfigMap that owns others."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}
    return Api(sandbox)("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)[1]


def test_background_deletion_takes_dependents_along(sandbox: Sandbox, namespace: str, owner: Any) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}/configmaps"
    _owned(api, namespace, "child", owner)
    child = api("GET", f"{base}/child")[1]
    _owned(api, namespace, "grandchild", child)
    api("DELETE", f"{base}/owner?propagationPolicy=Background")
    until(lambda: api("GET", f"{base}/grandchild")[0] == 404 and api("GET", f"{base}/child")[0] == 404)


def test_foreground_deletion_waits_for_dependents(sandbox: Sandbox, namespace: str, owner: Any) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}/configmaps"
    _owned(api, namespace, "child", owner, blockOwnerDeletion=True)
    api("PATCH", f"{base}/child", {"metadata": {"finalizers": ["example.org/hold"]}}, MERGE)
    code, answer = api("DELETE", f"{base}/owner?propagationPolicy=Foreground")
    assert (code, answer["metadata"]["finalizers"]) == (200, ["foregroundDeletion"])
    until(lambda: api("GET", f"{base}/child")[1]["metadata"].get("deletionTimestamp"))
    assert api("GET", f"{base}/owner")[0] == 200
    api("PATCH", f"{base}/child", {"metadata": {"finalizers": None}}, MERGE)
    until(lambda: api("GET", f"{base}/owner")[0] == 404)


def test_orphaned_dependents_stay(sandbox: Sandbox, namespace: str, owner: Any) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}/configmaps"
    _owned(api, namespace, "child", owner)
    api("DELETE", f"{base}/owner?propagationPolicy=Orphan")
    until(lambda: api("GET", f"{base}/owner")[0] == 404)
    assert "ownerReferences" not in api("GET", f"{base}/child")[1]["metadata"]


def test_an_object_whose_owner_never_was_is_collected(sandbox: Sandbox, namespace: str, owner: Any) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}/configmaps"
    other = {"metadata": {"name": "gone", "uid": "11111111-1111-1111-1111-111111111111"}}
    _owned(api, namespace, "child", other)
    until(lambda: api("GET", f"{base}/child")[0] == 404)


def test_a_namespace_goes_when_its_content_does(sandbox: Sandbox, namespace: str, owner: Any) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}/configmaps"
    api("PATCH", f"{base}/owner", {"metadata": {"finalizers": ["example.org/hold"]}}, MERGE)
    _, answer = api("DELETE", f"/api/v1/namespaces/{namespace}")
    assert answer["status"]["phase"] == "Terminating"
    code, refused = api("POST", base, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}})
    assert code == 403
    assert "because it is being terminated" in refused["message"]
    until(lambda: api("GET", f"{base}/owner")[1]["metadata"].get("deletionTimestamp"))
    api("PATCH", f"{base}/owner", {"metadata": {"finalizers": None}}, MERGE)
    until(lambda: api("GET", f"/api/v1/namespaces/{namespace}")[0] == 404)


def test_a_namespace_that_cannot_go_says_what_holds_it(sandbox: Sandbox, namespace: str, owner: Any) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}"
    held = {"metadata": {"finalizers": ["example.org/hold", "example.org/more"]}}
    api("PATCH", f"{base}/configmaps/owner", held, MERGE)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "finalizers": ["example.org/hold"]}}
    api("POST", f"{base}/secrets", secret)
    api("DELETE", base)

    def told() -> dict[str, Any]:
        conditions = api("GET", base)[1].get("status", {}).get("conditions") or []
        return {c["type"]: (c["status"], c["reason"], c["message"]) for c in conditions}

    found = until(told)
    assert found["NamespaceDeletionContentFailure"][:2] == ("False", "ContentDeleted")
    assert found["NamespaceContentRemaining"] == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: configmaps. has 1 resource instances, secrets. has 1 resource instances",
    )
    assert found["NamespaceFinalizersRemaining"] == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: example.org/hold in 2 resource instances, "
        "example.org/more in 1 resource instances",
    )
    api("PATCH", f"{base}/secrets/s", {"metadata": {"finalizers": None}}, MERGE)
    rest = "Some resources are remaining: configmaps. has 1 resource instances"
    until(lambda: told()["NamespaceContentRemaining"][2] == rest)
    api("PATCH", f"{base}/configmaps/owner", {"metadata": {"finalizers": None}}, MERGE)
    until(lambda: api("GET", base)[0] == 404)


def test_every_namespace_has_its_account_and_certificate(sandbox: Sandbox, namespace: str) -> None:
    api, base = Api(sandbox), f"/api/v1/namespaces/{namespace}"
    until(lambda: api("GET", f"{base}/serviceaccounts/default")[0] == 200)
    found = until(lambda: api("GET", f"{base}/configmaps/kube-root-ca.crt")[1].get("data"))
    assert "BEGIN CERTIFICATE" in found["ca.crt"]


@pytest.mark.parametrize("kind", ["deployments", "statefulsets", "daemonsets"])
def test_workloads_become_ready_or_fail_when_told_to(sandbox: Sandbox, namespace: str, kind: str) -> None:
    api, base = Api(sandbox), f"/apis/apps/v1/namespaces/{namespace}/{kind}"
    ready = {"deployments": "readyReplicas", "statefulsets": "readyReplicas", "daemonsets": "numberReady"}[kind]
    for name, notes in (("good", {}), ("bad", {"sandbox.pyflux.dev/fail": "no image"})):
        body = {
            "apiVersion": "apps/v1",
            "kind": {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}[kind],
            "metadata": {"name": name, "annotations": notes},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            },
        }
        assert api("POST", base, body)[0] == 201
    until(lambda: api("GET", f"{base}/good")[1]["status"].get(ready) == 1)
    status = until(
        lambda: (
            api("GET", f"{base}/bad")[1]["status"].get("observedGeneration") and api("GET", f"{base}/bad")[1]["status"]
        )
    )
    assert not status.get(ready)
    if kind == "deployments":
        progressing = next(c for c in status["conditions"] if c["type"] == "Progressing")
        assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
        assert "no image" in progressing["message"]


@pytest.mark.parametrize(
    ("annotations", "condition"), [({}, "Complete"), ({"sandbox.pyflux.dev/fail": "exit 1"}, "Failed")]
)
def test_jobs_end(sandbox: Sandbox, namespace: str, annotations: dict[str, str], condition: str) -> None:
    api, base = Api(sandbox), f"/apis/batch/v1/namespaces/{namespace}/jobs"
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    meta = {"name": "j", "annotations": annotations}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": {"spec": pod}}}
    assert api("POST", base, body)[0] == 201
    found = until(lambda: api("GET", f"{base}/j")[1]["status"].get("conditions"))
    assert {c["type"] for c in found if c["status"] == "True"} >= {condition}


def test_a_watch_from_before_a_restart_is_told_to_list_again(fresh: Sandbox) -> None:
    fresh.start()
    api = Api(fresh)
    base = "/api/v1/namespaces/default/configmaps"
    _, made = api("POST", base, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    api("PATCH", f"{base}/a", {"data": {"k": "v"}}, MERGE)
    fresh.kill()
    fresh.start()
    version = made["metadata"]["resourceVersion"]
    code, answer = Api(fresh)("GET", f"{base}?watch=1&timeoutSeconds=1&resourceVersion={version}")
    assert code == 200
    assert (answer["type"], answer["object"]["code"], answer["object"]["reason"]) == ("ERROR", 410, "Expired")
