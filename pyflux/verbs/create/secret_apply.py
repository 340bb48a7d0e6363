"""Brings a secret into the cluster."""

from __future__ import annotations

from pyflux.catalog.resources import built_in
from pyflux.verbs.create.apply import create_or_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.kube.client import Client

    Obj = dict[str, Any]


def upsert_secret(client: Client, secret: Obj) -> None:
    """Creates a secret, or adds its keys, labels and annotations to the one that is there."""
    resource = built_in("v1", "Secret")
    assert resource is not None
    meta = secret["metadata"]

    def change(existing: Obj) -> None:
        existing["stringData"] = dict(secret.get("stringData") or {})
        for field in ("annotations", "labels"):
            if meta.get(field):
                existing["metadata"][field] = {**(existing["metadata"].get(field) or {}), **meta[field]}

    create_or_change(client, resource, secret, change)
