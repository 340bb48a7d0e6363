"""The text of a trace: one section an object, `Label:   value` a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.catalog import columns
from pyflux.catalog.gotime import long

if TYPE_CHECKING:
    from typing import Any

    Obj = dict[str, Any]

_ORIGINS = (
    ("Origin Revision: ", "org.opencontainers.image.revision"),
    ("Origin Source:   ", "org.opencontainers.image.source"),
)
# which field of a source's reference is shown, and under which name; the first that is set wins
_GIT_REFS = (("tag", "Tag"), ("semver", "Tag"), ("branch", "Branch"))
_OCI_REFS = (("tag", "Tag"), ("semver", "Tag"), ("digest", "Digest"))


class Report:
    """Collects the lines; `width` is where the values start."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._lines: list[str] = [""]

    @property
    def text(self) -> str:
        return "\n".join([*self._lines, ""])

    def line(self, label: str, value: object) -> None:
        self._lines.append(f"{label + ':':<{self.width}}{value}")

    def plain(self, text: str) -> None:
        self._lines.append(text)

    def head(self, obj: Obj) -> None:
        self.line("Object", f"{obj['kind']}/{obj['metadata']['name']}")
        if columns.namespace(obj):
            self.line("Namespace", columns.namespace(obj))
        self.line("Status", "Managed by Flux")

    def section(self, kind: str, obj: Obj) -> None:
        self.plain("---")
        self.line(kind, columns.name(obj))
        self.line("Namespace", columns.namespace(obj))

    def revision(self, obj: Obj) -> None:
        if columns.artifact(obj):
            self.line("Revision", columns.artifact_revision(obj))

    def status(self, obj: Obj, *, says_failed: bool = False) -> None:
        found = columns.condition(obj, "Ready")
        if found is None:
            self.line("Status", "Unknown")
            return
        failed = says_failed and found.get("status") == "False"
        what = "Last reconciliation failed" if failed else "Last reconciled"
        self.line("Status", f"{what} at {long(str(found.get('lastTransitionTime', '')))}")
        self.line("Message", found.get("message", ""))


def describe_release(report: Report, obj: Obj) -> None:
    """The Kustomization or HelmRelease that manages the object."""
    kind = str(obj["kind"])
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    report.section(kind, obj)
    if spec.get("targetNamespace"):
        report.line("Target", spec["targetNamespace"])
    if kind == "Kustomization":
        report.line("Path", spec.get("path", ""))
        report.line("Revision", status.get("lastAppliedRevision", ""))
    else:
        report.line("Revision", status.get("lastAttemptedRevision", ""))
    report.status(obj)


def describe_chart(report: Report, obj: Obj) -> None:
    """The HelmChart of a release."""
    spec = obj.get("spec") or {}
    report.section("HelmChart", obj)
    report.line("Chart", spec.get("chart", ""))
    report.line("Version", spec.get("version", ""))
    report.revision(obj)
    report.status(obj)


def describe_source(report: Report, kind: str, obj: Obj, *, origin: bool = False) -> None:
    """The source; `origin` adds what an artifact says of where it was built from."""
    spec = obj.get("spec") or {}
    if kind == "GitRepository" and report.width == 16:
        report.width = 15
    elif kind in ("OCIRepository", "ExternalArtifact"):
        report.width = 17
    report.section(kind, obj)
    if kind == "ExternalArtifact":
        ref = spec.get("sourceRef") or {}
        report.line("Source", f"{ref.get('kind', '')}/{ref.get('namespace', '')}/{ref.get('name', '')}")
    else:
        report.line("URL", spec.get("url", ""))
    if kind in ("GitRepository", "OCIRepository"):
        _reference(report, spec.get("ref") or {}, _GIT_REFS if kind == "GitRepository" else _OCI_REFS)
    report.revision(obj)
    metadata = columns.artifact(obj).get("metadata") or {}
    if origin and metadata and kind != "GitRepository":
        for label, key in _ORIGINS:
            # an origin that the artifact does not name leaves its line empty
            report.plain(f"{label}{metadata[key]}" if metadata.get(key) else "")
    report.status(obj, says_failed=kind != "HelmRepository")


def _reference(report: Report, ref: Obj, shown: tuple[tuple[str, str], ...]) -> None:
    for field, label in shown:
        if ref.get(field):
            report.line(label, ref[field])
            return
