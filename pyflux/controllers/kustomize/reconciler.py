"""Kustomization: applies what a source holds, in kustomize-controller's words."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.core import DONE, FINALIZER, Result, go_duration, jittered, requested_at, seconds, title
from pyflux.controllers.expressions import BadExpression
from pyflux.controllers.kustomize import depends
from pyflux.controllers.kustomize.apply import MANAGER
from pyflux.controllers.kustomize.buildcache import BuildCache
from pyflux.controllers.kustomize.clients import ClientFailed, can_impersonate, target_client
from pyflux.controllers.kustomize.health import Canceled
from pyflux.controllers.kustomize.healthexprs import BadHealthCheck, judge
from pyflux.controllers.kustomize.objects import GROUP, inventory_of
from pyflux.controllers.kustomize.prune import PruneFailed, await_gone, delete_all
from pyflux.controllers.kustomize.work import (
    ARTIFACT_FAILED,
    RECONCILIATION_FAILED,
    SUCCEEDED,
    Failed,
    Tools,
    Work,
    timeout_of,
)
from pyflux.controllers.patcher import Patcher
from pyflux.controllers.queue import Key, WorkQueue
from pyflux.controllers.trees import ArtifactGone, FetchFailed
from pyflux.errors import KubeError, NotFound

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pyflux.controllers.core import Options
    from pyflux.controllers.events import Recorder
    from pyflux.controllers.informer import Informer
    from pyflux.controllers.trees import Trees
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

STATUS_MANAGER = "gotk-kustomize-controller"
RESOURCE = kind_named("Kustomization").resource
SOURCES = ("GitRepository", "OCIRepository", "Bucket", "ExternalArtifact")
DEPENDENCY_NOT_READY = "DependencyNotReady"
_TERMINAL = "Reconciliation failed terminally due to configuration error"


class KustomizationController:
    """Reconciles Kustomizations."""

    name = "kustomization"
    kind = "Kustomization"

    def __init__(
        self,
        informer: Informer,
        sources: dict[str, Informer],
        trees: Trees,
        recorder: Recorder,
        options: Options,
        log: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self.queue = WorkQueue()
        self._informer = informer
        self._sources = sources
        self._recorder = recorder
        self._options = options
        self._log = log
        self._stop = stop
        self._tools = Tools(options, trees, BuildCache(), self._event, self._sleep)

    def _sleep(self, length: float) -> None:
        self._stop.wait(length)

    def _event(self, obj: Obj, revision: str, severity: str, message: str) -> None:
        reason = str((conditions.get(obj, conditions.READY) or {}).get("reason") or severity)
        notes = {f"{GROUP}/revision": revision} if revision else None
        kind = "Warning" if severity == "error" else "Normal"
        self._recorder.event(MANAGER, obj, kind, reason, message, notes)

    def reconcile(self, client: Client, key: Key) -> Result:
        found = self._informer.get(key)
        if found is None:
            return DONE
        started = time.monotonic()
        obj = copy.deepcopy(found)
        metadata = obj["metadata"]
        patcher = Patcher(client, RESOURCE, obj, STATUS_MANAGER, self._informer.offer)
        if metadata.get("deletionTimestamp"):
            return self._finalize(client, obj, patcher)
        if FINALIZER not in (metadata.get("finalizers") or []):
            metadata["finalizers"] = [*(metadata.get("finalizers") or []), FINALIZER]
            patcher.patch()
        if obj["spec"].get("suspend"):
            return DONE
        result = self._attempt(client, obj, patcher)
        self._settle(obj, patcher, started)
        return result

    def _settle(self, obj: Obj, patcher: Patcher, started: float) -> None:
        """Writes the outcome, as every reconciliation ends."""
        status = obj.setdefault("status", {})
        if requested_at(obj):
            status["lastHandledReconcileAt"] = requested_at(obj)
        ready = conditions.get(obj, conditions.READY) or {}
        if ready.get("status") == "True":
            conditions.remove(obj, conditions.RECONCILING)
            status["observedGeneration"] = obj["metadata"]["generation"]
        working = conditions.get(obj, conditions.RECONCILING)
        if ready.get("status") == "False" and working is not None:
            conditions.reconciling(obj, conditions.PROGRESSING_WITH_RETRY, working["message"])
        patcher.patch()
        if ready.get("status") == "True":
            took, interval = go_duration(time.monotonic() - started), obj["spec"]["interval"]
            message = f"Reconciliation finished in {took}, next run in {go_duration(seconds(interval))}"
            self._log(f"{title(obj)}: {message}")
            self._event(obj, status.get("lastAppliedRevision", ""), "info", message)

    def _fail(self, obj: Obj, reason: str, message: str) -> None:
        conditions.put(obj, conditions.READY, "False", reason, message)

    def _stall(self, obj: Obj, reason: str, message: str) -> Result:
        self._fail(obj, reason, message)
        conditions.stalled(obj, reason, message)
        obj["status"]["observedGeneration"] = obj["metadata"]["generation"]
        self._event(obj, "", "error", message)
        return DONE

    def _attempt(self, client: Client, obj: Obj, patcher: Patcher) -> Result:
        spec = obj["spec"]
        try:
            own_judge = judge(spec.get("healthCheckExprs") or [])
        except BadHealthCheck as error:
            return self._stall(obj, "InvalidCELExpression", f"{_TERMINAL}: {error}")
        if (spec.get("decryption") or {}).get("serviceAccountName"):
            text = (
                "spec.decryption.serviceAccountName is not supported: pyflux's controllers decrypt with a Secret's keys"
            )
            return self._stall(obj, "FeatureGateDisabled", text)
        retry = seconds(spec.get("retryInterval")) or seconds(spec["interval"])
        pause = self._options.requeue_dependency
        kind, namespace, name = depends.source_key(obj)
        if not self._options.cross_namespace_refs and namespace != obj["metadata"]["namespace"]:
            text = f"can't access '{kind}/{namespace}/{name}', cross-namespace references have been blocked"
            return self._stall(obj, "AccessDenied", text)
        try:
            artifact = self._artifact(client, kind, namespace, name)
        except NotFound:
            self._fail(obj, ARTIFACT_FAILED, f'{kind}.source.toolkit.fluxcd.io "{name}" not found')
            return Result(retry)
        if artifact is None:
            self._fail(obj, ARTIFACT_FAILED, f"Source artifact not found, retrying in {go_duration(pause)}")
            return Result(pause)
        if spec.get("dependsOn"):
            try:
                depends.check(client, RESOURCE, obj, artifact, self._informer.get)
            except BadExpression as error:
                return self._stall(obj, "InvalidCELExpression", f"{_TERMINAL}: {error}")
            except depends.NotYet as error:
                self._fail(obj, DEPENDENCY_NOT_READY, error.message)
                text = f"Dependencies do not meet ready condition, retrying in {go_duration(pause)}"
                self._event(obj, artifact["revision"], "info", text)
                return Result(pause)
        return self._work(client, obj, patcher, artifact, own_judge, retry)

    def _artifact(self, client: Client, kind: str, namespace: str, name: str) -> Obj | None:
        informer = self._sources.get(kind)
        source = informer.get(Key(namespace, name)) if informer is not None else None
        if source is None:
            source = client.get(kind_named(kind).resource, name, namespace)
        artifact: Obj | None = (source.get("status") or {}).get("artifact")
        return artifact

    def _work(
        self,
        client: Client,
        obj: Obj,
        patcher: Patcher,
        artifact: Obj,
        own_judge: Callable[[Obj], str | None] | None,
        retry: float,
    ) -> Result:
        key = Key(obj["metadata"]["namespace"], obj["metadata"]["name"])
        revision, pause = artifact["revision"], self._options.requeue_dependency

        def canceled() -> bool:
            return self._stop.is_set() or self._outdated(key, obj, revision)

        work = Work(self._tools, client, obj, artifact, patcher, own_judge, canceled)
        try:
            work.run()
        except ArtifactGone:
            text = f"Source is not ready, artifact not found, retrying in {go_duration(pause)}"
            self._fail(obj, ARTIFACT_FAILED, text)
            return Result(pause)
        except Canceled:
            text = "New reconciliation triggered, health checks canceled"
            self._fail(obj, "HealthCheckCanceled", text)
            self._event(obj, revision, "info", text)
            return Result(0)
        except (Failed, FetchFailed, KubeError) as error:
            if isinstance(error, Failed):
                reason = error.reason
            else:
                reason = ARTIFACT_FAILED if isinstance(error, FetchFailed) else RECONCILIATION_FAILED
            self._fail(obj, reason, error.message)
            if reason not in ("BuildFailed", ARTIFACT_FAILED):
                work.record(reason)
            self._log(f"{title(obj)}: {error.message}")
            self._event(obj, revision, "error", f"{getattr(error, 'event_prefix', '')}{error.message}")
            return Result(retry)
        conditions.put(obj, conditions.READY, "True", SUCCEEDED, f"Applied revision: {revision}")
        work.record(SUCCEEDED)
        return Result(jittered(seconds(obj["spec"]["interval"]), self._options.jitter))

    def _outdated(self, key: Key, obj: Obj, revision: str) -> bool:
        """True when there is newer work than what is being done for the object."""
        latest = self._informer.get(key)
        if latest is None or latest["metadata"].get("deletionTimestamp"):
            return True
        if latest["metadata"].get("generation") != obj["metadata"].get("generation"):
            return True
        if requested_at(latest) != requested_at(obj):
            return True
        kind, namespace, name = depends.source_key(obj)
        informer = self._sources.get(kind)
        source = informer.get(Key(namespace, name)) if informer is not None else None
        artifact: Obj = ((source or {}).get("status") or {}).get("artifact") or {}
        return bool(artifact.get("revision", revision) != revision)

    # -- deletion

    def _finalize(self, client: Client, obj: Obj, patcher: Patcher) -> Result:
        if _deletes(obj):
            try:
                self._delete_applied(client, obj)
            except (PruneFailed, ClientFailed, KubeError) as error:
                self._log(f"{title(obj)}: {error}")
                revision = (obj.get("status") or {}).get("lastAppliedRevision", "")
                self._event(obj, revision, "error", "pruning for deleted resource failed")
                return Result(failed=True)
        metadata = obj["metadata"]
        metadata["finalizers"] = [name for name in metadata.get("finalizers") or [] if name != FINALIZER]
        patcher.patch()
        return DONE

    def _delete_applied(self, client: Client, obj: Obj) -> None:
        entries = inventory_of(obj["status"])
        revision = obj["status"].get("lastAppliedRevision", "")
        if not can_impersonate(client, obj, self._options):
            names = "\n".join(entry.id.subject for entry in entries)
            self._event(obj, revision, "error", f"unable to prune objects: \n{names}")
            return
        with target_client(client, obj, self._options) as target:
            owner = Key(obj["metadata"]["namespace"], obj["metadata"]["name"])
            changes = delete_all(target, owner, entries)
            if not changes:
                return
            self._event(obj, revision, "info", "\n".join(map(str, changes)))
            if obj["spec"].get("deletionPolicy") == "WaitForTermination":
                if not await_gone(target, changes, timeout_of(obj["spec"]), self._stop.wait):
                    self._event(obj, revision, "error", "failed to wait for resources termination")


def _deletes(obj: Obj) -> bool:
    """Whether deleting a Kustomization deletes what it applied."""
    spec = obj["spec"]
    if spec.get("suspend") or not inventory_of(obj.get("status") or {}):
        return False
    policy = spec.get("deletionPolicy") or "MirrorPrune"
    if policy == "MirrorPrune":
        return bool(spec.get("prune"))
    return policy in ("Delete", "WaitForTermination")
