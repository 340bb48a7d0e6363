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

    from pyflux.kube.client import Client

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
    """The charts of one HelmRepository. `local` gives the file of its artifact."""

    def __init__(self, client: Client, repository: Obj, local: Callable[[Obj], str]) -> None:
        self._repository = repository
        self._url = str(repository["spec"]["url"])
        self._login = repository_login(client, repository)
        self._local = local
        self._oci = repository["spec"].get("type") == "oci"

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
        from pyflux.controllers.source.ocipull import Registry
        from pyflux.oci.errors import OciError

        url = f"{self._url.rstrip('/')}/{name}"
        if wanted and Version.parse(wanted) is not None:
            return {"name": os.path.basename(name), "version": wanted, "urls": [url]}
        prefix = "failed to get chart version for remote reference: "
        try:
            with Registry(url, self._login, plain=bool(self._repository["spec"].get("insecure"))) as registry:
                tags = [tag.replace("_", "+") for tag in registry.tags()]
            return {"name": os.path.basename(name), "version": chartindex.newest(tags, wanted), "urls": [url]}
        except OciError as why:
            text = f'{prefix}could not get tags for "{name}": could not fetch tags for "{url}": {why.message}'
            raise _pull_failed(text) from None
        except chartindex.IndexFailed as why:
            raise BuildFailed("ChartPullError", prefix + why.message) from None

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
        from pyflux.controllers.source.ocipull import Registry
        from pyflux.oci.errors import OciError

        url = str(entry["urls"][0])
        tag = entry["version"].replace("+", "_")
        try:
            with (
                Registry(url, self._login, plain=bool(self._repository["spec"].get("insecure"))) as registry,
                open(path, "wb") as file,
            ):
                manifest = registry.manifest(tag=tag)
                registry.layer(manifest, file, _CHART_LAYERS)
        except OciError as why:
            raise _pull_failed(f"{prefix}failed to get '{url}:{tag}': {why.message}") from None


def _pull_failed(text: str) -> BuildFailed:
    """Refused credentials and certificates are told apart, as source-controller does."""
    hints = ("401", "unauthorized", "authentication required", "tls", "unknown certificate authority")
    if any(hint in text for hint in hints):
        return BuildFailed("AuthenticationFailed", f"chart pull error: {text}")
    return BuildFailed("ChartPullError", text)
