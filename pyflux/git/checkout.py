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
    """One blob, link or submodule of a tree: its path inside, with slashes."""

    path: str
    mode: int
    sha: str

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_submodule(self) -> bool:
        return self.mode == _GITLINK

    @property
    def executable(self) -> bool:
        return bool(self.mode & 0o100)


def entries(store: Store, tree: str, limits: Limits | None = None) -> Iterator[Entry]:
    """Every entry below `tree`, folders opened, in Git's order. Raises GitError, TooLarge."""
    bounds = limits or Limits()
    for count, entry in enumerate(_walk(store, tree.encode(), "", 0, bounds)):
        if count >= bounds.files:
            raise TooLarge(f"the repository holds more than {bounds.files} files")
        yield entry


def _walk(store: Store, tree: bytes, prefix: str, depth: int, limits: Limits) -> Iterator[Entry]:
    if depth > limits.depth:
        raise TooLarge(f"the repository's folders are nested more than {limits.depth} deep")
    names: set[bytes] = set()
    for name, mode, sha in store.repo.object_store[tree].iteritems():
        if name in _NOT_NAMES or b"/" in name or b"\\" in name or b"\0" in name or name.lower() == b".git":
            raise GitError(f"the repository holds a path that is not allowed: {prefix}{name.decode(errors='replace')}")
        if name in names:
            raise GitError(f"the repository holds the path {prefix}{name.decode(errors='replace')} twice")
        names.add(name)
        path = prefix + os.fsdecode(name)
        if stat.S_ISDIR(mode):
            yield from _walk(store, sha, path + "/", depth + 1, limits)
        else:
            yield Entry(path, mode, sha.decode())


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
    written = 0
    later: list[Entry] = []
    submodules: list[Entry] = []
    made = {""}
    for entry in entries(store, tree, bounds):
        if folders and not any(_inside(entry.path, folder) for folder in folders):
            continue
        if entry.is_submodule:
            submodules.append(entry)
        elif entry.is_link:
            later.append(entry)
        else:
            data = store.repo.object_store[entry.sha.encode()].as_raw_string()
            written += len(data)
            if written > bounds.total:
                raise TooLarge(f"the repository's files are larger than {bounds.total >> 20} MiB")
            _write(into, entry, data, made)
    if links:
        for entry in later:
            _link(into, entry, os.fsdecode(store.repo.object_store[entry.sha.encode()].as_raw_string()), made)
    return submodules


def _inside(path: str, folder: str) -> bool:
    return folder == "." or "/" not in path or path.startswith(folder + "/")


def _folder(into: str, path: str, made: set[str]) -> None:
    folder = posixpath.dirname(path)
    if folder not in made:
        os.makedirs(os.path.join(into, folder), exist_ok=True)
        made.add(folder)


def _write(into: str, entry: Entry, data: bytes, made: set[str]) -> None:
    _folder(into, entry.path, made)
    mode = 0o755 if entry.executable else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(os.path.join(into, entry.path), flags, mode), "wb") as file:
        file.write(data)


def _link(into: str, entry: Entry, target: str, made: set[str]) -> None:
    """Writes a link when it stays inside; one that would not is left out."""
    landing = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
    if not target or posixpath.isabs(target) or landing == ".." or landing.startswith("../"):
        return
    _folder(into, entry.path, made)
    os.symlink(target, os.path.join(into, entry.path))
    root = os.path.realpath(into)
    resolved = os.path.realpath(os.path.join(into, entry.path))
    if resolved != root and not resolved.startswith(root + os.sep):
        # a chain of links that are each fine can still lead out
        os.unlink(os.path.join(into, entry.path))
