"""Journeys of a day with GitOps: what is committed is applied, stays applied, and goes when it is removed."""

from __future__ import annotations

from tests.e2e.pairs import condition, wait_until
from tests.e2e.world import SOURCE, World, config_map


def test_sync_applies_what_the_repository_holds(world: World) -> None:
    revision = world.commit({"apps/web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps", "./apps")
    obj = world.ready("apps", revision)
    assert world.config_map("web") == {"color": "blue"}
    assert obj["status"]["inventory"]["entries"] == [{"id": f"{world.namespace}_web__ConfigMap", "v": "v1"}]
    assert condition(obj, "Ready")["message"] == f"Applied revision: {revision}"
    assert condition(obj, "Ready")["reason"] == "ReconciliationSucceeded"
    listed = world.flux("get", "kustomizations").out
    assert "apps" in listed
    assert "True" in listed


def test_a_commit_rolls_out_with_reconcile_with_source(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    revision = world.commit({"web.yaml": config_map("web", world.namespace, color="green")})
    said = world.reconcile("apps")
    assert f"applied revision {revision}" in said.err + said.out
    assert world.config_map("web") == {"color": "green"}


def test_a_commit_rolls_out_when_the_source_sees_it(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    revision = world.commit({"web.yaml": config_map("web", world.namespace, color="green")})
    world.flux("reconcile", "source", "git", SOURCE)
    world.ready("apps", revision)
    assert world.config_map("web") == {"color": "green"}


def test_drift_is_repaired(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    client = world.pair.client
    where = client.resource_for("v1", "ConfigMap")
    client.patch(where, "web", world.namespace, {"data": {"color": "red"}}, field_manager="somebody")
    world.reconcile("apps")
    assert world.config_map("web") == {"color": "blue"}
    client.delete(where, "web", world.namespace)
    world.reconcile("apps")
    assert world.config_map("web") == {"color": "blue"}


def test_drift_is_repaired_at_each_interval(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps", interval="2s")
    world.ready("apps")
    where = world.pair.client.resource_for("v1", "ConfigMap")
    world.pair.client.delete(where, "web", world.namespace)
    wait_until("the ConfigMap is back", lambda: world.config_map("web") == {"color": "blue"}, 30)


def test_suspended_nothing_rolls_out_until_resumed(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    world.flux("suspend", "kustomization", "apps")
    revision = world.commit({"web.yaml": config_map("web", world.namespace, color="green")})
    world.flux("reconcile", "source", "git", SOURCE)
    wait_until(
        "the source has the commit",
        lambda: world.pair.source(SOURCE, world.namespace)["status"]["artifact"]["revision"] == revision,
    )
    assert world.reconcile("apps", check=False).code != 0
    assert world.config_map("web") == {"color": "blue"}
    world.flux("resume", "kustomization", "apps")
    world.ready("apps", revision)
    assert world.config_map("web") == {"color": "green"}


def test_a_suspended_source_fetches_nothing(world: World) -> None:
    revision = world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    world.ready("apps", revision)
    world.flux("suspend", "source", "git", SOURCE)
    newer = world.commit({"web.yaml": config_map("web", world.namespace, color="green")})
    assert world.flux("reconcile", "source", "git", SOURCE, "--timeout", "5s", check=False).code != 0
    assert world.pair.source(SOURCE, world.namespace)["status"]["artifact"]["revision"] == revision
    world.flux("resume", "source", "git", SOURCE)
    world.ready("apps", newer)


def test_what_is_removed_is_pruned(world: World) -> None:
    world.commit(
        {
            "web.yaml": config_map("web", world.namespace, color="blue"),
            "db.yaml": config_map("db", world.namespace, size="1"),
        }
    )
    world.add_source()
    world.add("apps")
    world.ready("apps")
    world.commit({"db.yaml": None})
    world.reconcile("apps")
    assert world.config_map("web") is not None
    assert world.config_map("db") is None
    entries = world.kustomization("apps")["status"]["inventory"]["entries"]
    assert [entry["id"] for entry in entries] == [f"{world.namespace}_web__ConfigMap"]


def test_prune_spares_what_opted_out(world: World) -> None:
    kept = config_map("kept", world.namespace, a="b").replace(
        "metadata:\n", "metadata:\n  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n"
    )
    world.commit({"web.yaml": config_map("web", world.namespace, a="b"), "kept.yaml": kept})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    world.commit({"kept.yaml": None})
    world.reconcile("apps")
    assert world.config_map("kept") == {"a": "b"}


def test_without_prune_what_is_removed_stays(world: World) -> None:
    world.commit(
        {"web.yaml": config_map("web", world.namespace, a="b"), "db.yaml": config_map("db", world.namespace, a="b")}
    )
    world.add_source()
    world.add("apps", prune=False)
    world.ready("apps")
    world.commit({"db.yaml": None})
    world.reconcile("apps")
    assert world.config_map("db") == {"a": "b"}


def test_deleting_a_kustomization_deletes_what_it_applied(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    world.flux("delete", "kustomization", "apps", "--silent")
    wait_until("the ConfigMap is gone", lambda: world.config_map("web") is None, 30)


def test_an_orphaned_kustomization_leaves_its_objects(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps", deletionPolicy="Orphan")
    world.ready("apps")
    world.flux("delete", "kustomization", "apps", "--silent")
    gone = lambda: world.pair.get("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps", world.namespace) is None  # noqa: E731
    wait_until("the Kustomization is gone", gone, 30)
    assert world.config_map("web") == {"color": "blue"}


def test_sources_and_kustomizations_made_by_command(world: World) -> None:
    revision = world.commit({"apps/web.yaml": config_map("web", world.namespace, color="blue")})
    url = world.pair.git.url_of(world.namespace)
    world.flux("create", "source", "git", SOURCE, "--url", url, "--branch", "main", "--interval", "1h")
    created = world.flux(
        *("create", "kustomization", "apps", "--source", f"GitRepository/{SOURCE}", "--path", "./apps"),
        *("--prune=true", "--interval", "1h"),
    )
    assert f"applied revision {revision}" in (created.err + created.out).lower()
    assert world.config_map("web") == {"color": "blue"}
