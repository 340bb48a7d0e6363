from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeClient, make_env, messages
from test_check import WITNESS, crd

from pyflux.errors import Conflict, Forbidden, PyfluxError
from pyflux.verbs.migrate import cluster
from pyflux.verbs.migrate.cluster import managed_fields_patch, migrate_cluster, storage_version

V1 = "source.toolkit.fluxcd.io/v1"


def definition(stored: list[str]) -> dict[str, Any]:
    return {
        **crd(WITNESS, stored),
        "spec": {
            "group": "source.toolkit.fluxcd.io",
            "scope": "Namespaced",
            "names": {"kind": "GitRepository", "plural": "gitrepositories"},
            "versions": [{"name": "v1beta2", "storage": False}, {"name": "v1", "storage": True}],
        },
    }


def repository(name: str, *versions: str) -> dict[str, Any]:
    fields = [{"manager": "flux", "apiVersion": version} for version in versions]
    metadata = {"name": name, "namespace": "apps", "resourceVersion": "7", "managedFields": fields}
    return {"apiVersion": V1, "kind": "GitRepository", "metadata": metadata}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient([definition(["v1beta2", "v1"]), repository("new", V1), repository("old", "x/v1beta2", V1)])
    monkeypatch.setattr(cluster, "connect", lambda env, failed: fake)
    return fake


def patches(client: FakeClient) -> list[str]:
    return [call for call in client.calls if call.startswith("patch")]


def test_objects_are_written_and_the_crd_says_so(client: FakeClient):
    env = make_env()
    migrate_cluster(env)
    assert messages(env) == [
        "► starting migration of custom resources",
        "✔ GitRepository/apps/new migrated to version v1",
        "✔ GitRepository/apps/old migrated to version v1",
        f"✔ {WITNESS} migrated to storage version v1",
        "✔ custom resources migrated successfully",
    ]
    new, old, status = patches(client)
    assert new == "patch gitrepositories new merge {}"
    assert old.startswith("patch gitrepositories old json [{")
    assert status == (
        f'patch customresourcedefinitions {WITNESS} merge/status {{"status": {{"storedVersions": ["v1"]}}}}'
    )


def test_a_crd_that_is_up_to_date_is_left_alone(client: FakeClient):
    client.put(definition(["v1"]))
    migrate_cluster(make_env())
    assert not [call for call in patches(client) if "customresourcedefinitions" in call]


def test_conflicts_are_tried_again_and_given_up(client: FakeClient):
    client.refuse["patch old"] = Conflict("changed", status=409)
    env = make_env()
    with pytest.raises(Conflict):
        migrate_cluster(env)
    assert len([call for call in patches(client) if "old" in call]) == 5


def test_errors_name_the_object(client: FakeClient):
    client.refuse["patch new"] = Forbidden("no", status=403)
    with pytest.raises(Forbidden, match=r"^GitRepository/apps/new failed to migrate: no$"):
        migrate_cluster(make_env())


def test_managed_fields_move_to_the_version():
    patch = managed_fields_patch(repository("old", "x/v1beta2", V1), V1)
    assert patch == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [{"manager": "flux", "apiVersion": V1}, {"manager": "flux", "apiVersion": V1}],
        },
    ]
    assert managed_fields_patch(repository("new", V1), V1) == []
    assert managed_fields_patch(repository("bare"), V1) == []


def test_storage_version():
    assert storage_version(definition([])) == "v1"
    with pytest.raises(PyfluxError, match=r"no storage version found for CRD"):
        storage_version({"metadata": {"name": "a"}, "spec": {"versions": []}})
