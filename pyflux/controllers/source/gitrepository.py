"""GitRepository: follows a reference of a remote repository and keeps its files as an artifact.

An unchanged revision costs one listing of references. Everything a repository holds is untrusted.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, TypeVar

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.core import DONE, FINALIZER, Result, requested_at, title
from pyflux.controllers.patcher import Patcher
from pyflux.controllers.queue import WorkQueue
from pyflux.controllers.source import include, verify
from pyflux.controllers.source.gitauth import AuthFailed, git_auth
from pyflux.controllers.source.outcome import (
    FETCH_FAILED,
    IN_STORAGE,
    INCLUDE_UNAVAILABLE,
    OUTDATED,
    STORAGE_FAILED,
    VERIFIED,
    SourceFailed,
    SourceStalled,
    settle,
)
from pyflux.git.errors import GitError
from pyflux.git.source import Ref, Revision, fetch_commit, list_refs, resolve
from pyflux.render import ignore
from pyflux.render.artifact import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.core import Options
    from pyflux.controllers.events import Recorder
    from pyflux.controllers.informer import Informer
    from pyflux.controllers.queue import Key
    from pyflux.controllers.source.storage import Storage
    from pyflux.git.auth import Auth
    from pyflux.git.source import Fetched
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_T = TypeVar("_T")

COMPONENT = "source-controller"
RESOURCE = kind_named("GitRepository").resource
_GROUP = "source.toolkit.fluxcd.io"
_FAILURES = (FETCH_FAILED, INCLUDE_UNAVAILABLE, STORAGE_FAILED)
_SCHEMES = ("http://", "https://", "ssh://")


class GitRepositoryController:
    """Reconciles GitRepositories."""

    name = "gitrepository"
    kind = "GitRepository"

    def __init__(
        self, informer: Informer, storage: Storage, recorder: Recorder, options: Options, log: Callable[[str], None]
    ) -> None:
        self.queue = WorkQueue()
        self._informer = informer
        self._storage = storage
        self._recorder = recorder
        self._options = options
        self._log = log

    def reconcile(self, client: Client, key: Key) -> Result:
        found = self._informer.get(key)
        if found is None:
            return DONE
        obj = _own_copy(found)
        patcher = Patcher(client, RESOURCE, obj, COMPONENT, self._informer.offer)
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp"):
            return self._finalize(obj, patcher)
        if FINALIZER not in (metadata.get("finalizers") or []):
            metadata["finalizers"] = [*(metadata.get("finalizers") or []), FINALIZER]
            patcher.patch()
        if obj["spec"].get("suspend"):
            return DONE
        return self._run(client, obj, patcher)

    def _finalize(self, obj: Obj, patcher: Patcher) -> Result:
        self._storage.remove_all(obj)
        metadata = obj["metadata"]
        metadata["finalizers"] = [name for name in metadata.get("finalizers") or [] if name != FINALIZER]
        patcher.patch()
        return DONE

    def _run(self, client: Client, obj: Obj, patcher: Patcher) -> Result:
        before = _own_copy(obj)
        fetched: Fetched | None = None
        error: SourceFailed | None = None
        try:
            self._announce(obj, patcher)
            self._check_storage(obj, patcher)
            fetched = self._fetch(client, obj, patcher)
        except SourceFailed as failed:
            error = failed
            self._log(f"{title(obj)}: {failed}")
            kind = "Normal" if failed.condition == INCLUDE_UNAVAILABLE else "Warning"
            self._recorder.event(COMPONENT, obj, kind, failed.reason, failed.message)
        result = settle(obj, error, self._options)
        patcher.patch()
        if error is None:
            self._notify(before, obj, fetched)
        return result

    def _announce(self, obj: Obj, patcher: Patcher) -> None:
        status = obj.setdefault("status", {})
        generation, observed = obj["metadata"]["generation"], status.get("observedGeneration", -1)
        conditions.progressive(obj, "reconciliation in progress")
        if generation != observed:
            conditions.progressive(obj, f"processing object: new generation {observed} -> {generation}")
            patcher.patch()
        elif requested_at(obj) != (status.get("lastHandledReconcileAt") or ""):
            patcher.patch()
        conditions.remove(obj, STORAGE_FAILED)

    def _check_storage(self, obj: Obj, patcher: Patcher) -> None:
        status = obj["status"]
        artifact = status.get("artifact")
        if artifact:
            collected = self._storage.collect(obj, artifact)
            if collected:
                self._recorder.event(
                    COMPONENT, obj, "Normal", "GarbageCollectionSucceeded", f"garbage collected {collected} artifacts"
                )
        missing = bool(artifact) and not self._storage.intact(artifact)
        if missing:
            del status["artifact"]
        if not status.get("artifact"):
            text = "building artifact: disappeared from storage" if missing else "building artifact"
            conditions.progressive(obj, text, drift=True)
            conditions.remove(obj, IN_STORAGE)
            patcher.patch()
        else:
            artifact["url"] = self._storage.url(artifact["path"])

    def _fetch(self, client: Client, obj: Obj, patcher: Patcher) -> Fetched | None:
        """Brings the artifact up to date; None where nothing had to be fetched. Raises SourceFailed."""
        spec = obj["spec"]
        if conditions.has(obj, VERIFIED, "False"):
            conditions.remove(obj, VERIFIED)
        auth = self._auth(client, obj)
        includes = include.artifacts(client, obj)
        if include.differ(includes, obj["status"].get("includedArtifacts") or []):
            self._outdated(obj, patcher, "IncludeChange", "included artifacts differ from last observed includes")
        else:
            conditions.remove(obj, OUTDATED)
        revision = self._guarded(lambda: _remote_revision(spec, auth))
        artifact = obj["status"].get("artifact")
        if (
            artifact
            and revision is not None
            and artifact["revision"] == _text(revision)
            and not _changed(obj, includes)
        ):
            conditions.remove(obj, FETCH_FAILED)
            self._stored(obj, artifact["revision"])
            return None
        with tempfile.TemporaryDirectory(prefix="gitrepository-") as folder:
            fetched = self._guarded(lambda: _checkout(spec, auth, folder))
            conditions.remove(obj, FETCH_FAILED)
            _check_sparse(spec, folder)
            self._verify(client, obj, fetched)
            if not artifact or artifact["revision"] != _text(fetched.revision):
                text = f"new upstream revision '{_text(fetched.revision)}'"
                self._outdated(obj, patcher, "NewRevision", text)
            self._archive(obj, fetched, includes, folder)
        return fetched

    @staticmethod
    def _verify(client: Client, obj: Obj, fetched: Fetched) -> None:
        if not verify.mode_of(obj["spec"]):
            obj["status"].pop("sourceVerificationMode", None)
            conditions.remove(obj, VERIFIED)
            return
        text = verify.verify(client, obj, fetched)
        obj["status"]["sourceVerificationMode"] = verify.mode_of(obj["spec"])
        conditions.put(obj, VERIFIED, "True", conditions.SUCCEEDED, text)

    def _auth(self, client: Client, obj: Obj) -> Auth:
        url = obj["spec"]["url"]
        allowed = (*_SCHEMES, "file://") if self._options.allow_file_urls else _SCHEMES
        if not url.startswith(allowed):
            raise SourceStalled(FETCH_FAILED, "URLInvalid", f"failed to parse url '{url}': the scheme is not supported")
        try:
            return git_auth(client, obj)
        except AuthFailed as failed:
            raise SourceFailed(FETCH_FAILED, "AuthenticationFailed", failed.message) from None

    @staticmethod
    def _guarded(action: Callable[[], _T]) -> _T:
        try:
            return action()
        except GitError as error:
            raise SourceFailed(
                FETCH_FAILED, "GitOperationFailed", f"failed to checkout and determine revision: {error.message}"
            ) from None

    def _outdated(self, obj: Obj, patcher: Patcher, reason: str, text: str) -> None:
        if obj["status"].get("artifact"):
            conditions.put(obj, OUTDATED, "True", reason, text)
        conditions.progressive(obj, f"building artifact: {text}", drift=True)
        patcher.patch()

    def _archive(self, obj: Obj, fetched: Fetched, includes: list[Obj], folder: str) -> None:
        spec, status = obj["spec"], obj["status"]
        include.copy(self._storage, spec.get("include") or [], includes, folder)
        conditions.remove(obj, INCLUDE_UNAVAILABLE)
        rules = ignore.for_source(folder, spec.get("ignore"))
        name = f"{fetched.revision.commit}.tar.gz"
        try:
            artifact = self._storage.archive(obj, _text(fetched.revision), name, folder, rules)
        except (ArtifactError, OSError) as error:
            raise SourceFailed(
                STORAGE_FAILED, "ArchiveOperationFailed", f"unable to archive artifact to storage: {error}"
            ) from None
        status["artifact"] = artifact
        observed = {
            "includedArtifacts": includes or None,
            "observedIgnore": spec.get("ignore"),
            "observedRecurseSubmodules": spec.get("recurseSubmodules") or None,
            "observedInclude": spec.get("include") or None,
            "observedSparseCheckout": spec.get("sparseCheckout") or None,
        }
        for field, value in observed.items():
            if value is None:
                status.pop(field, None)
            else:
                status[field] = value
        conditions.remove(obj, OUTDATED, STORAGE_FAILED)
        self._stored(obj, artifact["revision"])

    @staticmethod
    def _stored(obj: Obj, revision: str) -> None:
        text = f"stored artifact for revision '{revision}'"
        conditions.put(obj, IN_STORAGE, "True", conditions.SUCCEEDED, text)

    def _notify(self, before: Obj, obj: Obj, fetched: Fetched | None) -> None:
        artifact = obj["status"]["artifact"]
        notes = {f"{_GROUP}/revision": artifact["revision"], f"{_GROUP}/digest": artifact["digest"]}
        if fetched is None:
            text = f"no changes since last reconciliation: observed revision '{artifact['revision']}'"
            self._recorder.event(COMPONENT, obj, "Normal", "GitOperationSucceeded", text)
            subject = artifact["revision"]
        else:
            subject = (fetched.message.strip().splitlines() or [""])[0]
            subject = subject if len(subject) <= 50 else subject[:50] + "..."
        message = f"stored artifact for commit '{subject}'"
        old = ((before.get("status") or {}).get("artifact") or {}).get("digest")
        if old != artifact["digest"]:
            self._recorder.event(COMPONENT, obj, "Normal", "NewArtifact", message, notes)
            self._log(f"{title(obj)}: {message}")
        elif any(conditions.get(before, kind) for kind in _FAILURES):
            self._recorder.event(COMPONENT, obj, "Normal", conditions.SUCCEEDED, message, notes)


def _own_copy(obj: Obj) -> Obj:
    import copy

    return copy.deepcopy(obj)


def _ref(spec: Obj) -> Ref:
    ref = spec.get("ref") or {}
    return Ref(**{field: ref.get(field) or "" for field in ("branch", "tag", "semver", "name", "commit")})


def _text(revision: Revision) -> str:
    return str(revision)


def _remote_revision(spec: Obj, auth: Auth) -> Revision | None:
    """What the remote's reference means now; None where only a fetch can tell."""
    ref = _ref(spec)
    if ref.commit and not ref.name:
        return Revision(ref.branch, ref.commit)
    refs = list_refs(spec["url"], auth)
    return None if refs.empty else resolve(ref, refs, spec["url"])


def _checkout(spec: Obj, auth: Auth, folder: str) -> Fetched:
    paths = tuple(os.path.normpath(path).strip("/") for path in spec.get("sparseCheckout") or [])
    return fetch_commit(
        spec["url"],
        _ref(spec),
        auth,
        into=folder,
        recurse_submodules=bool(spec.get("recurseSubmodules")),
        sparse=tuple(path for path in paths if path != "."),
        links=False,
    )


def _check_sparse(spec: Obj, folder: str) -> None:
    for path in spec.get("sparseCheckout") or []:
        full = os.path.normpath(os.path.join(folder, path.lstrip("/")))
        if not (full == folder or full.startswith(folder + os.sep)) or not os.path.lexists(full):
            raise SourceFailed(
                FETCH_FAILED,
                "GitOperationFailed",
                "failed to sparse checkout directories : "
                f"sparse checkout dir '{path}' does not exist in repository: lstat {full}: no such file or directory",
            )


def _changed(obj: Obj, includes: list[Obj]) -> bool:
    """True when the artifact would come out differently for another reason than the revision."""
    spec, status = obj["spec"], obj["status"]
    return (
        spec.get("ignore") != status.get("observedIgnore")
        or bool(spec.get("recurseSubmodules")) != bool(status.get("observedRecurseSubmodules"))
        or verify.due(obj)
        or (spec.get("include") or []) != (status.get("observedInclude") or [])
        or (spec.get("sparseCheckout") or []) != (status.get("observedSparseCheckout") or [])
        or include.differ(includes, status.get("includedArtifacts") or [])
    )
