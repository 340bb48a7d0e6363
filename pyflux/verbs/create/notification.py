"""Applies the notification kinds that no controller reports on."""

from __future__ import annotations

from pyflux.verbs.create.apply import connect, upsert, wait_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env

    Obj = dict[str, Any]


def apply_static(env: Env, kind: Kind, obj: Obj) -> None:
    """Creates or updates an object that is ready as soon as it is there."""
    env.log.generate(f"generating {kind.name}")
    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.action(f"applying {kind.name}")
    upsert(env, client, kind.resource, obj, kind.name)
    env.log.waiting(f"waiting for {kind.name} reconciliation")
    wait_ready(env, client, kind.resource, obj, deadline, static=True)
    env.log.success(f"{kind.name} {obj['metadata']['name']} is ready")
