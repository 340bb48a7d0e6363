"""`pyflux resume`: lets controllers look after objects again, and waits until they have."""

from __future__ import annotations

from pyflux.catalog import columns, kinds
from pyflux.errors import NotFound, PyfluxError, SilentExit
from pyflux.kube import connect
from pyflux.verbs import targets
from pyflux.verbs.success import success

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target
    from pyflux.verbs.waiting import Waited

    Obj = dict[str, Any]


def run(env: Env, call: Call) -> None:
    """`resume KIND [name …]`, or all of a namespace, or those with labels."""
    kind = kinds.by_path(call.path)
    many = targets.wants_many(call)
    if not call.args and not many:
        raise PyfluxError(f"{kind.human} name is required")
    if call.strings("contexts"):
        from pyflux.verbs.contexts import each

        each(env, call, run)
        return
    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    resumed: list[Obj] = []
    if many:
        found = targets.chosen(env, client, call, "resume", kind)
        if not found:
            env.log.failure(f"no {kind.name} objects found in {_where(env, call)} namespace")
        try:
            resumed += [_resume(env, client, kind, obj) for obj in found]
        except PyfluxError as error:
            raise PyfluxError(f"failed patching objects: {error.message}", hint=error.hint) from None
    for name in targets.unique(call.args):
        found = targets.listing(client, kind, env.kube.namespace, name=name).items
        if not found:
            # flux names the first object here, whichever is missing
            env.log.failure(f"{kind.name} object '{call.args[0]}' not found in {env.kube.namespace} namespace")
        resumed += [_resume(env, client, kind, obj) for obj in found]
    if _waits(call, len(call.args)):
        failed = _wait(env, client, [(kind, obj) for obj in resumed], deadline)
        if failed:
            raise PyfluxError(f"reconciliation failed for {failed} {kind.name}(s)")


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`resume KIND/NAME …`: objects of any kinds. Ends with an error where one is not there or does not get ready."""
    for target in wanted:
        targets.need(target.kind, "resume")
    if call.strings("contexts"):
        from pyflux.verbs.contexts import each

        each(env, call, lambda env, call: run_named(env, call, wanted))
        return
    deadline = env.monotonic() + env.kube.timeout
    client = connect(env)
    resumed: list[tuple[Kind, Obj]] = []
    missing = False
    for target in wanted:
        found = targets.listing(client, target.kind, env.kube.namespace, name=target.name).items
        if not found:
            missing = True
            env.log.failure(f"{target.kind.name} object '{target.name}' not found in {env.kube.namespace} namespace")
        resumed += [(target.kind, _resume(env, client, target.kind, obj)) for obj in found]
    failed = _wait(env, client, resumed, deadline) if _waits(call, len(wanted)) else 0
    if failed:
        raise PyfluxError(f"reconciliation failed for {failed} object(s)")
    if missing:
        raise SilentExit("")


def _waits(call: Call, count: int) -> bool:
    """`--wait` as given; without it, the wait for a single named object that flux has always had."""
    return call.bool("wait") if "wait" in call.changed else count == 1


def _where(env: Env, call: Call) -> str:
    return "any" if call.bool("all-namespaces") else env.kube.namespace


def _resume(env: Env, client: Client, kind: Kind, obj: Obj) -> Obj:
    name, namespace = columns.name(obj), columns.namespace(obj)
    env.log.action(f"resuming {kind.human} {name} in {namespace} namespace")
    change: Obj = {"spec": {"suspend": None}} if (obj.get("spec") or {}).get("suspend") else {}
    changed = client.patch(kind.resource, name, namespace, change)
    env.log.success(f"{kind.human} resumed")
    return changed


def _wait(env: Env, client: Client, resumed: Sequence[tuple[Kind, Obj]], deadline: float) -> int:
    """Waits for all of them at once and says how each ended; the number of failures."""
    from pyflux.verbs.waiting import Waited, hint_of, wait

    waited = [Waited(kind, obj, _done(kind)) for kind, obj in resumed]
    for each in waited:
        env.log.waiting(f"waiting for {each.kind.name} reconciliation")
    wait(env, client, waited, deadline)
    failed = 0
    for each in sorted(waited, key=_order):
        if each.error is None:
            env.log.success(f"{each.kind.name} {each.name} reconciliation completed")
            env.log.success(success(each.obj))
            continue
        failed += 1
        env.log.failure(f"{each.kind.name} {each.name} reconciliation failed: {each.error.message}")
        hint = "" if isinstance(each.error, NotFound) else hint_of(env, client, each)
        if hint:
            env.log.plain(f"  {hint}")
    return failed


def _order(each: Waited) -> tuple[str, str]:
    return each.name, each.namespace


def _done(kind: Kind) -> Callable[[Obj], bool]:
    """Says whether a resumed object is ready as it is now, not as it was before. Raises PyfluxError."""
    from pyflux.kube.status import CURRENT, IN_PROGRESS, readiness

    def done(obj: Obj) -> bool:
        if not kind.static and not _is_observed(obj):
            return False
        found = readiness(obj)
        if found.status not in (CURRENT, IN_PROGRESS):
            raise PyfluxError(found.message)
        return found.status == CURRENT

    return done


def _is_observed(obj: Obj) -> bool:
    """True where the Ready condition is about the object's newest generation."""
    observed = (obj.get("status") or {}).get("observedGeneration") or 0
    found = columns.condition(obj, "Ready")
    if observed < 1 or found is None:
        return False
    return bool((found.get("observedGeneration") or observed) == obj["metadata"].get("generation"))
