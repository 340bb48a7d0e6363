"""HelmRepository: keeps the index of a chart repository as an artifact. Registries need no reconciliation."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyflux.controllers import conditions
from pyflux.controllers.core import FINALIZER
from pyflux.controllers.source import chartindex
from pyflux.controllers.source.base import NEW_ARTIFACT, SourceController
from pyflux.controllers.source.helmauth import repository_login
from pyflux.controllers.source.httpget import HttpError, download
from pyflux.controllers.source.outcome import FETCH_FAILED, IN_STORAGE, SourceFailed, SourceStalled

if TYPE_CHECKING:
    from pyflux.controllers.patcher import Patcher
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

LASTING = "index.yaml"


class HelmRepositoryController(SourceController):
    """Reconciles HelmRepositories of type `default`; makes those of type `oci` plain data."""

    kind = "HelmRepository"

    def is_static(self, obj: Obj, patcher: Patcher) -> bool:
        if obj["spec"].get("type") != "oci":
            return False
        # nothing is kept of the time when it was of the other type
        if not obj["spec"].get("suspend") and (obj["status"] or FINALIZER in (obj["metadata"].get("finalizers") or [])):
            self.storage.remove_all(obj)
            obj["status"] = {}
            self.drop_finalizer(obj, patcher)
        return True

    def produce(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[str, str]:
        url = obj["spec"]["url"]
        if url.startswith("oci://"):
            raise SourceStalled(
                FETCH_FAILED,
                "URLInvalid",
                "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type",
            )
        login = repository_login(client, obj)
        with tempfile.TemporaryDirectory(prefix="helmrepository-") as folder:
            path = os.path.join(folder, LASTING)
            try:
                download(index_url(url), path, login, most=chartindex.MAX_INDEX)
            except HttpError as why:
                text = "failed to fetch Helm repository index: failed to cache index to temporary file: "
                raise SourceFailed(FETCH_FAILED, "Failed", text + why.message) from None
            self._keep(obj, patcher, path)
        artifact = obj["status"]["artifact"]
        conditions.put(
            obj, IN_STORAGE, "True", conditions.SUCCEEDED, f"stored artifact: revision '{artifact['revision']}'"
        )
        message = f"stored fetched index of size {human_size(artifact['size'])} from '{url}'"
        return message, NEW_ARTIFACT

    def _keep(self, obj: Obj, patcher: Patcher, path: str) -> None:
        with open(path, "rb") as file:
            text = file.read()
        encoded = hashlib.sha256(text).hexdigest()
        revision = f"sha256:{encoded}"
        if (obj["status"].get("artifact") or {}).get("revision") == revision:
            conditions.remove(obj, FETCH_FAILED)
            return
        try:
            index = chartindex.parse(text)
        except chartindex.IndexFailed as why:
            message = f"failed to load Helm repository from index YAML: failed to load index: {why.message}"
            raise SourceFailed(FETCH_FAILED, "IndexationFailed", message) from None
        conditions.remove(obj, FETCH_FAILED)
        self.outdated(obj, patcher, "NewRevision", f"new index revision '{revision}'")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(index, out, indent=2, default=str)
        self.store(obj, revision, f"index-{encoded}.yaml", path, LASTING)


def index_url(url: str) -> str:
    """Where a repository's index is."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rstrip("/") + "/index.yaml").geturl()


def human_size(size: float) -> str:
    """A size as docker's units print it: 1.23kB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.4g}{unit}"
        size /= 1000
    raise AssertionError
