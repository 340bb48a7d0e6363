"""`create alert`."""

from __future__ import annotations

from pyflux.catalog.kinds import ALERT
from pyflux.catalog.objectref import split_kind_name_namespace
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, manifest, metadata, object_name, print_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def event_source(text: str) -> Obj:
    """A reference from "kind/name[.namespace]". Raises UsageError."""
    kind, name, namespace = split_kind_name_namespace(text)
    if not kind:
        raise UsageError(f"invalid event source '{text}', must be in format <kind>/<name>")
    return {"kind": kind, "name": name, **filled(namespace=namespace)}


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    if not call.str("provider-ref"):
        raise UsageError("provider ref is required")
    sources = [event_source(text) for text in call.strings("event-source")]
    if not sources:
        raise UsageError("at least one event source is required")
    return {
        "providerRef": {"name": call.str("provider-ref")},
        "eventSources": sources,
        **filled(eventSeverity=call.str("event-severity")),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    spec = build_spec(call)
    obj = manifest(ALERT, metadata(env, name, labels(call)), spec)
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.notification import apply_static

    apply_static(env, ALERT, obj)
