"""HelmRelease: a chart released with values, in helm-controller's words."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.core import DONE, FINALIZER, Result, go_duration, jittered, requested_at, seconds, title
from pyflux.controllers.expressions import BadExpression
from pyflux.controllers.helm import atomic, charttemplate, depends, prepare, remedies, spec, unheeded
from pyflux.controllers.helm.request import COMPONENT, Request, clear_failures
from pyflux.controllers.helm.storage import SECRETS
from pyflux.controllers.helm.work import Helm, HelmFailed, is_installed
from pyflux.controllers.kustomize.clients import ClientFailed, can_impersonate, target_client
from pyflux.controllers.kustomize.healthexprs import BadHealthCheck, judge
from pyflux.controllers.kustomize.workload import CONFIG_MAPS
from pyflux.controllers.patcher import Patcher
from pyflux.controllers.queue import WorkQueue
from pyflux.controllers.trees import ArtifactGone, FetchFailed
from pyflux.errors import KubeError, NotFound
from pyflux.kube.export import kubeconfig_of
from pyflux.render.helm import release_name

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pyflux.controllers.core import Options
    from pyflux.controllers.events import Recorder
    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import Key
    from pyflux.controllers.trees import Trees
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

RESOURCE = kind_named("HelmRelease").resource
NOT_INSTALLED = "HelmNotInstalled"
_TERMINAL = "Reconciliation failed terminally due to configuration error"


class HelmReleaseController:
    """Reconciles HelmReleases."""

    name = "helmrelease"
    kind = "HelmRelease"

    def __init__(
        self,
        informer: Informer,
        trees: Trees,
        recorder: Recorder,
        options: Options,
        log: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self.queue = WorkQueue()
        self._informer = informer
        self._trees = trees
        self._recorder = recorder
        self._options = options
        self._log = log
        self._stop = stop

    def _sleep(self, length: float) -> None:
        self._stop.wait(length)

    def _event(self, obj: Obj, kind: str, reason: str, message: str) -> None:
        self._recorder.event(COMPONENT, obj, kind, reason, message)

    def _keep_chart(self, client: Client, obj: Obj, cross_namespace: bool) -> None:
        def event(reason: str, message: str) -> None:
            self._log(f"{title(obj)}: {message}")
            self._event(obj, "Normal", reason, message)

        charttemplate.reconcile(client, obj, event, cross_namespace=cross_namespace)

    def reconcile(self, client: Client, key: Key) -> Result:
        found = self._informer.get(key)
        if found is None:
            return DONE
        obj = copy.deepcopy(found)
        obj.setdefault("status", {})
        metadata = obj["metadata"]
        patcher = Patcher(client, RESOURCE, obj, COMPONENT, self._informer.offer)
        if metadata.get("deletionTimestamp"):
            return self._finalize(client, obj, patcher)
        if FINALIZER not in (metadata.get("finalizers") or []):
            metadata["finalizers"] = [*(metadata.get("finalizers") or []), FINALIZER]
            patcher.patch()
        if obj["spec"].get("suspend"):
            return DONE
        result, observed = DONE, False
        try:
            result, observed = self._attempt(client, obj, patcher)
        finally:
            self._settle(obj, patcher, observed)
        return result

    @staticmethod
    def _settle(obj: Obj, patcher: Patcher, observed: bool) -> None:
        """Writes the outcome, as every reconciliation ends."""
        if requested_at(obj):
            obj["status"]["lastHandledReconcileAt"] = requested_at(obj)
        if observed:
            obj["status"]["observedGeneration"] = obj["metadata"]["generation"]
        patcher.patch()

    def _attempt(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[Result, bool]:
        """What follows, and whether the generation counts as observed."""
        given = obj["spec"]
        if not is_installed():
            return self._not_installed(obj), True
        if bool(given.get("chart")) == bool(given.get("chartRef")):
            self._log(f"{title(obj)}: invalid Chart reference")
            return DONE, True
        try:
            judge(given.get("healthCheckExprs") or [])
        except BadHealthCheck as why:
            return self._stall(obj, "InvalidCELExpression", f"{_TERMINAL}: {why}"), True
        try:
            self._keep_chart(client, obj, self._options.cross_namespace_refs)
        except charttemplate.AccessDenied as why:
            return self._deny(obj, why.message), True
        except charttemplate.ChartRefused as why:
            return self._not_ready(obj, prepare.NotReady("HelmChartSyncErr", why.message, event="Normal")), False
        conditions.reconciling(obj, conditions.PROGRESSING, "Fulfilling prerequisites")
        patcher.patch()
        try:
            depends.check(client, obj)
            prepared = prepare.source(client, obj, self._options)
            values = prepare.values(client, obj)
        except BadExpression as why:
            return self._stall(obj, "InvalidCELExpression", f"{_TERMINAL}: {why}"), True
        except charttemplate.AccessDenied as why:
            return self._deny(obj, why.message), True
        except prepare.NotReady as why:
            return self._not_ready(obj, why), False
        try:
            with self._trees.archive(prepared["status"]["artifact"]) as path:
                return self._release(client, obj, patcher, prepare.Inputs(prepared, path, values))
        except prepare.NotReady as why:
            return self._not_ready(obj, why), False
        except ArtifactGone:
            pause = go_duration(self._options.requeue_dependency)
            text = f"Source not ready: artifact not found. Retrying in {pause}"
            return self._not_ready(obj, prepare.NotReady(prepare.ARTIFACT_FAILED, text, waits=True)), False
        except FetchFailed as why:
            text = f"Could not load chart: {why.message}"
            return self._not_ready(obj, prepare.NotReady(prepare.ARTIFACT_FAILED, text, event="Warning")), False

    def _not_installed(self, obj: Obj) -> Result:
        text = "Helm's SDK is not installed beside pyflux's controllers; install it with: pip install \"pyflux[helm]\""
        conditions.put(obj, conditions.READY, "False", NOT_INSTALLED, text)
        conditions.stalled(obj, NOT_INSTALLED, text)
        return DONE

    def _stall(self, obj: Obj, reason: str, message: str) -> Result:
        conditions.put(obj, conditions.READY, "False", reason, message)
        conditions.stalled(obj, reason, message)
        self._event(obj, "Warning", reason, message.removeprefix(f"{_TERMINAL}: "))
        return DONE

    def _deny(self, obj: Obj, message: str) -> Result:
        return self._stall(obj, "AccessDenied", message)

    def _not_ready(self, obj: Obj, why: prepare.NotReady) -> Result:
        conditions.put(obj, conditions.READY, "False", why.reason, why.message)
        self._log(f"{title(obj)}: {why.message}")
        if why.event:
            self._event(obj, why.event, why.reason, why.message)
        return Result(self._options.requeue_dependency) if why.waits else Result(failed=True)

    def _release(self, client: Client, obj: Obj, patcher: Patcher, inputs: prepare.Inputs) -> tuple[Result, bool]:
        if (conditions.get(obj, conditions.READY) or {}).get("reason") in prepare.REASONS:
            text = "reconciliation in progress"
            conditions.put(obj, conditions.READY, "Unknown", conditions.PROGRESSING, text)
        chart, oci_digest = inputs.chart()
        try:
            with target_client(client, obj, self._options) as target, Helm(self._stop.is_set) as helm:
                if prepare.target_changed(obj, chart["name"]):
                    return self._move(obj, patcher, target, helm)
                request = self._request(obj, patcher, target, helm)
                is_new = unheeded.is_due(obj)
                prepare.note_attempt(obj, chart, inputs.values, oci_digest)
                if is_new:
                    unheeded.tell_all(request)
                self._open(helm, target, obj)
                request.chart, request.chart_path, request.values = chart, inputs.path, inputs.values
                return self._run(request)
        except ClientFailed as why:
            conditions.put(obj, conditions.READY, "False", "RESTClientError", why.message)
            raise

    def _open(self, helm: Helm, target: Client, obj: Obj) -> None:
        """Names the cluster to the child when it is first needed."""
        helm.opening = lambda: {
            "kubeconfig": kubeconfig_of(target, spec.storage_namespace(obj)),
            "namespace": obj["status"]["storageNamespace"],
        }

    def _request(self, obj: Obj, patcher: Patcher, target: Client, helm: Helm) -> Request:
        def log(text: str) -> None:
            self._log(f"{title(obj)}: {text}")

        return Request(obj, {}, "", {}, target, helm, self._recorder, patcher.patch, self._sleep, log)

    def _move(self, obj: Obj, patcher: Patcher, target: Client, helm: Helm) -> tuple[Result, bool]:
        """The release goes elsewhere: what is there is uninstalled first."""
        self._open(helm, target, obj)
        request = self._request(obj, patcher, target, helm)
        try:
            remedies.uninstall(request)
        except remedies.NoLatest:
            pass
        except HelmFailed:
            return Result(failed=True), False
        status = obj["status"]
        for field in ("history", "storageNamespace"):
            status.pop(field, None)
        clear_failures(obj)
        return Result(0), False

    def _run(self, request: Request) -> tuple[Result, bool]:
        obj = request.obj
        try:
            atomic.reconcile(request)
        except atomic.RetryLater as why:
            return Result(jittered(why.seconds, self._options.jitter)), True
        except atomic.Again:
            return Result(failed=True), False
        except atomic.GaveUp as why:
            self._log(f"{title(obj)}: {why.message}")
            return DONE, True
        except (HelmFailed, KubeError) as why:
            self._log(f"{title(obj)}: {why.message}")
            return Result(failed=True), False
        interval = seconds(obj["spec"]["interval"])
        self._log(f"{title(obj)}: release in-sync with desired state, next run in {go_duration(interval)}")
        return Result(jittered(interval, self._options.jitter)), True

    # -- deletion

    def _finalize(self, client: Client, obj: Obj, patcher: Patcher) -> Result:
        metadata = obj["metadata"]
        if FINALIZER not in (metadata.get("finalizers") or []):
            return DONE
        if not obj["spec"].get("suspend"):
            if not self._uninstall(client, obj, patcher):
                patcher.patch()
                return Result(failed=True)
            self._keep_chart(client, obj, True)
        metadata["finalizers"] = [name for name in metadata.get("finalizers") or [] if name != FINALIZER]
        patcher.patch()
        return DONE

    def _uninstall(self, client: Client, obj: Obj, patcher: Patcher) -> bool:
        """Uninstalls the release of a deleted object; False where that has to be tried again."""
        status = obj["status"]
        if not status.get("storageNamespace") or not is_installed():
            return True
        if not obj["spec"].get("kubeConfig") and not can_impersonate(client, obj, self._options):
            self._log(f"{title(obj)}: skipping Helm release uninstallation: its service account is gone")
            return True
        try:
            with target_client(client, obj, self._options) as target, Helm(self._stop.is_set) as helm:
                self._open(helm, target, obj)
                remedies.uninstall(self._request(obj, patcher, target, helm))
        except remedies.NoLatest:
            pass
        except ClientFailed as why:
            if _access_is_gone(client, obj):
                self._log(f"{title(obj)}: skipping Helm release uninstallation: {why.message}")
                return True
            text = f"failed to build REST client getter to uninstall release: {why.message}"
            conditions.put(obj, conditions.READY, "False", "UninstallFailed", text)
            return False
        except (HelmFailed, KubeError) as why:
            self._log(f"{title(obj)}: {why.message}")
            return False
        self._log(f"{title(obj)}: uninstalled Helm release {release_name(obj)} for deleted resource")
        for field in ("history", "storageNamespace"):
            status.pop(field, None)
        return True


def _access_is_gone(client: Client, obj: Obj) -> bool:
    """Whether what describes the other cluster was deleted, so that nothing can be done there any more."""
    given = obj["spec"].get("kubeConfig") or {}
    for field, resource in (("secretRef", SECRETS), ("configMapRef", CONFIG_MAPS)):
        name = (given.get(field) or {}).get("name")
        if name:
            try:
                client.get(resource, name, obj["metadata"]["namespace"])
            except NotFound:
                return True
    return False
