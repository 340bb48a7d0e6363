"""JSON values by what they were made from: a second build of the same content runs no program.

Keys are digests of content, never names of places; so the cache needs no clearing to be right, and is bounded by
removing the oldest entries.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from pyflux import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_ENTRIES = 60_000
_FORMAT = "4"
_SUM = 8
"""Bytes of the checksum before each value."""


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


@contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """A new private file that is at `path` once all is written, and nowhere where that fails. Raises OSError."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


class Cache:
    """Values by key below a private folder; a key that cannot be read or written is a miss, never an error."""

    def __init__(self, folder: str | None) -> None:
        """`folder` None keeps nothing."""
        self._folder = folder
        self._digests: dict[tuple[str, int, int], str] = {}
        self._added = False

    def key(self, *parts: str, contents: Iterable[tuple[str, str]] = ()) -> str:
        """The key for texts, and for files by their paths and identities in any order."""
        digest = hashlib.sha256(f"{_FORMAT} {__version__}".encode())
        for part in (*parts, *(f"{path}\0{identity}" for path, identity in sorted(contents))):
            digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
        return digest.hexdigest()

    def contents(self, root: str, files: Iterable[str]) -> list[tuple[str, str]]:
        """The paths below `root` of files, and the digests of what is in them."""
        base = os.path.realpath(root)
        return [(below(path, base), self._content(path)) for path in files]

    def _content(self, path: str) -> str:
        state = os.stat(path)
        identity = (path, state.st_mtime_ns, state.st_size)
        known = self._digests.get(identity)
        if known is None:
            with open(path, "rb") as file:
                known = self._digests[identity] = hashlib.sha256(file.read()).hexdigest()
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
                content = file.read()
            # what a full disk or a crash left, or somebody else wrote, is no value
            return json.loads(content[_SUM:]) if content[:_SUM] == _sum(content[_SUM:]) else None
        except (OSError, ValueError):
            return None

    def has(self, key: str) -> bool:
        """Whether there is a value, unread."""
        return self._folder is not None and os.path.exists(self._path(key))

    def put(self, key: str, value: Any) -> None:
        """Keeps a JSON value, whole or not at all."""
        if self._folder is None:
            return
        content = json.dumps(value, separators=(",", ":")).encode()
        with suppress(OSError):
            with written(self._path(key)) as file:
                file.write(_sum(content) + content)
            self._added = True

    def trim(self) -> None:
        """Removes the oldest entries where there are too many; looks only where some were added."""
        if self._folder is None or not self._added or not os.path.isdir(self._folder):
            return
        ages = []
        for part in _listed(self._folder):
            for path in _listed(part):
                # other runs may remove some at this moment
                with suppress(OSError):
                    ages.append((os.lstat(path).st_mtime, path))
        if len(ages) <= MAX_ENTRIES:
            return
        for _, path in sorted(ages)[: len(ages) - MAX_ENTRIES * 9 // 10]:
            with suppress(OSError):
                os.unlink(path)


def _listed(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


def _sum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
