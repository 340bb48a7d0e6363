"""Artifacts on disk: one folder a source, one file a revision, old ones removed after a while."""

from __future__ import annotations

import glob
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from pyflux.controllers.conditions import now
from pyflux.render.artifact import digest_of, pack

if TYPE_CHECKING:
    from pyflux.render.ignore import Ignore

    Obj = dict[str, Any]

_KEPT = 2
_NEWEST = ("latest.tar.gz", "index.yaml")
"""Names under which the newest file of a source is served as well."""


class Storage:
    """`root` holds the artifacts; `address` (host:port) is what their URLs name."""

    def __init__(self, root: str, retention: float) -> None:
        self.root = os.path.realpath(root)
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        self._retention = retention
        self.address = ""
        self._verified: dict[str, tuple[int, int]] = {}
        for partial in glob.glob(os.path.join(glob.escape(self.root), "*", "*", "*", "*.tmp")):
            # a process that was killed left it
            os.unlink(partial)

    def folder(self, obj: Obj) -> str:
        """The folder of a source's artifacts, below the root."""
        metadata = obj["metadata"]
        return f"{obj['kind'].lower()}/{metadata['namespace']}/{metadata['name']}"

    def url(self, path: str) -> str:
        return f"http://{self.address}/{path}"

    def local(self, artifact: Obj) -> str:
        """The artifact's file. Empty where its path leaves the root."""
        full = os.path.normpath(os.path.join(self.root, str(artifact.get("path") or "")))
        return full if full.startswith(self.root + os.sep) else ""

    def intact(self, artifact: Obj) -> bool:
        """True when the file is there with its advertised digest; an unchanged file is digested once."""
        path = self.local(artifact)
        try:
            status = os.stat(path)
        except OSError:
            return False
        stamp = (status.st_mtime_ns, status.st_size)
        if self._verified.get(path) != stamp:
            if digest_of(path) != artifact.get("digest"):
                os.unlink(path)
                return False
            self._verified[path] = stamp
        return True

    def archive(self, obj: Obj, revision: str, name: str, source: str, ignore: Ignore) -> Obj:
        """Packs a folder as the source's artifact `name`; its description for the status. Raises ArtifactError."""
        path = f"{self.folder(obj)}/{name}"
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
        packed = pack(source, full, ignore)
        status = os.stat(full)
        self._verified[full] = (status.st_mtime_ns, status.st_size)
        return {
            "path": path,
            "url": self.url(path),
            "revision": revision,
            "digest": packed.digest,
            "size": packed.size,
            "lastUpdateTime": now(),
        }

    def put(self, obj: Obj, revision: str, name: str, source: str) -> Obj:
        """Copies a file as the source's artifact `name`; its description for the status. Raises OSError."""
        path = f"{self.folder(obj)}/{name}"
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
        partial = f"{full}.{os.getpid()}.tmp"
        shutil.copyfile(source, partial)
        os.replace(partial, full)
        digest = digest_of(full)
        status = os.stat(full)
        self._verified[full] = (status.st_mtime_ns, status.st_size)
        return {
            "path": path,
            "url": self.url(path),
            "revision": revision,
            "digest": digest,
            "size": status.st_size,
            "lastUpdateTime": now(),
        }

    def link(self, obj: Obj, artifact: Obj, name: str) -> str:
        """Serves an artifact under a lasting name beside its own; the URL. Raises OSError."""
        path = f"{self.folder(obj)}/{name}"
        partial = os.path.join(self.root, f"{path}.{os.getpid()}.tmp")
        if os.path.lexists(partial):
            os.unlink(partial)
        os.link(self.local(artifact), partial)
        os.replace(partial, os.path.join(self.root, path))
        if os.path.lexists(partial):
            # renaming onto another name of the same file does nothing
            os.unlink(partial)
        return self.url(path)

    def collect(self, obj: Obj, artifact: Obj) -> int:
        """Removes a source's artifacts that are neither advertised nor recent; how many."""
        folder = os.path.join(self.root, self.folder(obj))
        current, removed = self.local(artifact), 0
        limit = time.time() - self._retention
        found = [path for path in glob.glob(os.path.join(glob.escape(folder), "*")) if not path.endswith(".tmp")]
        others = [path for path in found if path != current and os.path.basename(path) not in _NEWEST]
        others.sort(key=os.path.getmtime, reverse=True)
        for path in others[_KEPT - 1 :]:
            if os.path.getmtime(path) < limit:
                os.unlink(path)
                self._verified.pop(path, None)
                removed += 1
        return removed

    def remove_all(self, obj: Obj) -> bool:
        """Removes a source's folder; True when there was one."""
        folder = os.path.join(self.root, self.folder(obj))
        there = os.path.isdir(folder)
        shutil.rmtree(folder, ignore_errors=True)
        return there
