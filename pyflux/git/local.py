"""The user's own checkout: its top folder, remotes, revisions, and any revision's files written out elsewhere.

Nothing in the checkout is changed.
"""

from __future__ import annotations

import os
from typing import Any

from pyflux.git.checkout import checkout
from pyflux.git.errors import GitError, RefMissing, RepositoryMissing
from pyflux.git.store import Store


class LocalRepository(Store):
    """A repository on disk, found from a folder in it. Raises RepositoryMissing where there is none."""

    def __init__(self, path: str) -> None:
        from dulwich.errors import NotGitRepository
        from dulwich.repo import Repo

        try:
            self.repo = Repo.discover(os.path.realpath(path))
        except NotGitRepository:
            raise RepositoryMissing(
                f"{path} is not in a Git repository", hint="run it in a checkout, or name one with --path"
            ) from None
        self.folder = os.path.realpath(str(self.repo.path))
        """The top folder of the work tree."""

    def __enter__(self) -> LocalRepository:
        return self

    def close(self) -> None:
        self.repo.close()

    def remotes(self) -> list[str]:
        """The URLs of the repository's remotes."""
        config = self.repo.get_config()
        return [
            url.decode("utf-8", "replace")
            for section in config.sections()
            if section[0] == b"remote"
            for url in [config.get(section, b"url") if config.has_section(section) else b""]
            if url
        ]

    def resolve(self, revision: str) -> str:
        """The commit of a branch, tag, remote branch, abbreviated or full hash, with ~ and ^. Raises RefMissing."""
        from dulwich.objectspec import parse_commit

        try:
            commit = parse_commit(self.repo, revision.encode())
        except (KeyError, ValueError, NotImplementedError):
            raise RefMissing(f"there is no revision {revision!r} in {self.folder}") from None
        return str(commit.id.decode())

    def merge_base(self, one: str, other: str) -> str:
        """The newest commit that two commits share. Raises GitError where they share none."""
        from dulwich.graph import find_merge_base

        commits: Any = [one.encode(), other.encode()]
        found = find_merge_base(self.repo, commits)
        if not found:
            raise GitError(f"{one[:8]} and {other[:8]} have no common history (a shallow clone? fetch more of it)")
        return str(found[0].decode())

    def write(self, commit: str, into: str) -> None:
        """Writes the files of a commit into the existing, empty folder `into`."""
        tree = self.repo[commit.encode()].tree.decode()
        checkout(self, tree, into)
