from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeClient, make_env, messages

from pyflux.errors import Forbidden
from pyflux.verbs.components import assess, explain

READY = {
    "observedGeneration": 1,
    "replicas": 1,
    "updatedReplicas": 1,
    "readyReplicas": 1,
    "availableReplicas": 1,
    "conditions": [
        {"type": "Available", "status": "True"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
    ],
}


def deployment(name: str, status: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "flux-system", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}},
        "status": status or {},
    }


def pod(name: str, app: str, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "flux-system", "labels": {"app": app}},
        "status": status,
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "manager", "image": "reg/helm:v1", "state": state, **more}]}


def test_all_ready_in_the_order_of_their_names():
    client = FakeClient([deployment("b", READY), deployment("a", READY)])
    env = make_env()
    assert assess(env, client, ["b", "a"], poll=1)
    assert messages(env) == ["✔ a: deployment ready", "✔ b: deployment ready"]
    assert env.monotonic() == 0


def test_waits_until_the_time_is_over_and_says_why_once():
    back_off = waiting("ImagePullBackOff", "no such image")
    client = FakeClient([deployment("a", READY), deployment("b"), pod("b-1", "b", **back_off)])
    env = make_env(timeout=10)
    assert not assess(env, client, ["a", "b", "c"], poll=1)
    assert messages(env) == [
        "⚠️ b: pod b-1 cannot pull image reg/helm:v1: no such image",
        "✔ a: deployment ready",
        "✗ b: deployment not ready",
        "✗ c: deployment not found",
    ]
    assert 10 <= env.monotonic() < 11.1


def test_becomes_ready_while_waiting():
    client = FakeClient([deployment("a")])
    env = make_env()
    sleep = env.sleep

    def later(seconds: float) -> None:
        sleep(seconds)
        if env.monotonic() >= 3:
            client.put(deployment("a", READY))

    env.sleep = later
    assert assess(env, client, ["a"], poll=1)
    assert env.monotonic() == 3


def test_other_errors_are_raised():
    client = FakeClient()
    client.refuse["get deployments"] = Forbidden("no", status=403)
    with pytest.raises(Forbidden):
        assess(make_env(), client, ["a"], poll=1)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            waiting("CrashLoopBackOff", "back-off 10s", lastState={"terminated": {"exitCode": 2}}),
            "pod a-1 keeps crashing (exit code 2): back-off 10s",
        ),
        (waiting("InvalidImageName"), "pod a-1 has a wrong image name reg/helm:v1"),
        (
            waiting("CreateContainerConfigError", 'secret "x" not found'),
            'pod a-1 cannot be configured: secret "x" not found',
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]},
            "pod a-1 has no node: 0/1 nodes are available",
        ),
    ],
)
def test_reasons_of_pods(status: dict[str, Any], reason: str):
    assert explain(deployment("a"), [pod("a-1", "a", **status)]) == [reason]


def test_refused_pods():
    status = {
        "conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "pods is forbidden: exceeded quota: q"},
        ]
    }
    assert explain(deployment("a", status), []) == ["its pods are refused: pods is forbidden: exceeded quota: q"]


def test_pods_that_are_fine_or_going_give_no_reason():
    going = pod("a-1", "a", **waiting("ErrImagePull"))
    going["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    assert explain(deployment("a"), [going, pod("a-2", "a", **waiting("ContainerCreating"))]) == []
