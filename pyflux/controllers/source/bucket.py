"""Bucket: the objects of a storage that speaks S3, kept as an artifact. An unchanged bucket costs a listing."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.core import seconds
from pyflux.controllers.source.base import COMPONENT, NEW_ARTIFACT, SourceController
from pyflux.controllers.source.bucketauth import bucket_access
from pyflux.controllers.source.outcome import (
    FETCH_FAILED,
    IN_STORAGE,
    OUTDATED,
    STORAGE_FAILED,
    SourceFailed,
)
from pyflux.render import ignore
from pyflux.render.artifact import ArtifactError
from pyflux.s3.bucket import Source, fetch_files, list_index, revision
from pyflux.s3.client import Client as Storage
from pyflux.s3.errors import S3Error

if TYPE_CHECKING:
    from pyflux.controllers.patcher import Patcher
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_TIMEOUT = 60.0


class BucketController(SourceController):
    """Reconciles Buckets."""

    kind = "Bucket"

    def produce(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[str, str]:
        spec = obj["spec"]
        source = Source(
            spec["bucketName"],
            str(spec.get("prefix") or ""),
            lambda folder: ignore.for_bucket(folder, spec.get("ignore")).excludes,
            seconds(spec.get("timeout"), _TIMEOUT),
        )
        access = bucket_access(client, obj)
        with tempfile.TemporaryDirectory(prefix="bucket-") as folder, Storage(access) as storage:
            try:
                index = list_index(storage, source, folder)
                fetched = self._revision(obj) != revision(index)
                if fetched:
                    fetch_files(storage, source, index, folder)
            except S3Error as why:
                raise SourceFailed(FETCH_FAILED, "BucketOperationFailed", why.message) from None
            found = revision(index)
            if fetched:
                self.outdated(obj, patcher, "NewRevision", f"new upstream revision '{found}'")
            conditions.remove(obj, FETCH_FAILED)
            if self._revision(obj) == found:
                text = f"artifact up-to-date with remote revision: '{found}'"
                self.recorder.event(COMPONENT, obj, "Normal", "ArtifactUpToDate", text)
            else:
                self._archive(obj, found, folder)
        conditions.remove(obj, OUTDATED)
        conditions.put(obj, IN_STORAGE, "True", conditions.SUCCEEDED, f"stored artifact: revision '{found}'")
        return f"stored artifact with {len(index)} fetched files from '{source.bucket}' bucket", NEW_ARTIFACT

    @staticmethod
    def _revision(obj: Obj) -> str:
        return str((obj["status"].get("artifact") or {}).get("revision") or "")

    def _archive(self, obj: Obj, found: str, folder: str) -> None:
        """Keeps the files of a folder as the Bucket's artifact. Raises SourceFailed."""
        status, wanted = obj["status"], obj["spec"].get("ignore")
        name = f"{found.partition(':')[2]}.tar.gz"
        try:
            # what is ignored was not fetched
            artifact = self.storage.archive(obj, found, name, folder, ignore.Ignore(()))
            status["artifact"] = artifact
            status["url"] = self.storage.link(obj, artifact, "latest.tar.gz")
        except (ArtifactError, OSError) as why:
            text = f"unable to archive artifact to storage: {why}"
            raise SourceFailed(STORAGE_FAILED, "ArchiveOperationFailed", text) from None
        if wanted is None:
            status.pop("observedIgnore", None)
        else:
            status["observedIgnore"] = wanted
        conditions.remove(obj, STORAGE_FAILED)
