"""A commit as a snapshot: identities from its trees, and only those files written out that somebody asks for."""

from __future__ import annotations

import os
import posixpath
import stat
import threading
from typing import TYPE_CHECKING, Any, Protocol

from pyflux.git.checkout import Entry, Limits, Writer, listed
from pyflux.git.errors import TooLarge
from pyflux.git.store import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyflux.git.store import Store

_MAX_LINKS = 40


class Memory(Protocol):
    """Keeps JSON values by key from one run to the next."""

    def get(self, key: str) -> Any: ...

    def put(self, key: str, value: Any) -> None: ...


class CommitTree:
    """The files of `commit`, written below the existing, empty folder `folder` when they are needed.

    Satisfies `pyflux.render.fleet.snapshot.Snapshot`, whose docstrings tell what the methods do. Raises GitError for
    names that could leave the folder.
    """

    def __init__(self, store: Store, commit: str, folder: str, memory: Memory) -> None:
        self._store = store
        self._folder = os.path.realpath(folder)
        self._memory = memory
        self._place = str(store.repo.path)
        with readable(self._place):
            self._root: str = store.repo[commit.encode()].tree.decode()
        self._trees: dict[str, dict[str, Entry]] = {}
        self._written: set[str] = set()
        self._writer = Writer(store, self._folder)
        # workers ask side by side, and object stores are made for one at a time
        self._lock = threading.RLock()

    @property
    def folder(self) -> str:
        return self._folder

    def identity(self, path: str) -> str | None:
        with self._lock:
            if not path:
                return self._root
            if ".git" in path.split("/"):
                return None
            found, rest = self._walk(path)
            if found is None:
                return ""
            return None if rest or found.is_link or found.is_submodule else found.sha

    def has_folder(self, path: str) -> bool:
        with self._lock:
            found, rest = self._walk(path)
            return not path or (found is not None and not rest and found.is_folder)

    def _walk(self, path: str) -> tuple[Entry | None, str]:
        """The entry at a path, or the link, file or submodule on the way with what comes behind it."""
        tree, found = self._root, None
        parts = path.split("/") if path else []
        for depth, part in enumerate(parts):
            found = self._listed(tree).get(part)
            if found is None or not found.is_folder:
                return found, "/".join(parts[depth + 1 :])
            tree = found.sha
        return found, ""

    def _listed(self, tree: str) -> dict[str, Entry]:
        known = self._trees.get(tree)
        if known is None:
            with readable(self._place):
                known = self._trees[tree] = {entry.path: entry for entry in listed(self._store, tree)}
        return known

    def is_unchanged(self, _paths: Iterable[str]) -> bool:
        return True

    def keep(self) -> None:
        """Trees are kept as they are asked for."""

    def need(self, path: str) -> None:
        with self._lock, readable(self._place):
            self._need(path, _MAX_LINKS)

    def _need(self, path: str, links: int) -> None:
        if any(part in self._written for part in _above(path)):
            return
        found, rest = self._walk(path)
        if path and found is None:
            return
        here = path.removesuffix(f"/{rest}") if rest else path
        if found is None or found.is_folder:
            os.makedirs(os.path.join(self._folder, here), exist_ok=True)
            inside = list(self._below(here, found.sha if found is not None else self._root))
            # links last: no file is written through one
            for inner, entry in sorted(inside, key=lambda item: item[1].is_link):
                self._writer.write(inner, entry)
        else:
            self._writer.write(here, found)
        self._writer.check_links()
        # what a link leads to is brought as far as it is asked for
        self._written.add(path if found is not None and found.is_link else here)
        if found is not None and found.is_link and links:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(here), self._writer.target(found), rest))
            if not target.startswith(("..", "/")):
                self._need("" if target == "." else target, links - 1)

    def _below(self, folder: str, tree: str) -> Iterator[tuple[str, Entry]]:
        _check_depth(folder)
        for name, entry in self._listed(tree).items():
            path = f"{folder}/{name}" if folder else name
            if entry.is_folder:
                yield from self._below(path, entry.sha)
            else:
                yield path, entry

    def named(self, name: str, below: str = "") -> list[str]:
        with self._lock:
            if not self.has_folder(below):
                return []
            found, _ = self._walk(below)
            tree = found.sha if found is not None else self._root
            key = f"{tree}-{name}"
            known = self._memory.get(key)
            if not isinstance(known, list):
                known = list(self._named(name, "", tree))
                self._memory.put(key, known)
            return [f"{below}/{path}" if below else path for path in known]

    def _named(self, name: str, folder: str, tree: str) -> Iterator[str]:
        _check_depth(folder)
        entries = self._listed(tree)
        if name in entries and stat.S_ISREG(entries[name].mode):
            yield folder + name
        for inner in sorted(entries):
            if entries[inner].is_folder:
                yield from self._named(name, f"{folder}{inner}/", entries[inner].sha)


def _check_depth(folder: str) -> None:
    if folder.count("/") > Limits.depth:
        raise TooLarge(f"the repository's folders are nested more than {Limits.depth} deep")


def _above(path: str) -> Iterator[str]:
    """A path and the folders that it lies in."""
    yield path
    while path:
        path = path.rpartition("/")[0]
        yield path
