"""Journeys with kinds and fields that pyflux's controllers do not heed: everything says so, nothing hangs."""

from __future__ import annotations

import time

import pytest

from tests.e2e.pairs import condition, wait_until
from tests.e2e.world import World, config_map

TEXT = "no controller reconciles objects of kind Bucket in this cluster: pyflux's controllers do not"


def test_a_bucket_says_that_nobody_reconciles_it(world: World) -> None:
    if not world.pair.ours:
        pytest.skip("the official source-controller reconciles Buckets")
    bucket = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "Bucket",
        "metadata": {"name": "files", "namespace": world.namespace},
        "spec": {"interval": "1h", "endpoint": "localhost:9000", "bucketName": "files"},
    }
    world.pair.apply(bucket)

    def found() -> dict[str, object]:
        return world.pair.get("source.toolkit.fluxcd.io/v1", "Bucket", "files", world.namespace) or {}

    wait_until("the Bucket says so", lambda: condition(found(), "Stalled").get("message") == TEXT, 30)
    assert condition(found(), "Ready")["reason"] == "NotReconciled"
    shown = world.flux("get", "sources", "bucket").out
    assert "files" in shown
    assert TEXT in shown
    started = time.monotonic()
    done = world.flux("reconcile", "source", "bucket", "files", check=False)
    assert done.code != 0
    assert TEXT in done.err
    world.flux("suspend", "source", "bucket", "files")
    done = world.flux("resume", "source", "bucket", "files", check=False)
    assert TEXT in done.out + done.err
    world.add("apps", sourceRef={"kind": "Bucket", "name": "files"})
    obj = world.failed("apps", "Source artifact not found")
    assert condition(obj, "Ready")["reason"] == "ArtifactFailed"
    done = world.flux("reconcile", "kustomization", "apps", "--with-source", check=False)
    assert done.code != 0
    assert TEXT in done.err
    assert time.monotonic() - started < 60
    # nothing stands in the way of its end
    world.pair.client.delete(world.pair.client.resource_for(bucket["apiVersion"], "Bucket"), "files", world.namespace)
    wait_until("the Bucket is gone", lambda: not found(), 30)


def test_decryption_by_a_service_account_is_refused(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="b")})
    world.add_source()
    # a feature gate of the official controller, which is off
    world.add("apps", decryption={"provider": "sops", "serviceAccountName": "decrypter"})
    obj = world.failed("apps", "spec.decryption.serviceAccountName")
    assert condition(obj, "Ready")["reason"] == "FeatureGateDisabled"
    wait_until("it is stalled", lambda: condition(world.kustomization("apps"), "Stalled"), 15)
    assert world.config_map("web") is None
