"""`create alert-provider`."""

from __future__ import annotations

from pyflux.catalog.kinds import PROVIDER
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, local_ref, manifest, metadata, object_name, print_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    if not call.str("type"):
        raise UsageError("Provider type is required")
    return {
        "type": call.str("type"),
        **filled(
            channel=call.str("channel"),
            username=call.str("username"),
            address=call.str("address"),
            secretRef=local_ref(call.str("secret-ref")),
        ),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    spec = build_spec(call)
    obj = manifest(PROVIDER, metadata(env, name, labels(call)), spec)
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.notification import apply_static

    apply_static(env, PROVIDER, obj)
