"""Journeys with kinds and fields that pyflux's controllers do not heed: everything says so, nothing hangs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.pairs import EMBEDDED, condition, wait_until
from tests.e2e.world import World, config_map

KIND = "ImageRepository"
TEXT = f"no controller reconciles objects of kind {KIND} in this cluster: pyflux's controllers do not"


def test_an_image_repository_says_that_nobody_reconciles_it(world: World) -> None:
    if world.pair.name != EMBEDDED:
        pytest.skip("only the embedded pair has the API of the image controllers")
    image: dict[str, Any] = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": KIND,
        "metadata": {"name": "web", "namespace": world.namespace},
        "spec": {"interval": "1h", "image": "localhost:5000/web"},
    }
    world.pair.apply(image)

    def found() -> dict[str, object]:
        return world.pair.get(image["apiVersion"], KIND, "web", world.namespace) or {}

    wait_until("the ImageRepository says so", lambda: condition(found(), "Stalled").get("message") == TEXT, 30)
    assert condition(found(), "Ready")["reason"] == "NotReconciled"
    shown = world.flux("get", "image", "repository").out
    assert "web" in shown
    assert TEXT in shown
    started = time.monotonic()
    done = world.flux("reconcile", "image", "repository", "web", check=False)
    assert done.code != 0
    assert TEXT in done.err
    world.flux("suspend", "image", "repository", "web")
    done = world.flux("resume", "image", "repository", "web", check=False)
    assert TEXT in done.out + done.err
    assert time.monotonic() - started < 60
    # nothing stands in the way of its end
    world.pair.client.delete(world.pair.client.resource_for(image["apiVersion"], KIND), "web", world.namespace)
    wait_until("the ImageRepository is gone", lambda: not found(), 30)


def test_decryption_by_a_service_account_is_refused(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="b")})
    world.add_source()
    # a feature gate of the official controller, which is off
    world.add("apps", decryption={"provider": "sops", "serviceAccountName": "decrypter"})
    obj = world.failed("apps", "spec.decryption.serviceAccountName")
    assert condition(obj, "Ready")["reason"] == "FeatureGateDisabled"
    wait_until("it is stalled", lambda: condition(world.kustomization("apps"), "Stalled"), 15)
    assert world.config_map("web") is None
