"""Finds the clusters of a checkout: the folders that `flux bootstrap` wrote, or one that is named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render.fleet.model import Obj, id_of, is_kustomization
from pyflux.render.fleet.snapshot import normal
from pyflux.ui.yamlin import YamlError, load_all

if TYPE_CHECKING:
    from pyflux.render.fleet.snapshot import Snapshot

SYNC_FILE = "gotk-sync.yaml"
MAX_DEPTH = 12
_MAX_FILE = 4 << 20


class NoCluster(PyfluxError):
    """The checkout has no entry point that could be found."""


class Entry:
    """One cluster's beginning: its root Kustomization and the sources that are this repository itself."""

    __slots__ = ("error", "path", "root", "sources")

    def __init__(self, path: str, root: Obj, sources: list[Obj], error: str = "") -> None:
        self.path = path
        self.root = root
        self.sources = sources
        self.error = error
        """Why nothing can be built from it."""


def entries(checkout: Snapshot, path: str = "") -> list[Entry]:
    """The clusters at or below `path` of a checkout; `path` itself where it holds no `flux-system` folder.

    Raises NoCluster where there is nothing to begin with.
    """
    start = normal(path)
    if not checkout.has_folder(start):
        raise NoCluster(f"there is no folder {path or '.'} in {checkout.folder}")
    found = [file for file in checkout.named(SYNC_FILE, start) if _is_searched(file[len(start) :].lstrip("/"))]
    if found:
        return [_entry(checkout, file) for file in sorted(found)]
    if path:
        return [_bare(start or ".")]
    raise NoCluster(
        f"no cluster found in {checkout.folder}: no folder flux-system with {SYNC_FILE}",
        hint="name the folder that a cluster syncs, for example --path clusters/production",
    )


def _is_searched(path: str) -> bool:
    folders = path.split("/")[:-1]
    return len(folders) <= MAX_DEPTH and not any(name.startswith(".") for name in folders)


def _entry(checkout: Snapshot, file: str) -> Entry:
    above = os.path.dirname(os.path.dirname(file)) or "."
    checkout.need(file)
    try:
        with open(os.path.join(checkout.folder, file), "rb") as handle:
            objects = [obj for obj in load_all(handle.read(_MAX_FILE)) if isinstance(obj, dict)]
    except (OSError, YamlError) as error:
        why = error.strerror if isinstance(error, OSError) else " ".join(error.message.split())
        bare = _bare(above)
        return Entry(bare.path, bare.root, [], f"{file} cannot be read: {why}")
    objects = [obj for obj in objects if isinstance(obj.get("metadata"), dict)]
    roots = [obj for obj in objects if is_kustomization(obj)]
    if not roots:
        # a template of a fleet, not bootstrapped yet: the folder above is what it will sync
        return _bare(above)
    sources = [obj for obj in objects if str(obj.get("apiVersion", "")).startswith("source.toolkit.fluxcd.io/")]
    spec = roots[0].get("spec")
    path = str((spec.get("path") if isinstance(spec, dict) else "") or "./").removeprefix("./").strip("/") or "."
    return Entry(path, roots[0], sources)


def _bare(path: str) -> Entry:
    """A folder that no bootstrap wrote: built as the root Kustomization `flux-system` would."""
    root: Obj = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "flux-system", "namespace": "flux-system"},
        "spec": {
            "path": f"./{path}",
            "prune": True,
            "interval": "10m0s",
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    }
    return Entry(path, root, [])


def same_place(one: str, other: str) -> bool:
    """True where two Git URLs name the same repository, whatever the scheme, user, port or `.git`."""
    return bool(one) and _place(one) == _place(other)


def _place(url: str) -> str:
    rest = url.partition("://")[2] or url.replace(":", "/", 1)
    host, _, path = rest.rpartition("@")[2].partition("/")
    return f"{host.partition(':')[0].lower()}/{path.strip('/').removesuffix('.git')}"


def source_ids(entry: Entry) -> set[tuple[str, str, str]]:
    """The sources of an entry that are the checkout itself."""
    spec = entry.root.get("spec")
    reference = spec.get("sourceRef") if isinstance(spec, dict) else None
    if not isinstance(reference, dict):
        reference = {}
    own = (
        str(reference.get("kind", "")),
        str(reference.get("namespace") or id_of(entry.root)[1]),
        str(reference.get("name", "")),
    )
    return {own, *(id_of(source) for source in entry.sources)}
