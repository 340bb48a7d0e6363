"""Creating, updating and waiting, with a cluster of dicts."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest

from pyflux.catalog.kinds import ALERT, KUSTOMIZATION
from pyflux.catalog.resources import Resource
from pyflux.env import Env
from pyflux.errors import Conflict, KubeError, NoMatch, NotFound, PyfluxError, TimedOut, Unreachable
from pyflux.verbs.create import tenant
from pyflux.verbs.create.apply import create_or_change, upsert, wait_ready
from pyflux.verbs.create.secret_apply import upsert_secret

Obj = dict[str, Any]


class Cluster:
    """What the verbs use of a client."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Obj] = {}
        self.writes: list[str] = []
        self.conflicts = 0
        self.on_get: Callable[[Obj], None] = lambda obj: None
        self.missing: type[NotFound] = NotFound

    def get(self, resource: Resource, name: str, namespace: str = "") -> Obj:
        found = self.objects.get((resource.kind, namespace, name))
        if found is None:
            raise self.missing(f'{resource.group_resource} "{name}" not found', status=404)
        self.on_get(found)
        return copy.deepcopy(found)

    def create(self, resource: Resource, obj: Obj) -> Obj:
        self.writes.append("create")
        return self._put(resource, obj)

    def replace(self, resource: Resource, obj: Obj) -> Obj:
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("the object has been modified", status=409)
        self.writes.append("replace")
        return self._put(resource, obj)

    def delete(self, resource: Resource, name: str, namespace: str = "") -> Obj:
        self.writes.append("delete")
        return self.objects.pop((resource.kind, namespace, name))

    def _put(self, resource: Resource, obj: Obj) -> Obj:
        meta = obj["metadata"]
        self.objects[resource.kind, meta.get("namespace", ""), meta["name"]] = copy.deepcopy(obj)
        return obj


def kustomization(**spec: Any) -> Obj:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "web", "namespace": "apps", "labels": {"a": "b"}},
        "spec": spec,
    }


def world() -> tuple[Env, io.StringIO, list[float]]:
    said, clock = io.StringIO(), [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    env = Env(stderr=said, stdin=io.StringIO(), sleep=sleep, monotonic=lambda: clock[0])
    env.kube.timeout = 60.0
    return env, said, clock


def test_created_then_updated() -> None:
    cluster: Any = Cluster()
    env, said, _ = world()
    upsert(env, cluster, KUSTOMIZATION.resource, kustomization(path="./a"), "Kustomization")
    cluster.objects["Kustomization", "apps", "web"]["status"] = {"kept": True}
    changed = kustomization(path="./b")
    del changed["metadata"]["labels"]
    upsert(env, cluster, KUSTOMIZATION.resource, changed, "Kustomization")
    assert said.getvalue() == "✔ Kustomization created\n✔ Kustomization updated\n"
    stored = cluster.objects["Kustomization", "apps", "web"]
    assert stored["spec"] == {"path": "./b"}
    assert "labels" not in stored["metadata"]
    assert stored["status"] == {"kept": True}


def test_nothing_is_written_where_nothing_changes() -> None:
    cluster: Any = Cluster()
    env, said, _ = world()
    for _ in range(2):
        upsert(env, cluster, KUSTOMIZATION.resource, kustomization(path="./a"), "X", silent_when_same=True)
    assert cluster.writes == ["create"]
    assert said.getvalue() == "✔ X created\n"


def test_conflicts_are_settled_by_reading_again() -> None:
    cluster: Any = Cluster()
    cluster.create(KUSTOMIZATION.resource, kustomization(path="./a"))
    cluster.conflicts = 2

    def change(obj: Obj) -> None:
        obj["spec"] = {"path": "./b"}

    assert create_or_change(cluster, KUSTOMIZATION.resource, kustomization(), change) == "updated"
    cluster.conflicts = 3
    cluster.objects["Kustomization", "apps", "web"]["spec"] = {}
    with pytest.raises(Conflict):
        create_or_change(cluster, KUSTOMIZATION.resource, kustomization(), change)


def test_a_kind_that_is_not_installed_is_not_created() -> None:
    cluster: Any = Cluster()
    cluster.missing = NoMatch
    with pytest.raises(NoMatch):
        create_or_change(cluster, KUSTOMIZATION.resource, kustomization(), lambda obj: None)
    assert cluster.writes == []


def ready(obj: Obj, status: str, *, observed: int = 1, generation: int = 1, reason: str = "") -> None:
    obj["metadata"]["generation"] = generation
    condition = {"type": "Ready", "status": status, "message": "the reason", "observedGeneration": observed}
    conditions = [condition]
    if reason == "Stalled":
        conditions.append({"type": "Stalled", "status": "True", "message": "will not get better"})
    obj["status"] = {"observedGeneration": observed, "conditions": conditions}


def test_waits_until_the_newest_generation_is_ready() -> None:
    cluster: Any = Cluster()
    env, _, clock = world()
    cluster.create(KUSTOMIZATION.resource, kustomization())
    looks = []

    def progress(obj: Obj) -> None:
        looks.append(1)
        obj["metadata"]["generation"] = 2
        if len(looks) == 3:
            ready(obj, "True", observed=1, generation=2)
        if len(looks) == 6:
            ready(obj, "True", observed=2, generation=2)

    cluster.on_get = progress
    found = wait_ready(env, cluster, KUSTOMIZATION.resource, kustomization(), 60.0)
    assert found["status"]["observedGeneration"] == 2
    assert len(looks) == 6
    assert 0 < clock[0] < 10


@pytest.mark.parametrize("error", [Unreachable("gone"), KubeError("no leader", status=500)])
def test_an_api_server_that_comes_back_is_waited_for(error: KubeError) -> None:
    cluster: Any = Cluster()
    env, _, clock = world()
    cluster.create(KUSTOMIZATION.resource, kustomization())
    looks = []

    def away(obj: Obj) -> None:
        looks.append(1)
        if len(looks) < 4:
            raise error
        ready(obj, "True")

    cluster.on_get = away
    wait_ready(env, cluster, KUSTOMIZATION.resource, kustomization(), 60.0)
    assert len(looks) == 4
    cluster.on_get = lambda obj: (_ for _ in ()).throw(error)
    with pytest.raises(type(error)):
        wait_ready(env, cluster, KUSTOMIZATION.resource, kustomization(), 60.0)
    assert clock[0] >= 60


def test_stalled_objects_end_the_wait() -> None:
    cluster: Any = Cluster()
    env, _, clock = world()
    obj = kustomization()
    ready(obj, "False", reason="Stalled")
    cluster.create(KUSTOMIZATION.resource, obj)
    with pytest.raises(PyfluxError, match="will not get better"):
        wait_ready(env, cluster, KUSTOMIZATION.resource, obj, 60.0)
    assert clock[0] == 0


def test_the_wait_has_an_end_and_says_why() -> None:
    cluster: Any = Cluster()
    env, _, clock = world()
    obj = kustomization()
    ready(obj, "False")
    cluster.create(KUSTOMIZATION.resource, obj)
    with pytest.raises(TimedOut, match="context deadline exceeded") as caught:
        wait_ready(env, cluster, KUSTOMIZATION.resource, obj, 60.0)
    assert "Kustomization apps/web is not ready after 1m0s: the reason" in caught.value.hint
    assert clock[0] == pytest.approx(60.0)


def test_a_report_on_an_older_generation_is_no_reason() -> None:
    cluster: Any = Cluster()
    env, _, _ = world()
    obj = kustomization()
    ready(obj, "True", observed=1, generation=2)
    cluster.create(KUSTOMIZATION.resource, obj)
    with pytest.raises(TimedOut) as caught:
        wait_ready(env, cluster, KUSTOMIZATION.resource, obj, 60.0)
    assert "its controller has not reported on what was just applied" in caught.value.hint


def test_static_objects_are_ready_at_once() -> None:
    cluster: Any = Cluster()
    env, _, clock = world()
    alert = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": "Alert",
        "metadata": {"name": "a", "namespace": "b"},
    }
    cluster.create(ALERT.resource, alert)
    wait_ready(env, cluster, ALERT.resource, alert, 60.0, static=True)
    assert clock[0] == 0


def test_secrets_are_added_to() -> None:
    cluster: Any = Cluster()
    meta = {"name": "s", "namespace": "n"}
    first = {"apiVersion": "v1", "kind": "Secret", "metadata": {**meta, "labels": {"a": "b"}}, "stringData": {"x": "1"}}
    upsert_secret(cluster, first)
    second = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**meta, "labels": {"c": "d"}},
        "stringData": {"y": "2"},
    }
    upsert_secret(cluster, second)
    stored = cluster.objects["Secret", "n", "s"]
    assert stored["metadata"]["labels"] == {"a": "b", "c": "d"}
    assert stored["stringData"] == {"y": "2"}


def test_tenants_keep_what_is_right_and_replace_what_is_not() -> None:
    cluster: Any = Cluster()
    part = tenant.build("dev", "front", "dev", "view", {})
    for _ in range(2):
        tenant._upsert_labelled(cluster, part.namespace)
        tenant._upsert_labelled(cluster, part.account)
        tenant._upsert_binding(cluster, part.binding)
    assert cluster.writes == ["create"] * 3
    tenant._upsert_binding(cluster, tenant.build("dev", "front", "dev", "edit", {}).binding)
    assert cluster.writes[3:] == ["delete", "create"]
    assert cluster.objects["RoleBinding", "front", "dev-reconciler"]["roleRef"]["name"] == "edit"
    tenant._upsert_labelled(cluster, tenant.build("dev", "front", "dev", "edit", {"x": "y"}).namespace)
    assert cluster.objects["Namespace", "", "front"]["metadata"]["labels"]["x"] == "y"
