"""What a repository holds once it is built: clusters, their units, and the objects that each unit applies."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from pyflux.errors import PyfluxError

Obj = dict[str, Any]
ObjectId = tuple[str, str, str]
"""Kind, namespace and name."""

KUSTOMIZATION = "Kustomization"
HELM_RELEASE = "HelmRelease"
FLUX_GROUP = ".toolkit.fluxcd.io/"
KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io/"
HELM_GROUP = "helm.toolkit.fluxcd.io/"


class Unavailable(PyfluxError):
    """Something that is not in the repository and was not fetched, or cannot be read in it; the message says why."""


class Undefined(Unavailable):
    """A source that the repository refers to and does not define."""


def id_of(obj: Obj) -> ObjectId:
    meta = obj.get("metadata") or {}
    return str(obj.get("kind", "")), str(meta.get("namespace") or ""), str(meta.get("name") or "")


def show_id(identity: ObjectId) -> str:
    kind, namespace, name = identity
    return f"{kind}/{namespace}/{name}" if namespace else f"{kind}/{name}"


@dataclass
class Unit:
    """One Kustomization or HelmRelease and what it renders to."""

    obj: Obj
    parent: Unit | None
    objects: list[Obj] = field(default_factory=list)
    error: str = ""
    """Why it does not render; empty where it does."""
    skipped: str = ""
    """Why it was not rendered: something that is not in the repository and was not fetched."""
    problems: list[str] = field(default_factory=list)
    """What is wrong although it renders: a reference to nothing, a field the API refuses."""
    notes: list[str] = field(default_factory=list)
    """What was assumed to render it."""
    seconds: float = 0.0
    misshapen: str = ""
    """A field of the wrong type, for which the API server would refuse it."""

    @property
    def id(self) -> ObjectId:
        return id_of(self.obj)

    @property
    def kind(self) -> str:
        return self.id[0]

    @property
    def namespace(self) -> str:
        return self.id[1]

    @property
    def name(self) -> str:
        return self.id[2]

    @property
    def spec(self) -> Obj:
        """Its spec; empty where it is misshapen."""
        found: Obj = {} if self.misshapen else self.obj.get("spec") or {}
        return found

    @property
    def path(self) -> str:
        """The folder a Kustomization builds, relative to its source, which no path leads out of; else empty."""
        text = str(self.spec.get("path") or "")
        return os.path.normpath(f"/{text}").strip("/") if self.kind == KUSTOMIZATION else ""

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend"))

    @property
    def title(self) -> str:
        return show_id(self.id)


@dataclass
class Cluster:
    """Everything that grows from one entry point of the repository."""

    path: str
    """The entry point, relative to the repository."""
    units: dict[ObjectId, Unit] = field(default_factory=dict)
    index: dict[ObjectId, Obj] = field(default_factory=dict)
    """ConfigMaps, Secrets and Flux objects of all units, for references."""
    strict: bool = True
    """Whether a variable that is not set is an error."""

    def ordered(self) -> list[Unit]:
        """Kustomizations, then HelmReleases, each by namespace and name."""
        return sorted(self.units.values(), key=lambda unit: (unit.kind == HELM_RELEASE, unit.namespace, unit.name))


def is_kustomization(obj: Obj) -> bool:
    return obj.get("kind") == KUSTOMIZATION and str(obj.get("apiVersion", "")).startswith(KUSTOMIZE_GROUP)


def is_release(obj: Obj) -> bool:
    return obj.get("kind") == HELM_RELEASE and str(obj.get("apiVersion", "")).startswith(HELM_GROUP)


def is_indexed(obj: Obj) -> bool:
    return obj.get("kind") in ("ConfigMap", "Secret") or ".fluxcd.io/" in str(obj.get("apiVersion", ""))
