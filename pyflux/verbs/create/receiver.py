"""`create receiver`."""

from __future__ import annotations

from pyflux.catalog.kinds import RECEIVER
from pyflux.catalog.objectref import split_kind_name
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, manifest, metadata, object_name, print_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    if not call.str("type"):
        raise UsageError("Receiver type is required")
    if not call.str("secret-ref"):
        raise UsageError("secret ref is required")
    resources = []
    for text in call.strings("resource"):
        kind, name = split_kind_name(text)
        if not kind:
            raise UsageError(f"invalid event source '{text}', must be in format <kind>/<name>")
        resources.append({"kind": kind, "name": name})
    if not resources:
        raise UsageError("atleast one resource is required")
    return {
        "type": call.str("type"),
        "resources": resources,
        "secretRef": {"name": call.str("secret-ref")},
        **filled(events=call.strings("event")),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    spec = build_spec(call)
    obj = manifest(RECEIVER, metadata(env, name, labels(call)), spec)
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.apply import connect, upsert, wait_ready

    env.log.generate("generating Receiver")
    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    env.log.action("applying Receiver")
    upsert(env, client, RECEIVER.resource, obj, "Receiver")
    env.log.waiting("waiting for Receiver reconciliation")
    ready = wait_ready(env, client, RECEIVER.resource, obj, deadline)
    env.log.success(f"Receiver {name} is ready")
    env.log.success(f"generated webhook URL {ready['status'].get('webhookPath', '')}")
