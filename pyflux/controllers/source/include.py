"""Other GitRepositories' artifacts within one's own: `spec.include`."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import kind as kind_named
from pyflux.controllers.source.outcome import INCLUDE_UNAVAILABLE, STORAGE_FAILED, SourceFailed, SourceWaiting
from pyflux.errors import KubeError
from pyflux.render.artifact import ArtifactError, unpack

if TYPE_CHECKING:
    from pyflux.controllers.source.storage import Storage
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_RESOURCE = kind_named("GitRepository").resource


def artifacts(client: Client, obj: Obj) -> list[Obj]:
    """The artifacts of the included sources, in order. Raises SourceWaiting for one that is not there yet."""
    found: list[Obj] = []
    for entry in obj["spec"].get("include") or []:
        name = entry["repository"]["name"]
        try:
            other = client.get(_RESOURCE, name, obj["metadata"]["namespace"])
        except KubeError as error:
            text = f"could not get resource for include '{name}': {error}"
            raise SourceWaiting(INCLUDE_UNAVAILABLE, "NotFound", text) from None
        artifact = (other.get("status") or {}).get("artifact")
        if not artifact:
            text = f"no artifact available for include '{name}'"
            raise SourceWaiting(INCLUDE_UNAVAILABLE, "NoArtifact", text)
        found.append(artifact)
    return found


def differ(now: list[Obj], before: list[Obj]) -> bool:
    """True when revisions or digests are not the ones observed before."""
    fields = ("revision", "digest")
    return [[one.get(field) for field in fields] for one in now] != [
        [one.get(field) for field in fields] for one in before
    ]


def _inside(root: str, path: str) -> str:
    full = os.path.normpath(os.path.join(root, path.lstrip("/")))
    if full != root and not full.startswith(root + os.sep):
        raise SourceFailed(
            STORAGE_FAILED, "IllegalPath", f"path calculation for include failed: '{path}' leads outside"
        )
    return full


def copy(storage: Storage, entries: list[Obj], found: list[Obj], folder: str) -> None:
    """Copies what `spec.include` asks for from the included artifacts into `folder`. Raises SourceFailed."""
    for entry, artifact in zip(entries, found, strict=True):
        name = entry["repository"]["name"]
        source, target = entry.get("fromPath") or "", entry.get("toPath") or name
        with tempfile.TemporaryDirectory(prefix="include-") as scratch:
            try:
                with open(storage.local(artifact), "rb") as file:
                    unpack(file, scratch)
                origin = _inside(scratch, source)
                shutil.copytree(origin, _inside(folder, target), symlinks=True, dirs_exist_ok=True)
            except (OSError, ArtifactError) as error:
                text = f"failed to copy '{name}' include from {source} to {target}: {error}"
                raise SourceFailed(STORAGE_FAILED, "CopyFailure", text) from None
