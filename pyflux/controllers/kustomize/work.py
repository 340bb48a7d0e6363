"""One reconciliation of a Kustomization at one revision: build, apply, prune, check health."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.controllers import conditions
from pyflux.controllers.core import go_duration, seconds
from pyflux.controllers.kustomize import buildcache, decrypt, history, variables
from pyflux.controllers.kustomize.apply import SKIPPED, UNCHANGED, Applier, ApplyFailed, Change
from pyflux.controllers.kustomize.clients import ClientFailed, target_client
from pyflux.controllers.kustomize.health import Canceled, HealthCheck, Unhealthy
from pyflux.controllers.kustomize.ignorerules import IgnoreRules
from pyflux.controllers.kustomize.normalize import normalize
from pyflux.controllers.kustomize.objects import (
    OWNER_NAME,
    OWNER_NAMESPACE,
    Entry,
    ObjectId,
    id_of,
    inventory,
    inventory_of,
)
from pyflux.controllers.kustomize.prune import PruneFailed, delete_all
from pyflux.controllers.queue import Key
from pyflux.errors import KubeError, PyfluxError
from pyflux.render import kustomize, manifests
from pyflux.render.manifests import lay_metadata
from pyflux.render.overlay import BuildError
from pyflux.render.sops import opted_out
from pyflux.ui.yamlin import YamlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.core import Options
    from pyflux.controllers.kustomize.buildcache import BuildCache
    from pyflux.controllers.patcher import Patcher
    from pyflux.controllers.trees import Trees
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

BUILD_FAILED = "BuildFailed"
RECONCILIATION_FAILED = "ReconciliationFailed"
PRUNE_FAILED = "PruneFailed"
HEALTH_FAILED = "HealthCheckFailed"
ARTIFACT_FAILED = "ArtifactFailed"
SUCCEEDED = "ReconciliationSucceeded"

_DEFINITION_TIMEOUT = 60.0
_PROGRESS_EVERY = 1.0


class Failed(PyfluxError):
    """A step failed; `reason` is for the Ready condition. Its event may say more than the condition."""

    def __init__(self, reason: str, message: str, *, event_prefix: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.event_prefix = event_prefix


class Tools(NamedTuple):
    """What every piece of work uses."""

    options: Options
    trees: Trees
    cache: BuildCache
    event: Callable[[Obj, str, str, str], None]
    """(object, revision, severity info or error, message)"""
    sleep: Callable[[float], None]


class Work:
    """One run. Changes the object's status as it goes; `canceled()` ends a health check early."""

    def __init__(
        self,
        tools: Tools,
        client: Client,
        obj: Obj,
        artifact: Obj,
        patcher: Patcher,
        judge: Callable[[Obj], str | None] | None,
        canceled: Callable[[], bool],
    ) -> None:
        self._tools = tools
        self._client = client
        self._obj = obj
        self._spec = obj["spec"]
        self._status = obj.setdefault("status", {})
        self._artifact = artifact
        self._revision = artifact["revision"]
        self._origin = (artifact.get("metadata") or {}).get("org.opencontainers.image.revision", "")
        self._patcher = patcher
        self._judge = judge
        self._canceled = canceled
        self._started = time.monotonic()
        self._told = 0.0
        self._digest = ""
        self._timeout = timeout_of(self._spec)

    def run(self) -> None:
        """Raises Failed, Canceled, ArtifactGone, FetchFailed, KubeError; what was reached is in the status."""
        conditions.put(self._obj, conditions.READY, "Unknown", conditions.PROGRESSING, "Reconciliation in progress")
        self._progress("Fetching manifests", always=self._status.get("lastAttemptedRevision") != self._revision)
        with self._tools.trees.use(self._artifact) as root:
            path = self._path(root)
            self._status["lastAttemptedRevision"] = self._revision
            self._progress("Building manifests")
            text = self._build(root, path)
        self._digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        try:
            objects = manifests.read_objects(text)
        except (BuildError, YamlError) as error:
            raise Failed(BUILD_FAILED, error.message) from None
        try:
            with target_client(self._client, self._obj, self._tools.options) as target:
                self._deploy(target, objects)
        except ClientFailed as error:
            prefix = "failed to build kube client: "
            raise Failed(RECONCILIATION_FAILED, error.message, event_prefix=prefix) from None

    def record(self, outcome: str) -> None:
        """Notes the end of the run in the history, once there was a build."""
        if self._digest:
            took = time.monotonic() - self._started
            history.record(self._status, self._digest, took, outcome, self._revision, self._origin)

    def _progress(self, what: str, *, always: bool = False) -> None:
        """Tells what is being done; a run that is over in no time is spared the writes."""
        text = f"{what} for revision {self._revision} with a timeout of {go_duration(self._timeout)}"
        conditions.reconciling(self._obj, conditions.PROGRESSING, text)
        moment = time.monotonic()
        if always or moment - max(self._told, self._started) > _PROGRESS_EVERY:
            self._told = moment
            self._patcher.patch()

    def _path(self, root: str) -> str:
        """The folder to build below `root`; no path leads out of it."""
        path = os.path.normpath("/" + (self._spec.get("path") or "")).lstrip("/")
        full = os.path.join(root, path)
        if not os.path.isdir(full):
            raise Failed(ARTIFACT_FAILED, f"kustomization path not found: stat {full}: no such file or directory")
        return path

    def _build(self, root: str, path: str) -> str:
        try:
            with decrypt.decryptor(self._client, self._obj) as decryptor:
                text = self._kustomize(root, path, decryptor)
                values = variables.load(self._client, self._obj)
                return manifests.post_build(
                    text,
                    variables=values,
                    strict=self._tools.options.strict_substitution,
                    decrypt=decryptor.object if decryptor is not None else None,
                )
        except (BuildError, YamlError) as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise Failed(BUILD_FAILED, f"{error.message}{hint}") from None

    def _kustomize(self, root: str, path: str, decryptor: decrypt.Decryptor | None) -> str:
        remote = self._tools.options.allow_remote_bases
        name = buildcache.key(self._artifact, root, path, self._spec)
        text = None if remote else self._tools.cache.get(name)
        if text is None:
            text = kustomize.build(
                root,
                path,
                self._spec,
                allow_remote=remote,
                decrypt=decryptor.file if decryptor is not None else None,
                timeout=self._timeout,
            )
            if not remote and not (decryptor is not None and decryptor.decrypted_files):
                self._tools.cache.put(name, text)
        return text

    def _deploy(self, target: Client, objects: list[Obj]) -> None:
        before = inventory_of(self._status)
        self._progress("Detecting drift")
        changes = self._apply(target, objects)
        entries = [change.entry for change in changes]
        self._status["inventory"] = inventory(entries)
        self._prune(target, before, entries)
        drifted = any(change.action not in (UNCHANGED, SKIPPED) for change in changes)
        self._check_health(target, changes, objects, drifted)
        self._status["lastAppliedRevision"] = self._revision
        if self._origin:
            self._status["lastAppliedOriginRevision"] = self._origin

    def _prepare(self, objects: list[Obj]) -> None:
        metadata, common = self._obj["metadata"], self._spec.get("commonMetadata") or {}
        for obj in objects:
            normalize(obj)
            if decrypt.is_encrypted_secret(obj) and not opted_out(obj):
                raise Failed(
                    RECONCILIATION_FAILED,
                    f"{id_of(obj).subject} is SOPS encrypted, "
                    "configuring decryption is required for this secret to be reconciled",
                )
            own = {OWNER_NAME: metadata["name"], OWNER_NAMESPACE: metadata["namespace"]}
            lay_metadata(obj, "labels", own)
            lay_metadata(obj, "labels", common.get("labels"))
            lay_metadata(obj, "annotations", common.get("annotations"))

    def _apply(self, target: Client, objects: list[Obj]) -> list[Change]:
        self._prepare(objects)
        applier = Applier(
            target,
            force=bool(self._spec.get("force")),
            ignore=IgnoreRules(self._spec.get("ignore") or []),
            wait=lambda _ids, entries: self._health(target, None).wait(entries, _DEFINITION_TIMEOUT),
            sleep=self._tools.sleep,
        )
        try:
            changes = applier.apply_staged(objects)
        except ApplyFailed as failed:
            done = "".join(f"{change}\n" for change in failed.changes if change.action not in (UNCHANGED, SKIPPED))
            raise Failed(RECONCILIATION_FAILED, f"{failed.message}\n{done}") from None
        log = "\n".join(str(change) for change in changes if change.action not in (UNCHANGED, SKIPPED))
        if log:
            self._tools.event(self._obj, self._revision, "info", log)
        return changes

    def _prune(self, target: Client, before: list[Entry], after: list[Entry]) -> None:
        kept = {entry.id for entry in after}
        stale = [entry for entry in before if entry.id not in kept]
        if not stale or not self._spec.get("prune"):
            return
        owner = Key(self._obj["metadata"]["namespace"], self._obj["metadata"]["name"])
        try:
            changes = delete_all(target, owner, stale)
        except PruneFailed as failed:
            self._status["inventory"] = inventory([*after, *failed.survivors])
            raise Failed(PRUNE_FAILED, failed.message) from None
        self._tools.event(self._obj, self._revision, "info", "\n".join(map(str, changes)))

    def _health(self, target: Client, judge: Callable[[Obj], str | None] | None) -> HealthCheck:
        return HealthCheck(target, judge=judge, canceled=self._canceled, sleep=self._tools.sleep)

    def _to_check(self, changes: list[Change]) -> list[Entry]:
        if self._spec.get("wait"):
            entries = [change.entry for change in changes if change.action != SKIPPED]
        else:
            entries = [_reference(ref) for ref in self._spec.get("healthChecks") or []]
        metadata = self._obj["metadata"]
        own = ("Kustomization", metadata["namespace"], metadata["name"])
        return [entry for entry in entries if (entry.id.kind, entry.id.namespace, entry.id.name) != own]

    def _check_health(self, target: Client, changes: list[Change], objects: list[Obj], drifted: bool) -> None:
        entries = self._to_check(changes)
        if not entries:
            conditions.remove(self._obj, conditions.HEALTHY)
            return
        started = time.monotonic()
        was_healthy = conditions.has(self._obj, conditions.HEALTHY)
        text = f"Running health checks for revision {self._revision} with a timeout of {go_duration(self._timeout)}"
        conditions.reconciling(self._obj, conditions.PROGRESSING, text)
        if not was_healthy or drifted:
            conditions.put(self._obj, conditions.HEALTHY, "Unknown", conditions.PROGRESSING, text)
            self._patcher.patch()
        try:
            self._health(target, self._judge).wait(entries, self._timeout, _ending_jobs(objects))
        except Unhealthy as error:
            conditions.put(self._obj, conditions.HEALTHY, "False", HEALTH_FAILED, error.message)
            took = go_duration(time.monotonic() - started)
            raise Failed(HEALTH_FAILED, f"health check failed after {took}: {error.message}") from None
        except Canceled:
            conditions.put(self._obj, conditions.HEALTHY, "Unknown", conditions.PROGRESSING, text)
            raise
        except KubeError as error:
            raise Failed(HEALTH_FAILED, str(error)) from None
        message = f"Health check passed in {go_duration(time.monotonic() - started)}"
        new_revision = self._status.get("lastAppliedRevision") != self._revision
        if not was_healthy or (new_revision and drifted):
            self._tools.event(self._obj, self._revision, "info", message)
        conditions.put(self._obj, conditions.HEALTHY, "True", conditions.SUCCEEDED, message)


def timeout_of(spec: Obj) -> float:
    """Seconds that apply and health checks may take: the timeout, else the interval less 30s, at least 30s."""
    if spec.get("timeout"):
        return max(30.0, seconds(spec["timeout"]))
    return max(30.0, seconds(spec.get("interval")) - 30.0)


def _reference(ref: Obj) -> Entry:
    group, _, version = (ref.get("apiVersion") or "apps/v1").rpartition("/")
    return Entry(ObjectId(ref.get("namespace") or "", ref["name"], group, ref["kind"]), version)


def _ending_jobs(objects: list[Obj]) -> frozenset[ObjectId]:
    return frozenset(
        id_of(obj)
        for obj in objects
        if obj["kind"] == "Job"
        and obj["apiVersion"].startswith("batch/")
        and isinstance((obj.get("spec") or {}).get("ttlSecondsAfterFinished"), int)
    )
