"""`pyflux reconcile`: asks controllers to look at objects now, and waits for what comes of it."""

from __future__ import annotations

import time

from pyflux.catalog import columns, kinds
from pyflux.errors import PyfluxError, TimedOut
from pyflux.kube import connect
from pyflux.verbs import targets
from pyflux.verbs.success import success
from pyflux.verbs.waiting import Waited, hint_of, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target

    Obj = dict[str, Any]

_WITH_SOURCE = ("Kustomization", "HelmRelease", "HelmChart")
_SOURCES_OF = {
    "Kustomization": ("OCIRepository", "GitRepository", "Bucket"),
    "HelmChart": ("HelmRepository", "GitRepository", "Bucket"),
    "HelmRelease": ("HelmChart", "OCIRepository"),
}


def run(env: Env, call: Call) -> None:
    """`reconcile KIND name`, several names, all of a namespace, or those with labels."""
    kind = kinds.by_path(call.path)
    many = targets.wants_many(call)
    if not call.args and not many:
        raise PyfluxError(f"{kind.name} name is required")
    if call.strings("contexts"):
        from pyflux.verbs.contexts import each

        each(env, call, run)
        return
    client = connect(env)
    work = Reconciliation(env, client, call)
    if not many and len(call.args) == 1:
        work.one(kind, call.args[0], env.kube.namespace, with_source=work.with_source)
        return
    if many:
        found = targets.chosen(env, client, call, "reconcile", kind)
        if not found:
            raise PyfluxError("no objects found")
    else:
        names = targets.unique(call.args)
        found = [targets.fetch(client, kind, name, env.kube.namespace) for name in names]
    work.several([(kind, obj) for obj in found])


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`reconcile KIND/NAME …`: objects of any kinds."""
    for target in wanted:
        targets.need(target.kind, "reconcile")
    if call.strings("contexts"):
        from pyflux.verbs.contexts import each

        each(env, call, lambda env, call: run_named(env, call, wanted))
        return
    client = connect(env)
    work = Reconciliation(env, client, call)
    if len(wanted) == 1:
        work.one(wanted[0].kind, wanted[0].name, env.kube.namespace, with_source=work.with_source)
        return
    work.several(
        [(target.kind, targets.fetch(client, target.kind, target.name, env.kube.namespace)) for target in wanted]
    )


def handled(obj: Obj) -> str:
    """The last request that the controller has answered."""
    return str((obj.get("status") or {}).get("lastHandledReconcileAt") or "")


class Reconciliation:
    """One `reconcile` command: its flags, its time limit, and the sources it has already reconciled."""

    def __init__(self, env: Env, client: Client, call: Call) -> None:
        self.env = env
        self.client = client
        self.deadline = env.monotonic() + env.kube.timeout
        self.with_source = bool(call.values.get("with-source"))
        self._force = bool(call.values.get("force"))
        self._reset = bool(call.values.get("reset"))
        self._sources: set[tuple[str, str, str]] = set()

    def one(self, kind: Kind, name: str, namespace: str, *, with_source: bool = False) -> None:
        """Reconciles one object, its sources first where asked, in flux's words. Raises PyfluxError."""
        obj = targets.fetch(self.client, kind, name, namespace)
        if kind.static or columns.is_oci_helm_repository(obj):
            self.env.log.success("reconciliation not supported by the object")
            return
        if columns.is_suspended(obj):
            raise PyfluxError("resource is suspended")
        if with_source:
            self._source(kind, obj)
        waited = self._request(kind, obj)
        self.env.log.waiting(f"waiting for {kind.name} reconciliation")
        wait(self.env, self.client, [waited], self.deadline)
        self._check(waited)
        self.env.log.success(success(waited.obj))

    def several(self, objects: Sequence[tuple[Kind, Obj]]) -> None:
        """Requests all of them, then waits for all at once. Raises PyfluxError where some failed."""
        log = self.env.log
        waited: list[Waited] = []
        failed = 0
        for kind, obj in objects:
            name, namespace = columns.name(obj), columns.namespace(obj)
            try:
                if columns.is_oci_helm_repository(obj):
                    continue
                if columns.is_suspended(obj):
                    raise PyfluxError("resource is suspended")
                if self.with_source and kind.name in _WITH_SOURCE:
                    self._source(kind, obj)
                waited.append(self._request(kind, obj))
            except PyfluxError as error:
                failed += 1
                log.failure(f"{kind.name} {name} in {namespace} namespace: {error.message}")
        if waited:
            log.waiting(f"waiting for {len(waited)} objects to be reconciled")
        wait(self.env, self.client, waited, self.deadline)
        for each in waited:
            where = f"{each.kind.name} {each.name} in {each.namespace} namespace"
            try:
                self._check(each)
            except PyfluxError as error:
                failed += 1
                log.failure(f"{where}: {error.message}")
                if error.hint:
                    log.plain(f"  {error.hint}")
            else:
                log.success(f"{where}: {success(each.obj)}")
        if failed:
            raise PyfluxError(f"reconciliation failed for {failed} object(s)")

    def _source(self, kind: Kind, obj: Obj) -> None:
        """Reconciles what `obj` is made from, and for charts what those are made from."""
        source, name, namespace, deeper = source_of(kind, obj)
        key = (source.name, namespace, name)
        if key not in self._sources:
            self.one(source, name, namespace, with_source=deeper)
            self._sources.add(key)

    def _request(self, kind: Kind, obj: Obj) -> Waited:
        name, namespace = columns.name(obj), columns.namespace(obj)
        stamp = _now()
        notes = {kinds.RECONCILE_ANNOTATION: stamp}
        if kind is kinds.HELM_RELEASE:
            if self._force:
                notes[kinds.FORCE_ANNOTATION] = stamp
            if self._reset:
                notes[kinds.RESET_ANNOTATION] = stamp
        self.env.log.action(f"annotating {kind.name} {name} in {namespace} namespace")
        self.client.patch(kind.resource, name, namespace, {"metadata": {"annotations": notes}})
        self.env.log.success(f"{kind.name} annotated")
        return Waited(kind, obj, _answered(handled(obj)))

    def _check(self, waited: Waited) -> None:
        """Raises PyfluxError where the reconciliation did not end well."""
        error = waited.error
        if error is None:
            found = columns.condition(waited.obj, "Ready")
            if found is None:
                raise PyfluxError("status can't be determined")
            if found.get("status") == "True":
                return
            message = str(found.get("message", ""))
            quoted = message if waited.kind.name in _WITH_SOURCE else f"'{message}'"
            error = PyfluxError(f"{waited.kind.name} reconciliation failed: {quoted}")
        hint = error.hint or hint_of(self.env, self.client, waited)
        raise (TimedOut if isinstance(error, TimedOut) else PyfluxError)(error.message, hint=hint) from None


def _now() -> str:
    from pyflux.catalog.gotime import stamp

    return stamp(time.time_ns())


def _answered(before: str) -> Callable[[Obj], bool]:
    """Says whether the controller has answered the request and is done. Raises PyfluxError when it gave up."""
    from pyflux.kube.status import CURRENT, IN_PROGRESS, readiness

    def done(obj: Obj) -> bool:
        if handled(obj) == before:
            return False
        found = readiness(obj)
        if found.status not in (CURRENT, IN_PROGRESS):
            raise PyfluxError(found.message)
        return found.status == CURRENT

    return done


def source_of(kind: Kind, obj: Obj) -> tuple[Kind, str, str, bool]:
    """(kind, name, namespace) of an object's source, and whether that has a source to reconcile, too."""
    spec = obj.get("spec") or {}
    own = columns.namespace(obj)
    if kind is kinds.HELM_RELEASE and not spec.get("chartRef"):
        ref = ((spec.get("chart") or {}).get("spec") or {}).get("sourceRef") or {}
        return kinds.HELM_CHART, f"{own}-{columns.name(obj)}", str(ref.get("namespace") or own), True
    ref = spec.get("chartRef" if kind is kinds.HELM_RELEASE else "sourceRef") or {}
    name = str(ref.get("kind", ""))
    if name not in _SOURCES_OF[kind.name]:
        raise PyfluxError(f"cannot reconcile source of kind {name}")
    # a chart's source is always in the chart's namespace
    where = own if kind is kinds.HELM_CHART else str(ref.get("namespace") or own)
    return kinds.kind(name), str(ref.get("name", "")), where, name == "HelmChart"
