"""OCIRepository: an artifact of a registry, by tag, version range or digest, kept as an artifact of ours."""

from __future__ import annotations

import os
import re
import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.source import chartindex, signatures
from pyflux.controllers.source.base import NEW_ARTIFACT, SourceController
from pyflux.controllers.source.helmauth import repository_login
from pyflux.controllers.source.httpget import HttpError
from pyflux.controllers.source.ocipull import Registry
from pyflux.controllers.source.outcome import (
    FETCH_FAILED,
    IN_STORAGE,
    OUTDATED,
    STORAGE_FAILED,
    VERIFIED,
    SourceFailed,
    SourceStalled,
)
from pyflux.oci.errors import OciError
from pyflux.render import ignore
from pyflux.render.artifact import ArtifactError, unpack

if TYPE_CHECKING:
    from pyflux.controllers.patcher import Patcher
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_OBSERVED = {"observedIgnore": "ignore", "observedLayerSelector": "layerSelector"}


class OCIRepositoryController(SourceController):
    """Reconciles OCIRepositories."""

    kind = "OCIRepository"

    def produce(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[str, str]:
        spec = obj["spec"]
        if conditions.has(obj, VERIFIED, "False") or not spec.get("verify"):
            conditions.remove(obj, VERIFIED)
        login = repository_login(client, obj)
        try:
            with Registry(spec["url"], login, plain=bool(spec.get("insecure"))) as registry:
                revision = _revision(registry, spec)
                if spec.get("verify"):
                    self._verify(client, obj, registry, revision)
                if self._is_current(obj, revision):
                    conditions.remove(obj, FETCH_FAILED)
                else:
                    self.outdated(obj, patcher, "NewRevision", f"new revision '{revision}' for '{spec['url']}'")
                    self._pull(obj, registry, revision)
        except HttpError as why:
            raise SourceFailed(FETCH_FAILED, "AuthenticationFailed", why.message) from None
        except OciError as why:
            if "could not parse reference" in why.message:
                text = f"URL validation failed for '{spec['url']}': {why.message}"
                raise SourceStalled(FETCH_FAILED, "URLInvalid", text) from None
            text = f"failed to pull artifact from '{spec['url']}': {why.message}"
            raise SourceFailed(FETCH_FAILED, "OCIArtifactPullFailed", text) from None
        text = f"stored artifact for digest '{revision}'"
        conditions.put(obj, IN_STORAGE, "True", conditions.SUCCEEDED, text)
        return f"stored artifact with revision '{revision}' from '{spec['url']}'", NEW_ARTIFACT

    @staticmethod
    def _verify(client: Client, obj: Obj, registry: Registry, revision: str) -> None:
        """Checks the signature of what was not verified yet in the way that the spec asks for. Raises SourceFailed."""
        known = conditions.get(obj, VERIFIED) or {}
        same = (obj["status"].get("artifact") or {}).get("revision") == revision
        if same and known.get("observedGeneration") == obj["metadata"]["generation"]:
            return
        keys = signatures.keys_of(client, obj)
        try:
            signatures.check(registry, revision.rpartition("@")[2], keys)
        except OciError as why:
            raise signatures.refused(obj, why.message) from None
        text = f"verified signature of revision {revision}"
        conditions.put(obj, VERIFIED, "True", conditions.SUCCEEDED, text)

    @staticmethod
    def _is_current(obj: Obj, revision: str) -> bool:
        spec, status = obj["spec"], obj["status"]
        return bool(
            (status.get("artifact") or {}).get("revision") == revision
            and all(spec.get(field) == status.get(observed) for observed, field in _OBSERVED.items())
        )

    def _pull(self, obj: Obj, registry: Registry, revision: str) -> None:
        spec, status = obj["spec"], obj["status"]
        digest = revision.rpartition("@")[2]
        selector = spec.get("layerSelector") or {}
        manifest = registry.manifest(digest=digest)
        with tempfile.TemporaryDirectory(prefix="ocirepository-") as folder:
            path = os.path.join(folder, "layer.tgz")
            wanted = (selector["mediaType"],) if selector.get("mediaType") else ()
            with open(path, "wb") as file:
                registry.layer(manifest, file, wanted)
            conditions.remove(obj, FETCH_FAILED)
            name = re.sub(r"[^a-zA-Z0-9._-]", "-", digest.rpartition(":")[2])
            try:
                if selector.get("operation") == "copy":
                    artifact = self.storage.put(obj, revision, f"{name}.tgz", path)
                else:
                    root = os.path.join(folder, "files")
                    with open(path, "rb") as file:
                        unpack(file, root)
                    rules = ignore.for_source(root, spec.get("ignore"))
                    artifact = self.storage.archive(obj, revision, f"{name}.tar.gz", root, rules)
            except ArtifactError as why:
                text = f"failed to extract layer contents from artifact: {why.message}"
                raise SourceFailed(FETCH_FAILED, "OCIArtifactLayerOperationFailed", text) from None
            except OSError as why:
                text = f"unable to archive artifact to storage: {why.strerror or why}"
                raise SourceFailed(STORAGE_FAILED, "ArchiveOperationFailed", text) from None
        notes = manifest.get("annotations")
        if isinstance(notes, dict) and notes:
            artifact["metadata"] = {str(key): str(value) for key, value in notes.items()}
        status["artifact"] = artifact
        for observed, field in _OBSERVED.items():
            if spec.get(field) is None:
                status.pop(observed, None)
            else:
                status[observed] = spec[field]
        status["url"] = self.storage.link(obj, artifact, "latest.tar.gz")
        conditions.remove(obj, OUTDATED, STORAGE_FAILED)


def _revision(registry: Registry, spec: Obj) -> str:
    """tag@digest of what `spec.ref` means now, or a digest alone. Raises OciError, SourceFailed."""
    ref = spec.get("ref") or {}
    if ref.get("digest"):
        return str(ref["digest"])
    tag = str(ref.get("tag") or "latest")
    if ref.get("semver"):
        tags = registry.tags()
        if ref.get("semverFilter"):
            tags = _filtered(tags, ref["semverFilter"], spec["url"])
        try:
            tag = chartindex.newest(tags, ref["semver"])
        except chartindex.IndexFailed:
            text = (
                f"failed to determine the artifact tag for '{spec['url']}': no match found for semver: {ref['semver']}"
            )
            raise SourceFailed(FETCH_FAILED, "ReadOperationFailed", text) from None
    return f"{tag}@{registry.digest(tag)}"


def _filtered(tags: list[str], pattern: str, url: str) -> list[str]:
    """The tags that a regular expression is found in. Raises SourceFailed."""
    try:
        return [tag for tag in tags if re.search(pattern, tag)]
    except re.error as why:
        text = f"failed to determine the artifact tag for '{url}': error parsing regexp: {why}: `{pattern}`"
        raise SourceFailed(FETCH_FAILED, "ReadOperationFailed", text) from None
