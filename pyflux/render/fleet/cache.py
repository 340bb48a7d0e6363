"""Rendered manifests by what they were rendered from: a second build of the same content runs no program.

Keys are digests of the kustomization as built and of every file it reads; so the cache needs no clearing to be right,
and is bounded by removing the oldest entries.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_ENTRIES = 20_000
_FORMAT = "2"


def default_folder(environ: dict[str, str]) -> str:
    """Where rendered manifests are kept: PYFLUX_CACHE, XDG_CACHE_HOME or ~/.cache."""
    base = environ.get("PYFLUX_CACHE") or os.path.join(
        environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".cache"),
        "pyflux",
    )
    return os.path.join(base, "render")


def below(path: str, root: str) -> str:
    """`os.path.relpath`, fast for what lies in `root`; that is a real path."""
    return path[len(root) + 1 :] if path.startswith(root + "/") else os.path.relpath(path, root)


class Cache:
    """Values by key below a private folder; a key that cannot be read or written is a miss, never an error."""

    def __init__(self, folder: str | None) -> None:
        """`folder` None keeps nothing."""
        self._folder = folder
        self._digests: dict[tuple[str, int, int], bytes] = {}
        self.hits = 0
        self.misses = 0

    def key(self, root: str, parts: Iterable[str], files: Iterable[str]) -> str:
        """The key for `parts` (texts) and the content of `files` (paths in `root`)."""
        digest = hashlib.sha256(_FORMAT.encode())
        for part in parts:
            digest.update(part.encode() + b"\0")
        base = os.path.realpath(root)
        for path in sorted(files):
            digest.update(below(path, base).encode() + b"\0" + self._content(path))
        return digest.hexdigest()

    def _content(self, path: str) -> bytes:
        state = os.stat(path)
        identity = (path, state.st_mtime_ns, state.st_size)
        known = self._digests.get(identity)
        if known is None:
            with open(path, "rb") as file:
                known = self._digests[identity] = hashlib.sha256(file.read()).digest()
        return known

    def _path(self, key: str) -> str:
        assert self._folder is not None
        return os.path.join(self._folder, key[:2], key[2:])

    def get(self, key: str) -> Any:
        """The value of a key, None for a miss."""
        if self._folder is None:
            return None
        try:
            with open(self._path(key), "rb") as file:
                value = json.loads(file.read())
        except (OSError, ValueError):
            self.misses += 1
            return None
        self.hits += 1
        return value

    def put(self, key: str, value: Any) -> None:
        """Keeps a JSON value, whole or not at all."""
        if self._folder is None:
            return
        path = self._path(key)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=os.path.dirname(path))
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(value, separators=(",", ":")).encode())
            os.replace(name, path)
        except OSError:
            return

    def trim(self) -> None:
        """Removes the oldest entries where there are too many."""
        if self._folder is None or not os.path.isdir(self._folder):
            return
        files = [entry for part in os.scandir(self._folder) if part.is_dir() for entry in os.scandir(part.path)]
        if len(files) <= MAX_ENTRIES:
            return
        for entry in sorted(files, key=lambda entry: entry.stat().st_mtime)[: len(files) - MAX_ENTRIES * 9 // 10]:
            try:
                os.unlink(entry.path)
            except OSError:
                continue
