"""From a `kind` block of the API description to the CustomResourceDefinition of a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyflux.catalog.api.notation import KindEntry, Schema

_COLUMNS = {
    "Age": (".metadata.creationTimestamp", "date"),
    "Ready": ('.status.conditions[?(@.type=="Ready")].status', "string"),
    "Status": ('.status.conditions[?(@.type=="Ready")].message', "string"),
}
_CONTROLLER_GEN = "v0.21.0"
_API_VERSION_WORDS = "Version of the schema this object is written in, as GROUP/VERSION."
_KIND_WORDS = "Kind of this object, in CamelCase; cannot be changed."


@dataclass(frozen=True)
class ApiKind:
    """One custom resource of the Flux API, with the schema of the one version this release has."""

    group: str
    kind: str
    version: str
    plural: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    schema: Schema
    columns: tuple[dict[str, Any], ...]
    substitute: bool

    @property
    def api_version(self) -> str:
        """`group/version`."""
        return f"{self.group}/{self.version}"

    @property
    def crd_name(self) -> str:
        """Name of the CustomResourceDefinition, `plural.group`."""
        return f"{self.plural}.{self.group}"

    @property
    def has_status(self) -> bool:
        """Whether the kind has a status subresource."""
        return "status" in self.schema["properties"]

    def crd(self) -> dict[str, Any]:
        """The CustomResourceDefinition as a plain object; a new one each time."""
        annotations = {"controller-gen.kubebuilder.io/version": _CONTROLLER_GEN}
        if not self.substitute:
            annotations["kustomize.toolkit.fluxcd.io/substitute"] = "disabled"
        names: dict[str, Any] = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
        }
        if self.categories:
            names["categories"] = list(self.categories)
        if self.short_names:
            names["shortNames"] = list(self.short_names)
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"annotations": annotations, "name": self.crd_name},
            "spec": {
                "group": self.group,
                "names": names,
                "scope": "Namespaced",
                "versions": [
                    {
                        "additionalPrinterColumns": [dict(column) for column in self.columns],
                        "name": self.version,
                        "schema": {"openAPIV3Schema": _copy(self.schema)},
                        "served": True,
                        "storage": True,
                        "subresources": {"status": {}} if self.has_status else {},
                    }
                ],
            },
        }


def api_kind(group: str, entry: KindEntry) -> ApiKind:
    """The kind that `entry` of the file of `group` describes."""
    schema: Schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "description": _API_VERSION_WORDS},
            "kind": {"type": "string", "description": _KIND_WORDS},
            "metadata": {"type": "object"},
            **entry.fields,
        },
    }
    return ApiKind(
        group=group,
        kind=entry.kind,
        version=entry.version,
        plural=entry.plural,
        short_names=entry.short_names,
        categories=entry.categories,
        schema=schema,
        columns=tuple(_column(*column) for column in entry.columns),
        substitute=entry.substitute,
    )


def _column(name: str, path: str | None, priority: int | None) -> dict[str, Any]:
    known_path, kind = _COLUMNS.get(name, ("", "string"))
    column: dict[str, Any] = {"jsonPath": path or known_path, "name": name, "type": kind}
    if priority is not None:
        column["priority"] = priority
    return column


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
