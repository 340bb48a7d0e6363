"""Where HelmCharts of a HelmRepository come from: an index over HTTP, or the tags of a registry."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pyflux.controllers.source import chartindex
from pyflux.controllers.source.chartbuild import BuildFailed
from pyflux.controllers.source.chartfile import MAX_CHART
from pyflux.controllers.source.helmauth import repository_login
from pyflux.controllers.source.httpget import HttpError, download

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.source.ocipull import Registry
    from pyflux.kube.client import Client
    from pyflux.oci.cosign import Key

    Obj = dict[str, Any]

_CHART_LAYERS = (
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/tar+gzip",
)


@lru_cache(maxsize=8)
def _index(path: str, _digest: str) -> Obj:
    with open(path, "rb") as file:
        return chartindex.parse(file.read())


class Remote:
    """The charts of one HelmRepository. `local` gives the file of its artifact.

    With `keys`, a chart of a registry counts only when one of them signed it.
    """

    def __init__(
        self, client: Client, repository: Obj, local: Callable[[Obj], str], keys: list[Key] | None = None
    ) -> None:
        self._repository = repository
        self._url = str(repository["spec"]["url"])
        self._login = repository_login(client, repository)
        self._local = local
        self._oci = repository["spec"].get("type") == "oci"
        self._keys = keys

    def find(self, name: str, wanted: str) -> Obj:
        """name, version and urls of the chart. Raises BuildFailed."""
        prefix = "failed to get chart version for remote reference: "
        if self._oci:
            return self._find_tag(name, wanted)
        artifact = self._repository["status"]["artifact"]
        try:
            return chartindex.choose(_index(self._local(artifact), artifact["digest"]), name, wanted)
        except chartindex.IndexFailed as why:
            raise BuildFailed("InvalidChartReference", prefix + why.message) from None
        except OSError as why:
            raise BuildFailed("ChartPullError", f"{prefix}failed to load index: {why.strerror}") from None

    def _find_tag(self, name: str, wanted: str) -> Obj:
        from pyflux.catalog.semver import Version
        from pyflux.oci.errors import OciError

        url = f"{self._url.rstrip('/')}/{name}"
        if wanted and Version.parse(wanted) is not None:
            return {"name": os.path.basename(name), "version": wanted, "urls": [url]}
        prefix = "failed to get chart version for remote reference: "
        try:
            with self._registry(url) as registry:
                tags = [tag.replace("_", "+") for tag in registry.tags()]
            return {"name": os.path.basename(name), "version": chartindex.newest(tags, wanted), "urls": [url]}
        except OciError as why:
            text = f'{prefix}could not get tags for "{name}": could not fetch tags for "{url}": {why.message}'
            raise _pull_failed(text) from None
        except chartindex.IndexFailed as why:
            raise BuildFailed("ChartPullError", prefix + why.message) from None

    def verify(self, entry: Obj) -> bool:
        """True when a signature was asked for and found; the entry then has the signed digest. Raises BuildFailed."""
        if not self._oci or self._keys is None:
            return False
        from pyflux.controllers.source.signatures import check
        from pyflux.oci.errors import OciError

        url = str(entry["urls"][0])
        try:
            with self._registry(url) as registry:
                digest = registry.digest(_tag(entry))
                check(registry, digest, self._keys)
        except OciError as why:
            raise BuildFailed(
                "ChartVerificationError", f"failed to verify {url}:{_tag(entry)}: {why.message}"
            ) from None
        entry["manifest"] = digest
        return True

    def _registry(self, url: str) -> Registry:
        from pyflux.controllers.source.ocipull import Registry

        return Registry(url, self._login, plain=bool(self._repository["spec"].get("insecure")))

    def download(self, entry: Obj, path: str) -> None:
        """Writes the chart's archive. Raises BuildFailed."""
        prefix = "failed to download chart for remote reference: "
        urls = entry.get("urls") or []
        if not urls:
            raise BuildFailed("ChartPullError", f"{prefix}chart '{entry['name']}' has no downloadable URLs")
        if self._oci:
            self._pull(entry, path, prefix)
            return
        base = self._url if self._url.endswith("/") else f"{self._url}/"
        url = urljoin(base, str(urls[0]))
        query = urlsplit(self._url).query
        if query and not urlsplit(str(urls[0])).scheme:
            url = urlsplit(url)._replace(query=query).geturl()
        try:
            download(url, path, self._login, most=MAX_CHART, home=self._url)
        except HttpError as why:
            raise _pull_failed(prefix + why.message) from None

    def _pull(self, entry: Obj, path: str, prefix: str) -> None:
        from pyflux.oci.errors import OciError

        url, tag = str(entry["urls"][0]), _tag(entry)
        try:
            with self._registry(url) as registry, open(path, "wb") as file:
                manifest = registry.manifest(tag=tag, digest=entry.get("manifest", ""))
                registry.layer(manifest, file, _CHART_LAYERS)
        except OciError as why:
            raise _pull_failed(f"{prefix}failed to get '{url}:{tag}': {why.message}") from None


def _tag(entry: Obj) -> str:
    return str(entry["version"]).replace("+", "_")


def _pull_failed(text: str) -> BuildFailed:
    """Refused credentials and certificates are told apart, as source-controller does."""
    hints = ("401", "unauthorized", "authentication required", "tls", "unknown certificate authority")
    if any(hint in text for hint in hints):
        return BuildFailed("AuthenticationFailed", f"chart pull error: {text}")
    return BuildFailed("ChartPullError", text)
