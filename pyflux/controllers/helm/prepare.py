"""What a release needs before Helm is asked: its source's artifact, its values, and whether it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.catalog.kinds import kind as kind_named
from pyflux.catalog.semver import Version
from pyflux.controllers import conditions
from pyflux.controllers.helm import snapshot, spec
from pyflux.controllers.helm.charttemplate import check_access
from pyflux.controllers.helm.request import clear_failures
from pyflux.errors import KubeError, NotFound, PyfluxError
from pyflux.render.helm import release_name, release_namespace
from pyflux.render.values import ValuesError, compose

if TYPE_CHECKING:
    from pyflux.controllers.core import Options
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

SOURCE_NOT_READY, ARTIFACT_FAILED, VALUES_ERROR = "SourceNotReady", "ArtifactFailed", "ValuesError"
CHART_MUTATE_ERROR = "ChartMutateError"
REASONS = (
    *("DependencyNotReady", "AccessDenied", ARTIFACT_FAILED, SOURCE_NOT_READY, VALUES_ERROR),
    *("RESTClientError", "HelmNotInstalled"),
)
_CONFIGS = {
    "ConfigMap": ("v1", "ConfigMap"),
    "Secret": ("v1", "Secret"),
}
_DIGEST_LENGTH = 12


class NotReady(PyfluxError):
    """Something is missing. `waits`: try again after a while, not after a growing pause. `event`: its type, if any."""

    def __init__(self, reason: str, message: str, *, waits: bool = False, event: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.waits = waits
        self.event = event


def source_key(obj: Obj) -> tuple[str, str, str]:
    """Kind, namespace and name of the object that holds the chart's artifact."""
    reference = obj["spec"].get("chartRef")
    if reference:
        return reference["kind"], reference.get("namespace") or obj["metadata"]["namespace"], reference["name"]
    return "HelmChart", spec.chart_namespace(obj), spec.chart_name(obj)


def source(client: Client, obj: Obj, options: Options) -> Obj:
    """The source, with an artifact. Raises NotReady, AccessDenied."""
    kind, namespace, name = source_key(obj)
    check_access(obj, kind, namespace, name, allowed=options.cross_namespace_refs)
    try:
        found = client.get(kind_named(kind).resource, name, namespace)
    except KubeError as why:
        raise NotReady(ARTIFACT_FAILED, f"could not get Source object: {why}") from None
    found.setdefault("kind", kind)
    problem = _problem(found)
    if problem:
        text = f"{kind} '{namespace}/{name}' is not ready: {problem}"
        raise NotReady(SOURCE_NOT_READY, text, waits=True)
    return found


def _problem(found: Obj) -> str:
    """Why a source cannot be used; empty where it can."""
    status = found.get("status") or {}
    artifact = status.get("artifact")
    if found["kind"] == "ExternalArtifact":
        return "" if artifact else "does not have an artifact"
    if status.get("observedGeneration", 0) != found["metadata"]["generation"]:
        if conditions.has(found, conditions.READY, "False"):
            return conditions.message(found, conditions.READY)
        return "latest generation of object has not been reconciled"
    if conditions.has(found, conditions.STALLED):
        return conditions.message(found, conditions.STALLED)
    return "" if artifact else "does not have an artifact"


def values(client: Client, obj: Obj) -> Obj:
    """The composed values. Raises NotReady."""

    def lookup(kind: str, namespace: str, name: str) -> Obj | None:
        try:
            return client.get(client.resource_for(*_CONFIGS[kind]), name, namespace)
        except NotFound:
            return None

    try:
        return compose(obj["spec"], obj["metadata"]["namespace"], lookup)
    except (ValuesError, KubeError) as why:
        raise NotReady(VALUES_ERROR, why.message, event="Warning") from None


class Inputs(NamedTuple):
    """Source, the chart's archive or folder on disk, and values."""

    source: Obj
    path: str
    values: Obj

    def chart(self) -> tuple[Obj, str]:
        """The chart's metadata with the version to release, and the digest of an OCI source. Raises NotReady."""
        from pyflux.controllers.source.chartfile import ChartError, metadata_of

        try:
            metadata = metadata_of(self.path)
        except ChartError as why:
            raise NotReady(ARTIFACT_FAILED, f"Could not load chart: {why.message}", event="Warning") from None
        revision = str(self.source["status"]["artifact"]["revision"])
        kind = self.source["kind"]
        if kind != "OCIRepository" and not (kind == "ExternalArtifact" and ":" in revision):
            return metadata, ""
        version, digest = with_digest(str(metadata["version"]), revision)
        return {**metadata, "version": version}, digest


def with_digest(version: str, revision: str) -> tuple[str, str]:
    """A chart version marked with the digest of its artifact, so that a moved tag is seen. Raises NotReady."""
    parsed = Version.parse(version)
    if parsed is None:
        raise NotReady(CHART_MUTATE_ERROR, f"invalid chart version {version}")
    digest = revision
    if "@" in revision:
        tag, _, rest = revision.partition("@")
        tagged = Version.parse(tag.replace("_", "+"))
        if tagged is not None:
            if tagged != parsed or "@" in rest:
                text = f"artifact revision {tag} does not match chart version {version}"
                raise NotReady(CHART_MUTATE_ERROR, text)
            digest = rest
    algorithm, colon, encoded = digest.partition(":")
    if not colon or ":" in encoded or len(encoded) < _DIGEST_LENGTH or not algorithm:
        raise NotReady(CHART_MUTATE_ERROR, f"invalid artifact revision {digest}")
    plain = f"{parsed.major}.{parsed.minor}.{parsed.patch}" + (f"-{parsed.pre}" if parsed.pre else "")
    return f"{plain}+{encoded[:_DIGEST_LENGTH]}", digest


def target_changed(obj: Obj, chart_name: str) -> bool:
    """True when the release has to be uninstalled where it is, to be installed elsewhere or from another chart."""
    status, current = obj["status"], snapshot.latest(obj)
    if not status.get("storageNamespace") or current is None:
        return False
    if (
        spec.storage_namespace(obj) != status["storageNamespace"]
        or release_namespace(obj) != current["namespace"]
        or release_name(obj) != current["name"]
    ):
        return True
    strategy = spec.section(obj, spec.UPGRADE).get("chartNameChangeStrategy") or "Reinstall"
    return bool(chart_name != current.get("chartName") and strategy == "Reinstall")


def note_attempt(obj: Obj, chart: Obj, composed: Obj, oci_digest: str) -> None:
    """Forgets failures of another attempt, and notes this one."""
    status, digest = obj["status"], snapshot.config_digest(composed)
    status["storageNamespace"] = spec.storage_namespace(obj)
    reset = spec.reset_requested(obj)
    before = status.get("lastAttemptedConfigDigest")
    if (
        status.get("lastAttemptedGeneration", 0) != obj["metadata"]["generation"]
        or (status.get("lastAttemptedRevision") or "") != chart["version"]
        or (before and before != digest)
        or reset
    ):
        clear_failures(obj)
    status["lastAttemptedGeneration"] = obj["metadata"]["generation"]
    status["lastAttemptedRevision"] = chart["version"]
    status["lastAttemptedConfigDigest"] = digest
    if oci_digest:
        status["lastAttemptedRevisionDigest"] = oci_digest
    else:
        status.pop("lastAttemptedRevisionDigest", None)
    for field in ("lastAttemptedValuesChecksum", "lastReleaseRevision"):
        status.pop(field, None)
