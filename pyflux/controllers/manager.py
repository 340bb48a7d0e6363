"""Runs the controllers: watches, queues, workers, the artifact server; started and stopped as one."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.catalog.resources import Resource
from pyflux.controllers import unreconciled
from pyflux.controllers.core import requested, wants_work
from pyflux.controllers.events import Recorder
from pyflux.controllers.helm.reconciler import HelmReleaseController
from pyflux.controllers.helm.triggers import Triggers as HelmTriggers
from pyflux.controllers.informer import Informer, key_of
from pyflux.controllers.kustomize.reconciler import SOURCES, KustomizationController
from pyflux.controllers.kustomize.triggers import WATCH_LABEL, Triggers
from pyflux.controllers.source.bucket import BucketController
from pyflux.controllers.source.charttriggers import watch_sources
from pyflux.controllers.source.gitrepository import GitRepositoryController
from pyflux.controllers.source.helmchart import HelmChartController
from pyflux.controllers.source.helmrepository import HelmRepositoryController
from pyflux.controllers.source.ocirepository import OCIRepositoryController
from pyflux.controllers.source.server import ArtifactServer, split_address
from pyflux.controllers.source.storage import Storage
from pyflux.controllers.trees import Trees
from pyflux.errors import ConfigError, PyfluxError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.core import Controller, Options
    from pyflux.controllers.queue import Key, WorkQueue
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

SYNC_TIMEOUT = 30.0
STOP_GRACE = 20.0
_SOURCES = (BucketController, HelmRepositoryController, HelmChartController, OCIRepositoryController)
_CHARTS = ("HelmChart", "OCIRepository", "ExternalArtifact")
_CONFIGS = (
    Resource("", "v1", "configmaps", "ConfigMap", True),
    Resource("", "v1", "secrets", "Secret", True),
)


def lock_folder(path: str) -> int:
    """An open file that keeps other processes from using the folder. Raises ConfigError where one does already."""
    import fcntl

    os.makedirs(path, mode=0o700, exist_ok=True)
    handle = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ConfigError(
            f"the storage folder {path} is in use by other controllers",
            hint="stop them, or choose another folder with --storage-path",
        ) from None
    return handle


class Manager:
    """All controllers of one process. `log` gets one line at a time, from any thread."""

    def __init__(self, client: Client, options: Options, log: Callable[[str], None]) -> None:
        self._client = client
        self._options = options
        self._log = log
        self._stop = threading.Event()
        self._informers: list[Informer] = []
        self._controllers: list[Controller] = []
        self._workers: list[threading.Thread] = []
        self._server: ArtifactServer | None = None
        self._recorder = Recorder(client.fork(), log)
        self._lock = lock_folder(options.storage_path)
        self._storage = Storage(os.path.join(options.storage_path, "artifacts"), options.retention)
        self._build()

    @property
    def address(self) -> str:
        """Host and port of the artifact server, empty where there is none."""
        return self._storage.address

    def _informer(self, resource: Resource, labels: str = "") -> Informer:
        informer = Informer(
            self._client.fork(), resource, namespace=self._options.namespace, labels=labels, log=self._log
        )
        self._informers.append(informer)
        return informer

    def _build(self) -> None:
        options = self._options
        sources: dict[str, Informer] = {}
        if "source" in options.components:
            self._server = ArtifactServer(self._storage, options.storage_addr)
            host = split_address(options.storage_addr)[0] or "127.0.0.1"
            self._storage.address = options.storage_adv_addr or f"{host}:{self._server.port}"
            sources["GitRepository"] = self._informer(kind_named("GitRepository").resource, options.labels)
            controller = GitRepositoryController(
                sources["GitRepository"], self._storage, self._recorder, options, self._log
            )
            self._add(controller, sources["GitRepository"])
            for made in _SOURCES:
                informer = self._informer(kind_named(made.kind).resource, options.labels)
                sources[made.kind] = informer
                source = made(informer, self._storage, self._recorder, options, self._log)
                self._add(source, informer)
                if made is HelmChartController:
                    watch_sources(informer, source.queue, sources)
        if options.alone:
            reconciled = {controller.kind for controller in self._controllers}
            if "helm" in options.components:
                reconciled.add(HelmReleaseController.kind)
            for kind in (kind for kind in unreconciled.KINDS if kind not in reconciled):
                informer = self._informer(kind_named(kind).resource)
                if kind in SOURCES:
                    sources[kind] = informer
                self._add(unreconciled.UnreconciledController(kind, informer), informer)
        trees = Trees(os.path.join(options.storage_path, "trees"), self._local)
        configs = {resource.kind: self._informer(resource, WATCH_LABEL) for resource in _CONFIGS}
        if "kustomize" in options.components:
            self._build_kustomize(sources, trees, configs)
        if "helm" in options.components:
            self._build_helm(sources, trees, configs)

    def _source(self, sources: dict[str, Informer], kind: str) -> Informer:
        if kind not in sources:
            sources[kind] = self._informer(kind_named(kind).resource)
        return sources[kind]

    def _build_helm(self, sources: dict[str, Informer], trees: Trees, configs: dict[str, Informer]) -> None:
        informer = self._informer(kind_named("HelmRelease").resource, self._options.labels)
        controller = HelmReleaseController(informer, trees, self._recorder, self._options, self._log, self._stop)
        triggers = HelmTriggers(informer, controller.queue)
        for kind in _CHARTS:
            triggers.watch_source(kind, self._source(sources, kind))
        for kind, config in configs.items():
            triggers.watch_config(kind, config)
        self._controllers.append(controller)

    def _build_kustomize(self, sources: dict[str, Informer], trees: Trees, configs: dict[str, Informer]) -> None:
        for kind in SOURCES:
            self._source(sources, kind)
        informer = self._informer(kind_named("Kustomization").resource, self._options.labels)
        controller = KustomizationController(
            informer, sources, trees, self._recorder, self._options, self._log, self._stop
        )
        triggers = Triggers(informer, controller.queue)
        for kind in SOURCES:
            triggers.watch_source(kind, sources[kind])
        for kind, config in configs.items():
            triggers.watch_config(kind, config)
        self._controllers.append(controller)

    def _local(self, artifact: Obj) -> str:
        """The file of an artifact of this process, empty for another's."""
        mine = bool(self._storage.address) and str(artifact.get("url")) == self._storage.url(artifact.get("path", ""))
        return self._storage.local(artifact) if mine else ""

    def _add(self, controller: Controller, informer: Informer) -> None:
        self._controllers.append(controller)
        queue = controller.queue

        def changed(before: Obj | None, after: Obj | None) -> None:
            if after is None:
                assert before is not None
                queue.drop(key_of(before))
            elif wants_work(before, after):
                queue.add(key_of(after), urgent=requested(before, after))

        informer.on_change(changed)

    def start(self) -> None:
        """Begins to watch and to work; returns when everything that is there is known. Raises PyfluxError."""
        if self._server is not None:
            self._server.start()
        self._recorder.start()
        for informer in self._informers:
            informer.start()
        for informer in self._informers:
            if not informer.synced.wait(SYNC_TIMEOUT):
                raise TimedOut(f"cannot list {informer.resource.plural} within {SYNC_TIMEOUT:g}s")
        for controller in self._controllers:
            count = 1 if isinstance(controller, unreconciled.UnreconciledController) else self._options.concurrent
            for number in range(count):
                thread = threading.Thread(
                    target=self._work, args=(controller,), name=f"{controller.name}-{number}", daemon=True
                )
                self._workers.append(thread)
                thread.start()

    def _work(self, controller: Controller) -> None:
        client = self._client.fork()
        queue = controller.queue
        while (key := queue.get()) is not None:
            try:
                self._reconcile(controller, client, queue, key)
            finally:
                queue.done(key)
        client.close()

    def _reconcile(self, controller: Controller, client: Client, queue: WorkQueue, key: Key) -> None:
        try:
            result = controller.reconcile(client, key)
        except Exception as error:
            # one object's trouble must not end the worker; what is not a PyfluxError is a bug and says so
            what = str(error) if isinstance(error, PyfluxError) else f"internal error: {error!r}"
            pause = queue.add_failed(key)
            self._log(f"{controller.kind}/{key.namespace}/{key.name}: {what}; next try in {pause:.1f}s")
            client.close()
            return
        if result.failed:
            queue.add_failed(key)
            return
        queue.forget(key)
        if result.after is not None:
            queue.add_after(key, result.after)

    def stop(self, grace: float = STOP_GRACE) -> bool:
        """Lets reconciliations that are under way finish; False when `grace` seconds were not enough."""
        self._stop.set()
        for informer in self._informers:
            informer.stop()
        for controller in self._controllers:
            controller.queue.close()
        share = grace / max(1, len(self._workers))
        for worker in self._workers:
            worker.join(max(share, 0.5))
        self._recorder.stop(2.0)
        if self._server is not None:
            self._server.stop()
        os.close(self._lock)
        return not any(worker.is_alive() for worker in self._workers)
