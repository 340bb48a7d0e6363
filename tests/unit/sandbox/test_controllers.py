"""The control plane's work, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyflux.sandbox.bootstrap import make_defaults
from pyflux.sandbox.controllers import Controllers
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.options import Options
from pyflux.sandbox.registry import Registry
from pyflux.sandbox.storage import Store


def engine(folder: Path) -> Engine:
    """An engine with the default objects, on a store that commits at once."""
    made = Engine(Store(folder / "db"), Registry())
    make_defaults(made, 1)
    return made


def test_events_go_after_they_were_last_seen(tmp_path: Path) -> None:
    made = engine(tmp_path)
    control = Controllers(made)
    kind = made.registry.find("", "v1", "events")
    assert kind is not None
    for name, seen in (("old", "2020-01-01T00:00:00Z"), ("new", "2026-01-01T00:00:00Z")):
        event: dict[str, Any] = {
            "metadata": {"name": name},
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
            "lastTimestamp": seen,
        }
        stored = made.create(kind, "default", event, Options(manager="t"))
        # As if it had been made when it was last seen.
        stored["metadata"]["creationTimestamp"] = seen
        made.store.put("/events", stored)
    assert control.expire_events("2025-01-01T00:00:00Z") == 1
    assert [r.name for r in made.store.table("/events").select("default")] == ["new"]
    made.store.close()


def test_default_objects_are_made_once(tmp_path: Path) -> None:
    made = engine(tmp_path)
    version = made.store.version
    make_defaults(made, 1)
    assert made.store.version == version
    assert {r.name for r in made.store.table("/namespaces").select(None)} >= {"default", "kube-system"}
    made.store.close()


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    made = engine(tmp_path)
    kind = made.registry.find("", "v1", "configmaps")
    assert kind is not None
    body = {"metadata": {"name": "a"}, "data": {"k": "v"}}
    made.create(kind, "default", body, Options(manager="t", dry_run=True))
    assert made.store.get("/configmaps", "default", "a") is None
    made.store.close()
