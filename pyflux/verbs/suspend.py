"""`pyflux suspend`: tells controllers to leave objects as they are."""

from __future__ import annotations

from pyflux.catalog import columns, kinds
from pyflux.errors import KubeError, PyfluxError, SilentExit, Unauthorized, Unreachable
from pyflux.kube import connect
from pyflux.verbs import targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target

    Obj = dict[str, Any]


def run(env: Env, call: Call) -> None:
    """`suspend KIND [name …]`, or all of a namespace, or those with labels."""
    kind = kinds.by_path(call.path)
    many = targets.wants_many(call)
    if not call.args and not many:
        raise PyfluxError(f"{kind.human} name is required")
    if call.strings("contexts"):
        from pyflux.verbs.contexts import each

        each(env, call, run)
        return
    client = connect(env)
    if many:
        found = targets.chosen(env, client, call, "suspend", kind)
        if not found:
            raise PyfluxError("no objects found")
        for obj in found:
            _suspend(env, client, kind, obj)
        return
    for name in targets.unique(call.args):
        _by_name(env, client, kind, name)


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`suspend KIND/NAME …`: objects of any kinds. Ends with an error where one of them is not there."""
    for target in wanted:
        targets.need(target.kind, "suspend")
    if call.strings("contexts"):
        from pyflux.verbs.contexts import each

        each(env, call, lambda env, call: run_named(env, call, wanted))
        return
    client = connect(env)
    done = [_by_name(env, client, target.kind, target.name) for target in wanted]
    if not all(done):
        raise SilentExit("")


def _by_name(env: Env, client: Client, kind: Kind, name: str) -> bool:
    """Suspends one object. As in flux, a failure is said and the next object is taken."""
    namespace = env.kube.namespace
    try:
        found = targets.listing(client, kind, namespace, name=name).items
        if not found:
            env.log.failure(f"{kind.name} {name} not found in {namespace} namespace")
            return False
        for obj in found:
            _suspend(env, client, kind, obj)
    except (Unreachable, Unauthorized):
        raise
    except KubeError as error:
        env.log.failure(f"failed suspending {kind.name} {name} in {namespace} namespace: {error.message}")
        return False
    return True


def _suspend(env: Env, client: Client, kind: Kind, obj: Obj) -> None:
    name, namespace = columns.name(obj), columns.namespace(obj)
    env.log.action(f"suspending {kind.human} {name} in {namespace} namespace")
    # an object that is suspended already gets an empty patch, which still shows whether we may
    change: Obj = {} if (obj.get("spec") or {}).get("suspend") else {"spec": {"suspend": True}}
    client.patch(kind.resource, name, namespace, change)
    env.log.success(f"{kind.human} suspended")
