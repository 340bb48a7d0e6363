"""What a repository holds once it is built: clusters, their units, and the objects that each unit applies."""

from __future__ import annotations

import os
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError
from pyflux.render.sopsmask import forms, is_ciphertext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


class Unit:
    """One Kustomization or HelmRelease and what it renders to."""

    def __init__(self, obj: Obj, parent: Unit | None, misshapen: str = "") -> None:
        self.obj = obj
        self.parent = parent
        self.misshapen = misshapen
        """A field of the wrong type, for which the API server would refuse it."""
        self.key = ""
        """Equal for two units that render the same content; empty where it is not rendered."""
        self.count = 0
        """How many objects it renders to."""
        self.indexed: list[Obj] = []
        """Those of its objects that others refer to, or that are units themselves."""
        self.error = ""
        """Why it does not render; empty where it does."""
        self.skipped = ""
        """Why it was not rendered: something that is not in the repository and was not fetched."""
        self.problems: list[str] = []
        """What is wrong although it renders: a reference to nothing, a field the API refuses."""
        self.notes: list[str] = []
        """What was assumed to render it."""
        self.private = False
        """Whether it holds what was decrypted for this run: then nothing of it is kept."""
        self.seconds = 0.0
        self.load: Callable[[], list[Obj]] = list
        """Brings its objects, which may be a file in the cache."""

    @property
    def objects(self) -> list[Obj]:
        """What it renders to, read anew each time: a large repository is never in memory as a whole."""
        return self.load()

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


class Cluster:
    """Everything that grows from one entry point of the repository."""

    def __init__(self, path: str) -> None:
        self.path = path
        """The entry point, relative to the repository."""
        self.units: dict[ObjectId, Unit] = {}
        self.index: dict[ObjectId, Obj] = {}
        """ConfigMaps, Secrets and Flux objects of all units, for references."""
        self.decrypted: set[str] = set()
        """Values that were decrypted for it."""
        self.strict = True
        """Whether a variable that is not set is an error."""

    def ordered(self) -> list[Unit]:
        """Kustomizations, then HelmReleases, each by namespace and name."""
        return sorted(self.units.values(), key=lambda unit: (unit.kind == HELM_RELEASE, unit.namespace, unit.name))


def decrypted(clusters: Iterable[Cluster]) -> list[str]:
    """What to hide of what was decrypted for clusters, longest first."""
    found = {text for cluster in clusters for text in cluster.decrypted}
    for cluster in clusters:
        for unit in cluster.units.values():
            for obj in unit.indexed if unit.private else ():
                if obj.get("kind") == "Secret":
                    found.update(secret_texts(obj).values())
    return forms(found)


def is_kustomization(obj: Obj) -> bool:
    return obj.get("kind") == KUSTOMIZATION and str(obj.get("apiVersion", "")).startswith(KUSTOMIZE_GROUP)


def is_release(obj: Obj) -> bool:
    return obj.get("kind") == HELM_RELEASE and str(obj.get("apiVersion", "")).startswith(HELM_GROUP)


def secret_texts(obj: Obj) -> dict[str, str]:
    """The values of a Secret, base64 undone where it is base64; of anything else the texts of its `data`."""
    data = {key: str(value) for key, value in (obj.get("data") or {}).items()}
    if obj.get("kind") != "Secret":
        return data
    clear = {
        key: b64decode(value).decode("utf-8", "replace") if _is_base64(value) else value
        for key, value in data.items()
        if _is_base64(value) or is_ciphertext(value)
    }
    return {**clear, **{key: str(value) for key, value in (obj.get("stringData") or {}).items()}}


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except ValueError:
        # an encrypted value; nothing can be substituted from it
        return False
    return True


def is_indexed(obj: Obj) -> bool:
    """Whether others may refer to an object, or need it to be rendered right."""
    return obj.get("kind") in ("ConfigMap", "Secret") or ".fluxcd.io/" in str(obj.get("apiVersion")) or is_builder(obj)


def is_builder(obj: Obj) -> bool:
    """Whether an object is the controller whose flags say how Kustomizations are built."""
    return obj.get("kind") == "Deployment" and (obj.get("metadata") or {}).get("name") == "kustomize-controller"
