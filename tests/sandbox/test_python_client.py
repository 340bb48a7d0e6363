"""The official Python client reads, writes and watches."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch

from tests.sandbox.running import Sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> client.ApiClient:
    """A client of the sandbox."""
    return config.new_client_from_config(sandbox.kubeconfig)


def test_objects_are_made_changed_and_deleted(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    made = core.create_namespaced_config_map(
        namespace, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"k": "v"})
    )
    made.data["k"] = "w"
    changed = core.replace_namespaced_config_map("a", namespace, made)
    assert changed.data == {"k": "w"}
    with pytest.raises(client.ApiException) as conflict:
        core.replace_namespaced_config_map("a", namespace, made)
    assert conflict.value.status == 409
    core.patch_namespaced_config_map("a", namespace, {"data": {"l": "m"}})
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "w", "l": "m"}
    core.delete_namespaced_config_map("a", namespace)
    with pytest.raises(client.ApiException) as gone:
        core.read_namespaced_config_map("a", namespace)
    assert gone.value.status == 404


def test_a_watch_sees_every_change_in_order(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    start = core.list_namespaced_config_map(namespace).metadata.resource_version
    seen: list[tuple[str, str]] = []

    def follow() -> None:
        stream = watch.Watch().stream(
            core.list_namespaced_config_map, namespace, resource_version=start, label_selector="w", timeout_seconds=10
        )
        for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                return

    thread = threading.Thread(target=follow)
    thread.start()
    for i in range(20):
        meta = client.V1ObjectMeta(name=f"m{i}", labels={"w": "1"})
        core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta))
    core.patch_namespaced_config_map("m0", namespace, {"data": {"a": "b"}})
    core.delete_namespaced_config_map("m0", namespace)
    thread.join(15)
    wanted = [("ADDED", f"m{i}") for i in range(20)]
    assert seen == [*wanted, ("MODIFIED", "m0"), ("DELETED", "m0")]


def test_pages_hold_every_object_once(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    for i in range(25):
        meta = client.V1ObjectMeta(name=f"p{i:02}", labels={"page": "1"})
        core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta))
    names: list[str] = []
    token: Any = None
    while True:
        page = core.list_namespaced_config_map(namespace, label_selector="page", limit=10, _continue=token)
        names += [i.metadata.name for i in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"p{i:02}" for i in range(25)]


def test_the_dynamic_client_discovers_and_applies(api: client.ApiClient, namespace: str) -> None:
    resources = dynamic.DynamicClient(api).resources.get(api_version="apps/v1", kind="Deployment")
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    }
    made = resources.server_side_apply(body=body, name="d", namespace=namespace, field_manager="tests")
    assert made.spec.replicas == 1
    assert resources.get(name="d", namespace=namespace).metadata.generation == 1
