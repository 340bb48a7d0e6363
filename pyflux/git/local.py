"""The user's own checkout: its top folder, remotes, revisions, and any revision's files written out elsewhere.

Nothing in the checkout is changed.
"""

from __future__ import annotations

import os
import re
from typing import Any

from pyflux.git.committree import CommitTree, Memory
from pyflux.git.errors import GitError, RefMissing, RepositoryMissing
from pyflux.git.store import Store, readable


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

        base = re.split(r"[~^]", revision, maxsplit=1)[0]
        with readable(self.folder):
            try:
                commit: Any = parse_commit(self.repo, (base or "HEAD").encode())
                for mark, digits in re.findall(r"([~^])(\d*)", revision[len(base) :]):
                    commit = self._ancestor(commit, mark, int(digits or 1))
            except (KeyError, ValueError, IndexError, NotImplementedError):
                raise RefMissing(f"there is no revision {revision!r} in {self.folder}") from None
        return str(commit.id.decode())

    def _ancestor(self, commit: Any, mark: str, number: int) -> Any:
        """`~N` is the Nth first parent up, `^N` the Nth parent. Raises IndexError, KeyError."""
        if mark == "^":
            return self.repo[commit.parents[number - 1]] if number else commit
        for _ in range(number):
            commit = self.repo[commit.parents[0]]
        return commit

    def merge_base(self, one: str, other: str) -> str:
        """The newest commit that two commits share. Raises GitError where they share none."""
        from dulwich.graph import find_merge_base

        commits: Any = [one.encode(), other.encode()]
        with readable(self.folder):
            found = find_merge_base(self.repo, commits)
        if not found:
            raise GitError(f"{one[:8]} and {other[:8]} have no common history (a shallow clone? fetch more of it)")
        return str(found[0].decode())

    def tree(self, commit: str, folder: str, memory: Memory) -> CommitTree:
        """The files of a commit, written into the existing, empty folder `folder` as they are needed."""
        return CommitTree(self, commit, folder, memory)


def start(folder: str, url: str, branch: str) -> None:
    """Makes `folder` a repository on `branch` with `url` as its origin. Raises GitError where it already is one."""
    from dulwich.repo import Repo

    if os.path.exists(os.path.join(folder, ".git")):
        raise GitError(f"{folder} is a Git repository already")
    os.makedirs(folder, exist_ok=True)
    with Repo.init(folder, default_branch=branch.encode()) as repo:
        config = repo.get_config()
        config.set((b"remote", b"origin"), b"url", url.encode())
        config.set((b"remote", b"origin"), b"fetch", b"+refs/heads/*:refs/remotes/origin/*")
        config.set((b"branch", branch.encode()), b"remote", b"origin")
        config.set((b"branch", branch.encode()), b"merge", b"refs/heads/" + branch.encode())
        config.write_to_path()


def commit_all(folder: str, message: str, person: str) -> str:
    """Commits every change of a work tree as `person` ("Name <mail>"); the commit's hash."""
    from dulwich import porcelain

    porcelain.add(folder)
    commit: Any = porcelain.commit(folder, message=message, author=person.encode(), committer=person.encode())
    return str(commit.decode())


def push(folder: str, branch: str) -> None:
    """Pushes a branch to origin, without force. Raises GitError where the remote moved."""
    from dulwich import porcelain

    try:
        with open(os.devnull, "wb") as null:
            porcelain.push(folder, "origin", f"refs/heads/{branch}", outstream=null, errstream=null)
    except porcelain.DivergedBranches as why:
        raise GitError(f"{branch} of origin has commits that {folder} has not") from why


def pull(folder: str, branch: str) -> None:
    """Brings the commits of origin's branch in, without a merge. Raises GitError where the two have parted."""
    from dulwich import porcelain

    try:
        with open(os.devnull, "wb") as null:
            porcelain.pull(folder, "origin", f"refs/heads/{branch}", outstream=null, errstream=null, ff_only=True)
    except porcelain.DivergedBranches as why:
        raise GitError(f"{branch} of origin has commits that {folder} has not") from why
