"""Writes a commit's tree into a folder. What a repository holds is untrusted.

Names that could leave the folder are refused, sizes are bounded, files are created anew (never through a
link), and symbolic links are written last, and only those that stay inside.
"""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyflux.git.errors import GitError, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyflux.git.store import Store

_GITLINK = 0o160000
_NOT_NAMES = frozenset({b"", b".", b".."})


@dataclass(frozen=True)
class Limits:
    """Bounds of one checkout."""

    files: int = 200_000
    total: int = 1 << 30
    """Bytes in all files together."""
    depth: int = 200


@dataclass(frozen=True)
class Entry:
    """One blob, link, submodule or folder of a tree: its path inside, with slashes."""

    path: str
    mode: int
    sha: str

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_submodule(self) -> bool:
        return self.mode == _GITLINK

    @property
    def executable(self) -> bool:
        return bool(self.mode & 0o100)


def listed(store: Store, tree: str, prefix: str = "") -> Iterator[Entry]:
    """The entries of one tree, in Git's order; `prefix` comes before each name. Raises GitError."""
    names: set[bytes] = set()
    for name, mode, sha in store.repo.object_store[tree.encode()].iteritems():
        if name in _NOT_NAMES or b"/" in name or b"\\" in name or b"\0" in name or name.lower() == b".git":
            raise GitError(f"the repository holds a path that is not allowed: {prefix}{name.decode(errors='replace')}")
        if name in names:
            raise GitError(f"the repository holds the path {prefix}{name.decode(errors='replace')} twice")
        names.add(name)
        yield Entry(prefix + os.fsdecode(name), mode, sha.decode())


def entries(store: Store, tree: str, limits: Limits | None = None) -> Iterator[Entry]:
    """Every blob, link and submodule below `tree`, in Git's order. Raises GitError, TooLarge."""
    bounds = limits or Limits()
    for count, entry in enumerate(_walk(store, tree, "", 0, bounds)):
        if count >= bounds.files:
            raise TooLarge(f"the repository holds more than {bounds.files} files")
        yield entry


def _walk(store: Store, tree: str, prefix: str, depth: int, limits: Limits) -> Iterator[Entry]:
    if depth > limits.depth:
        raise TooLarge(f"the repository's folders are nested more than {limits.depth} deep")
    for entry in listed(store, tree, prefix):
        if entry.is_folder:
            yield from _walk(store, entry.sha, f"{entry.path}/", depth + 1, limits)
        else:
            yield entry


def checkout(
    store: Store,
    tree: str,
    into: str,
    *,
    limits: Limits | None = None,
    below: Sequence[str] = (),
    links: bool = True,
) -> list[Entry]:
    """Writes the files of `tree` into the existing, empty folder `into`; returns the submodules it names.

    `below` limits it to these folders (sparse checkout). Without `links` no symbolic link is written.
    """
    bounds = limits or Limits()
    folders = [posixpath.normpath(folder.strip("/")) for folder in below]
    writer = Writer(store, into, bounds)
    later: list[Entry] = []
    submodules: list[Entry] = []
    for entry in entries(store, tree, bounds):
        if folders and not any(_inside(entry.path, folder) for folder in folders):
            continue
        if entry.is_submodule:
            submodules.append(entry)
        elif entry.is_link:
            later.append(entry)
        else:
            writer.write(entry.path, entry)
    if links:
        for entry in later:
            writer.write(entry.path, entry)
        writer.check_links()
    return submodules


class Writer:
    """Writes entries below the folder `into`, each at most once. Raises TooLarge."""

    def __init__(self, store: Store, into: str, limits: Limits | None = None) -> None:
        self._store = store
        self._into = into
        self._limits = limits or Limits()
        self._total = 0
        self._made = {""}
        self._done: set[str] = set()
        self._links: list[str] = []

    def write(self, path: str, entry: Entry) -> None:
        """Writes a file, or a link that stays inside by its own words (`check_links` has to follow)."""
        if path in self._done or entry.is_submodule:
            return
        self._done.add(path)
        if len(self._done) > self._limits.files:
            raise TooLarge(f"the repository holds more than {self._limits.files} files")
        if entry.is_link:
            self._link(path, self.target(entry))
            return
        data = self._content(entry)
        self._total += len(data)
        if self._total > self._limits.total:
            raise TooLarge(f"the repository's files are larger than {self._limits.total >> 20} MiB")
        self._folder(path)
        mode = 0o755 if entry.executable else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(os.path.join(self._into, path), flags, mode), "wb") as file:
            file.write(data)

    def target(self, link: Entry) -> str:
        """Where a link leads to, in its own words."""
        return os.fsdecode(self._content(link))

    def _content(self, entry: Entry) -> bytes:
        data: bytes = self._store.repo.object_store[entry.sha.encode()].as_raw_string()
        return data

    def _folder(self, path: str) -> None:
        folder = posixpath.dirname(path)
        if folder not in self._made:
            os.makedirs(os.path.join(self._into, folder), exist_ok=True)
            self._made.add(folder)

    def _link(self, path: str, target: str) -> None:
        landing = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if not target or posixpath.isabs(target) or landing == ".." or landing.startswith("../"):
            return
        self._folder(path)
        os.symlink(target, os.path.join(self._into, path))
        self._links.append(path)

    def check_links(self) -> None:
        """Removes links that lead out over others: each may be fine by itself, and in any order."""
        root = os.path.realpath(self._into)
        for path in list(self._links):
            resolved = os.path.realpath(os.path.join(self._into, path))
            if resolved != root and not resolved.startswith(root + os.sep):
                os.unlink(os.path.join(self._into, path))
                self._links.remove(path)


def _inside(path: str, folder: str) -> bool:
    return folder == "." or "/" not in path or path.startswith(folder + "/")
