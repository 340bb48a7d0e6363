"""What `get` shows of an object: one function a column, from a plain JSON object to the text of a cell."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Obj = dict[str, Any]

WAITING = "waiting to be reconciled"
DISABLED_ANNOTATION = "source.extensions.fluxcd.io/reconcile"
_patterns: list[Any] = []
# many objects are at the same revision
_shortened: dict[str, str] = {}


def shorten(text: str) -> str:
    """Checksums and commits (40 to 128 hexadecimal digits) cut to eight digits."""
    if len(text) < 40:
        return text
    known = _shortened.get(text)
    if known is not None:
        return known
    if not _patterns:
        import re

        _patterns.append(re.compile(r"\b[a-f0-9]{40,128}\b", re.ASCII))
    short = text
    for hit in _patterns[0].findall(text):
        short = short.replace(hit, hit[:8])
    _shortened[text] = short
    return short


def conditions(obj: Obj) -> list[Obj]:
    return (obj.get("status") or {}).get("conditions") or []


def condition(obj: Obj, kind: str) -> Obj | None:
    """The condition of a type ("Ready"), or None."""
    for entry in conditions(obj):
        if entry.get("type") == kind:
            return entry
    return None


def ready(obj: Obj) -> str:
    """True, False or Unknown; False for an object that nobody has looked at yet."""
    found = condition(obj, "Ready")
    return str(found.get("status", "")) if found is not None else "False"


def message(obj: Obj) -> str:
    found = condition(obj, "Ready")
    return str(found.get("message", "")) if found is not None else WAITING


def short_message(obj: Obj) -> str:
    return shorten(message(obj))


def name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def namespace(obj: Obj) -> str:
    return str(obj["metadata"].get("namespace", ""))


def is_suspended(obj: Obj) -> bool:
    """True where the object's own switch stops its reconciliation."""
    if (obj.get("spec") or {}).get("suspend"):
        return True
    annotations = obj["metadata"].get("annotations") or {}
    return (
        obj.get("kind") == "ArtifactGenerator" and str(annotations.get(DISABLED_ANNOTATION, "")).lower() == "disabled"
    )


def suspended(obj: Obj) -> str:
    return "True" if is_suspended(obj) else "False"


def artifact(obj: Obj) -> Obj:
    return (obj.get("status") or {}).get("artifact") or {}


def artifact_revision(obj: Obj) -> str:
    return str(artifact(obj).get("revision", ""))


def short_artifact_revision(obj: Obj) -> str:
    return shorten(artifact_revision(obj))


def applied_revision(obj: Obj) -> str:
    return shorten(str((obj.get("status") or {}).get("lastAppliedRevision", "")))


def release_revision(obj: Obj) -> str:
    """The chart version of the newest release, or the one that was tried last."""
    status = obj.get("status") or {}
    history = status.get("history") or []
    if history:
        return str(history[0].get("chartVersion", ""))
    return str(status.get("lastAttemptedRevision", ""))


def _reference(ref: Obj, own_namespace: str) -> str:
    return f"{ref.get('kind', '')}/{ref.get('namespace') or own_namespace}/{ref.get('name', '')}"


def source_ref(obj: Obj) -> Obj | None:
    """Where the object gets what it works on: kind, name and maybe namespace; None for those without."""
    spec = obj.get("spec") or {}
    if obj.get("kind") == "HelmRelease":
        if spec.get("chartRef"):
            return dict(spec["chartRef"])
        return ((spec.get("chart") or {}).get("spec") or {}).get("sourceRef")
    if obj.get("kind") == "ImagePolicy" and spec.get("imageRepositoryRef"):
        return {"kind": "ImageRepository", **spec["imageRepositoryRef"]}
    return spec.get("sourceRef")


def source(obj: Obj) -> str:
    ref = source_ref(obj)
    return _reference(ref, namespace(obj)) if ref else ""


def producer(obj: Obj) -> str:
    """The object an ExternalArtifact comes from; its namespace is shown as written."""
    ref = (obj.get("spec") or {}).get("sourceRef")
    return _reference(ref, "") if ref else ""


def _latest(obj: Obj) -> Obj:
    return (obj.get("status") or {}).get("latestRef") or {}


def image(obj: Obj) -> str:
    return str(_latest(obj).get("name", ""))


def tag(obj: Obj) -> str:
    return str(_latest(obj).get("tag", ""))


def last_scan(obj: Obj) -> str:
    from pyflux.catalog.gotime import rfc3339

    found = (obj.get("status") or {}).get("lastScanResult")
    return rfc3339(str(found.get("scanTime", ""))) if found else ""


def last_run(obj: Obj) -> str:
    from pyflux.catalog.gotime import rfc3339

    return rfc3339(str((obj.get("status") or {}).get("lastAutomationRunTime") or ""))


def is_oci_helm_repository(obj: Obj) -> bool:
    """True for a HelmRepository that only names a registry: no controller looks at it."""
    return obj.get("kind") == "HelmRepository" and (obj.get("spec") or {}).get("type") == "oci"


def repository_ready(obj: Obj) -> str:
    return "True" if is_oci_helm_repository(obj) else ready(obj)


def repository_message(obj: Obj) -> str:
    return "Helm repository is Ready" if is_oci_helm_repository(obj) else short_message(obj)


def _always(text: str) -> Callable[[Obj], str]:
    return lambda _obj: text


Column = tuple[str, "Callable[[Obj], str]"]

SUSPENDED: Column = ("Suspended", suspended)
READY: Column = ("Ready", ready)
STATUS: tuple[Column, ...] = (READY, ("Message", message))
SHORT_STATUS: tuple[Column, ...] = (READY, ("Message", short_message))
SOURCE: Column = ("Source", source)

KUSTOMIZATION = (("Revision", applied_revision), SUSPENDED, *SHORT_STATUS)
HELM_RELEASE = (("Revision", release_revision), SUSPENDED, *STATUS)
FETCHED = (("Revision", short_artifact_revision), SUSPENDED, *SHORT_STATUS)
# a chart's revision is a version, which may hold something like a checksum
HELM_CHART = (("Revision", artifact_revision), SUSPENDED, *SHORT_STATUS)
HELM_REPOSITORY = (
    ("Revision", short_artifact_revision),
    SUSPENDED,
    ("Ready", repository_ready),
    ("Message", repository_message),
)
EXTERNAL_ARTIFACT = (("Revision", short_artifact_revision), ("Source", producer), *SHORT_STATUS)
IMAGE_REPOSITORY = (("Last scan", last_scan), SUSPENDED, *STATUS)
IMAGE_POLICY = (("Image", image), ("Tag", tag), *STATUS)
IMAGE_UPDATE = (("Last run", last_run), SUSPENDED, *STATUS)
ALERT = (SUSPENDED, ("Ready", _always("True")), ("Message", _always("Alert is Ready")))
PROVIDER = (("Ready", _always("True")), ("Message", _always("Provider is Ready")))
PLAIN = (SUSPENDED, *STATUS)
