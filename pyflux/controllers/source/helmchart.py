"""HelmChart: a chart from a Helm repository, a registry, or a Git repository, kept as an artifact."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers import conditions
from pyflux.controllers.source import chartbuild, signatures
from pyflux.controllers.source.base import COMPONENT, SourceController
from pyflux.controllers.source.chartbuild import Build, BuildFailed
from pyflux.controllers.source.chartremote import Remote
from pyflux.controllers.source.outcome import (
    BUILD_FAILED,
    FETCH_FAILED,
    IN_STORAGE,
    VERIFIED,
    SourceFailed,
    SourceStalled,
    SourceWaiting,
)
from pyflux.errors import KubeError
from pyflux.render.artifact import ArtifactError, unpack

if TYPE_CHECKING:
    from pyflux.controllers.patcher import Patcher
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

KINDS = ("HelmRepository", "GitRepository", "Bucket")
LASTING = "latest.tar.gz"
_REVISION_LENGTH = 12


class HelmChartController(SourceController):
    """Reconciles HelmCharts."""

    kind = "HelmChart"

    def produce(self, client: Client, obj: Obj, patcher: Patcher) -> tuple[str, str]:
        if conditions.has(obj, VERIFIED, "False"):
            conditions.remove(obj, VERIFIED)
        source = self._source(client, obj)
        artifact = (source.get("status") or {}).get("artifact")
        static = obj["spec"]["sourceRef"]["kind"] == "HelmRepository" and source["spec"].get("type") == "oci"
        if not static and (not artifact or not self.storage.intact(artifact)):
            reference = obj["spec"]["sourceRef"]
            text = f"no artifact available for {reference['kind']} source '{reference['name']}'"
            raise SourceWaiting(FETCH_FAILED, "NoSourceArtifact", text)
        if artifact:
            obj["status"]["observedSourceArtifactRevision"] = artifact["revision"]
        if not obj["spec"].get("verify"):
            conditions.remove(obj, VERIFIED)
        elif not static and obj["metadata"]["generation"] != obj["status"].get("observedGeneration"):
            # it has none with Flux either, which does not say so
            text = (
                "spec.verify has no effect: signatures are checked of charts from HelmRepositories of type 'oci' only"
            )
            self.recorder.event(COMPONENT, obj, "Warning", "VerificationSkipped", text)
        with tempfile.TemporaryDirectory(prefix="helmchart-") as folder:
            return self._build(client, obj, patcher, source, folder)

    def _source(self, client: Client, obj: Obj) -> Obj:
        reference = obj["spec"]["sourceRef"]
        kind = reference["kind"]
        if kind not in KINDS:
            text = f"failed to get source: unsupported source kind '{kind}', must be one of: [{' '.join(KINDS)}]"
            raise SourceStalled(FETCH_FAILED, "UnsupportedSourceKind", text)
        try:
            return client.get(kind_named(kind).resource, reference["name"], obj["metadata"]["namespace"])
        except KubeError as why:
            raise SourceFailed(FETCH_FAILED, "SourceUnavailable", f"failed to get source: {why}") from None

    def _build(self, client: Client, obj: Obj, patcher: Patcher, source: Obj, folder: str) -> tuple[str, str]:
        def announce(build: Build) -> None:
            if not self._is_current(obj, build):
                self.outdated(obj, patcher, "NewChart", build.summary)

        kept = self._kept(obj)
        try:
            if obj["spec"]["sourceRef"]["kind"] == "HelmRepository":
                # as with Flux, there are signatures of charts in registries only
                signed = obj["spec"].get("verify") and source["spec"].get("type") == "oci"
                keys = signatures.keys_of(client, obj) if signed else None
                remote = Remote(client, source, self.storage.local, keys)
                build = chartbuild.remote(remote, obj, folder, kept, announce)
            else:
                build = self._local(obj, source["status"]["artifact"], folder, kept, announce)
        except BuildFailed as why:
            raise _as_source_failure(obj, why) from None
        conditions.remove(obj, FETCH_FAILED, BUILD_FAILED)
        if build.path:
            self.store(obj, build.version, f"{build.name}-{build.version}.tgz", build.path, LASTING)
        if build.verified:
            text = f"verified signature of version {build.version}"
            conditions.put(obj, VERIFIED, "True", conditions.SUCCEEDED, text)
        status = obj["status"]
        status["observedChartName"] = build.name
        if obj["spec"].get("ignoreMissingValuesFiles") and build.values_files:
            status["observedValuesFiles"] = build.values_files
        else:
            status.pop("observedValuesFiles", None)
        conditions.put(obj, IN_STORAGE, "True", build.reason, build.summary)
        return build.summary, build.reason

    def _local(self, obj: Obj, artifact: Obj, folder: str, kept: str, announce: Any) -> Build:
        root = os.path.join(folder, "source")
        try:
            with open(self.storage.local(artifact), "rb") as file:
                unpack(file, root)
        except (OSError, ArtifactError) as why:
            raise SourceFailed(FETCH_FAILED, "Failed", f"artifact untar error: {why}") from None
        spec = obj["spec"]
        metadata = ""
        if spec.get("reconcileStrategy") == "Revision":
            metadata = artifact["revision"].rpartition(":")[2][:_REVISION_LENGTH]
        return chartbuild.local(root, obj, folder, metadata, kept, announce)

    def _kept(self, obj: Obj) -> str:
        """name and version of the chart that is kept, where it may be kept; empty else."""
        status = obj["status"]
        artifact = status.get("artifact")
        if not artifact or obj["metadata"]["generation"] != status.get("observedGeneration", 0):
            return ""
        return f"{status.get('observedChartName', '')}@{artifact['revision']}"

    @staticmethod
    def _is_current(obj: Obj, build: Build) -> bool:
        status = obj["status"]
        return bool(
            build.name == status.get("observedChartName")
            and (status.get("artifact") or {}).get("revision") == build.version
        )


def _as_source_failure(obj: Obj, why: BuildFailed) -> SourceFailed:
    condition, other = (BUILD_FAILED, FETCH_FAILED) if why.is_build else (FETCH_FAILED, BUILD_FAILED)
    conditions.remove(obj, other)
    if why.reason == "ChartVerificationError":
        conditions.put(obj, VERIFIED, "False", signatures.REASON, why.message)
    kind = SourceStalled if why.is_persistent else SourceFailed
    return kind(condition, why.reason, why.message)
