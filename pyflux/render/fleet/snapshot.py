"""The files of a source with an identity for each file and folder, so that what is unchanged need not be read again.

Identities are Git's: of a blob for a file, of a tree for a folder. A folder of a commit and one on disk with the same
files have the same, whichever way they were found out.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from pyflux.render import ignore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyflux.render.fleet.cache import Cache

MAX_WALKED = 100_000
"""Files that are looked at for the identity of one folder."""

MAX_HASHED = 128 << 20
"""Bytes that are read in one run for the identities of one source's folders, and of one file."""

_GIT = ".git"
_MAX_KNOWN = 400_000
_SETTLED = 2_000_000_000
"""Nanoseconds after which a file's times would show another change: file systems with coarse clocks have 2 s."""


class Snapshot(Protocol):
    """What a build sees of a source. Paths are below its folder, with `/` and without `.` and `..`; "" is itself."""

    @property
    def folder(self) -> str:
        """The real path of the folder in which the files are, once `need` has asked for them."""

    def identity(self, path: str) -> str | None:
        """The identity of a file or folder: empty where there is none, None where nobody can say."""

    def is_unchanged(self, paths: Iterable[str]) -> bool:
        """Whether the identities are still what they were when `identity` was asked first."""

    def keep(self) -> None:
        """Keeps what was learned of the files for the next time."""

    def need(self, path: str) -> None:
        """Sees to it that a file, or a folder with all that is in it, is there to be read; nothing where it is not."""

    def has_folder(self, path: str) -> bool:
        """Whether there is such a folder, not behind a symbolic link."""

    def named(self, name: str, below: str = "") -> list[str]:
        """The paths of all files of this name in a folder and its folders, an outer one before an inner one."""


def normal(path: str) -> str:
    """A path of a spec as a snapshot wants it; one that leads out stops at the top."""
    return os.path.normpath(f"/{path}").lstrip("/")


class WorkTree:
    """A folder on disk. What it learns of its files is kept in `cache`, by their times and sizes."""

    def __init__(self, folder: str, cache: Cache | None = None) -> None:
        self._folder = os.path.realpath(folder)
        self._cache = cache
        self._key = hashlib.sha256(f"files of {self._folder}".encode("utf-8", "surrogateescape")).hexdigest()
        self._known: dict[str, list[str]] | None = None
        self._found: dict[str, str | None] = {}
        self._plain: dict[str, bool] = {"": True}
        self._walked = 0
        self._hashed = 0
        self._learned = False
        self._lock = threading.RLock()

    @property
    def folder(self) -> str:
        return self._folder

    def identity(self, path: str) -> str | None:
        with self._lock:
            if path not in self._found:
                self._found[path] = self._asked(path)
            return self._found[path]

    def _asked(self, path: str) -> str | None:
        if _GIT in path.split("/"):
            return None
        self._walked = 0
        try:
            return self._identity(path)
        except (OSError, ValueError, RecursionError):
            # not readable, too much, or not while others write: the build will tell
            return None

    def is_unchanged(self, paths: Iterable[str]) -> bool:
        again = WorkTree(self._folder)
        again._known = self._known
        return all(again.identity(path) == self.identity(path) for path in paths)

    def _identity(self, path: str) -> str | None:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if not self._is_plain(above):
                # missing, or a link, or a file
                return None if os.path.lexists(os.path.join(self._folder, above)) else ""
        try:
            state = os.lstat(os.path.join(self._folder, path))
        except FileNotFoundError:
            return ""
        if stat.S_ISDIR(state.st_mode):
            return self._tree(path)
        return self._blob(path, state, alone=True) if stat.S_ISREG(state.st_mode) else None

    def _is_plain(self, folder: str) -> bool:
        known = self._plain.get(folder)
        if known is None:
            full = os.path.join(self._folder, folder)
            known = self._is_plain(folder.rpartition("/")[0]) and os.path.isdir(full) and not os.path.islink(full)
            self._plain[folder] = known
        return known

    def _tree(self, folder: str) -> str | None:
        listed: list[tuple[str, bytes]] = []
        with os.scandir(os.path.join(self._folder, folder)) as entries:
            for entry in entries:
                if entry.name == _GIT:
                    continue
                found = self._entry(f"{folder}/{entry.name}" if folder else entry.name, entry)
                if found is None:
                    return None
                mode, identity = found
                name = os.fsencode(entry.name)
                order = entry.name + "/" if mode == b"40000" else entry.name
                listed.append((order, mode + b" " + name + b"\0" + bytes.fromhex(identity)))
        listed.sort(key=lambda item: os.fsencode(item[0]))
        return _digest(b"tree", b"".join(line for _, line in listed))

    def _entry(self, path: str, entry: os.DirEntry[str]) -> tuple[bytes, str] | None:
        self._walked += 1
        if self._walked > MAX_WALKED:
            return None
        if entry.is_symlink():
            return b"120000", _digest(b"blob", os.fsencode(os.readlink(entry.path)))
        if entry.is_dir(follow_symlinks=False):
            identity = self._found[path] if path in self._found else self._tree(path)
            self._found[path] = identity
            return None if identity is None else (b"40000", identity)
        state = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(state.st_mode):
            return None
        identity = self._found[path] = self._blob(path, state)
        return b"100755" if state.st_mode & 0o100 else b"100644", identity

    def _blob(self, path: str, state: os.stat_result, *, alone: bool = False) -> str:
        """A file's identity, from its content only where it may have changed since the last time.

        One that is asked for `alone` is about to be read anyway: it is not for a large folder to spoil that.
        """
        if self._known is None:
            stored: Any = self._cache.get(self._key) if self._cache is not None else None
            self._known = stored if isinstance(stored, dict) else {}
        shown = f"{state.st_mtime_ns} {state.st_ctime_ns} {state.st_size} {state.st_ino}"
        known = self._known.get(path)
        if known is not None and known[0] == shown:
            return known[1]
        if state.st_size + (0 if alone else self._hashed) > MAX_HASHED:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        self._hashed += 0 if alone else state.st_size
        now = time.time_ns()
        with open(os.path.join(self._folder, path), "rb") as file:
            identity = _digest(b"blob", file.read())
        if max(state.st_mtime_ns, state.st_ctime_ns) < now - _SETTLED:
            self._known[path] = [shown, identity]
            self._learned = True
        else:
            # a change within the clock's tick would not show
            self._known.pop(path, None)
        return identity

    def keep(self) -> None:
        if self._cache is not None and self._learned and self._known is not None and len(self._known) <= _MAX_KNOWN:
            self._cache.put(self._key, self._known)
            self._learned = False

    def need(self, _path: str) -> None:
        """Everything is there."""

    def has_folder(self, path: str) -> bool:
        return self._is_plain(path)

    def named(self, name: str, below: str = "") -> list[str]:
        return list(ignore.named(self._folder, name, below))


def _digest(kind: bytes, content: bytes) -> str:
    """Git's hash of an object."""
    header = kind + b" %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
