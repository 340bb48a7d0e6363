"""Applies the kinds of the image automation."""

from __future__ import annotations

from pyflux.verbs.create.apply import connect, upsert, wait_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env

    Obj = dict[str, Any]


def apply_and_wait(env: Env, kind: Kind, obj: Obj) -> None:
    """Creates or updates an object and waits for its controller."""
    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.generate(f"generating {kind.name}")
    env.log.action(f"applying {kind.name}")
    upsert(env, client, kind.resource, obj, kind.name, silent_when_same=True)
    env.log.waiting(f"waiting for {kind.name} reconciliation")
    wait_ready(env, client, kind.resource, obj, deadline)
    env.log.success(f"{kind.name} reconciliation completed")
