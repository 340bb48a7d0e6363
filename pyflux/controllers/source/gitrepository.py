"""GitRepository: follows a reference of a remote repository and keeps its files as an artifact.

An unchanged revision costs one listing of references. Everything a repository holds is untrusted.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, TypeVar

from pyflux.controllers import conditions
from pyflux.controllers.core import seconds
from pyflux.controllers.source import include, verify
from pyflux.controllers.source.base import COMPONENT, NEW_ARTIFACT, SourceController
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
)
from pyflux.git.deadline import within
from pyflux.git.errors import GitError
from pyflux.git.source import Ref, Revision, fetch_commit, list_refs, resolve
from pyflux.render import ignore
from pyflux.render.artifact import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.patcher import Patcher
    from pyflux.git.auth import Auth
    from pyflux.git.source import Fetched
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_T = TypeVar("_T")

_SCHEMES = ("http://", "https://", "ssh://")
_TIMEOUT = 60.0


class GitRepositoryController(SourceController):
    """Reconciles GitRepositories."""

    kind = "GitRepository"

    def produce(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[str, str]:
        fetched = self._fetch(client, obj, patcher)
        subject = obj["status"]["artifact"]["revision"]
        if fetched is None:
            text = f"no changes since last reconciliation: observed revision '{subject}'"
            self.recorder.event(COMPONENT, obj, "Normal", "GitOperationSucceeded", text)
        else:
            subject = (fetched.message.strip().splitlines() or [""])[0]
            subject = subject if len(subject) <= 50 else subject[:50] + "..."
        return f"stored artifact for commit '{subject}'", NEW_ARTIFACT

    def _fetch(self, client: Client, obj: Obj, patcher: Patcher) -> Fetched | None:
        """Brings the artifact up to date; None where nothing had to be fetched. Raises SourceFailed."""
        spec = obj["spec"]
        if conditions.has(obj, VERIFIED, "False"):
            conditions.remove(obj, VERIFIED)
        auth = self._auth(client, obj)
        includes = include.artifacts(client, obj)
        if include.differ(includes, obj["status"].get("includedArtifacts") or []):
            text = "included artifacts differ from last observed includes"
            self.outdated(obj, patcher, "IncludeChange", text)
        else:
            conditions.remove(obj, OUTDATED)
        revision = self._guarded(spec, lambda: _remote_revision(spec, auth))
        artifact = obj["status"].get("artifact")
        if artifact and revision is not None and artifact["revision"] == str(revision) and not _changed(obj, includes):
            conditions.remove(obj, FETCH_FAILED)
            self._stored(obj, artifact["revision"])
            return None
        with tempfile.TemporaryDirectory(prefix="gitrepository-") as folder:
            fetched = self._guarded(spec, lambda: _checkout(spec, auth, folder))
            conditions.remove(obj, FETCH_FAILED)
            _check_sparse(spec, folder)
            self._verify(client, obj, fetched)
            if not artifact or artifact["revision"] != str(fetched.revision):
                self.outdated(obj, patcher, "NewRevision", f"new upstream revision '{fetched.revision}'")
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
        allowed = (*_SCHEMES, "file://") if self.options.allow_file_urls else _SCHEMES
        if not url.startswith(allowed):
            raise SourceStalled(FETCH_FAILED, "URLInvalid", f"failed to parse url '{url}': the scheme is not supported")
        try:
            return git_auth(client, obj)
        except AuthFailed as failed:
            raise SourceFailed(FETCH_FAILED, "AuthenticationFailed", failed.message) from None

    @staticmethod
    def _guarded(spec: Obj, action: Callable[[], _T]) -> _T:
        """A Git operation, for which there is `spec.timeout`. Raises SourceFailed."""
        try:
            with within(seconds(spec.get("timeout"), _TIMEOUT)):
                return action()
        except GitError as error:
            raise SourceFailed(
                FETCH_FAILED, "GitOperationFailed", f"failed to checkout and determine revision: {error.message}"
            ) from None

    def _archive(self, obj: Obj, fetched: Fetched, includes: list[Obj], folder: str) -> None:
        spec, status = obj["spec"], obj["status"]
        include.copy(self.storage, spec.get("include") or [], includes, folder)
        conditions.remove(obj, INCLUDE_UNAVAILABLE)
        rules = ignore.for_source(folder, spec.get("ignore"))
        name = f"{fetched.revision.commit}.tar.gz"
        try:
            artifact = self.storage.archive(obj, str(fetched.revision), name, folder, rules)
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


def _ref(spec: Obj) -> Ref:
    ref = spec.get("ref") or {}
    return Ref(**{field: ref.get(field) or "" for field in ("branch", "tag", "semver", "name", "commit")})


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
