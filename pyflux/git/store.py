"""A bare repository of our own, for as long as it is needed: what is fetched lands here."""

from __future__ import annotations

import shutil
import struct
import tempfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.git.deadline import left
from pyflux.git.errors import GitError, RefMissing, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from pyflux.git.refs import Refs
    from pyflux.git.transport import Remote

_DAMAGED = (AssertionError, EOFError, ValueError, struct.error, zlib.error)

MAX_PACK = 2 << 30
"""Bytes that one fetch may bring."""


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Has objects that are missing or damaged be a GitError; `place` is the repository."""
    from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, WrongObjectException
    from dulwich.pack import PackFileDisappeared

    try:
        yield
    except KeyError as why:
        name = why.args[0] if why.args else b""
        shown = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        raise GitError(
            f"object {shown} is not in {place}",
            hint="In a shallow or partial clone, git fetch brings it; else git fsck says what is missing.",
        ) from None
    except (*_DAMAGED, ChecksumMismatch, FileFormatException, WrongObjectException, ApplyDeltaError) as why:
        raise GitError(f"an object of {place} cannot be read: {why}", hint="git fsck says which.") from None
    except PackFileDisappeared:
        raise GitError(f"{place} was repacked meanwhile", hint="Run it again.") from None


class Store:
    """A temporary bare repository (mode 0700). Use it as a context manager, or call `close`."""

    def __init__(self) -> None:
        from dulwich.repo import Repo

        self.folder = tempfile.mkdtemp(prefix="pyflux-git-")
        self.repo: Any = Repo.init_bare(self.folder)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.repo.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fetch(
        self,
        remote: Remote,
        choose: Callable[[Refs], list[str]],
        *,
        depth: int | None = 1,
        max_pack: int = MAX_PACK,
    ) -> Refs:
        """Fetches the commits that `choose` picks from the remote's references, which it returns.

        Raises GitError; TooLarge when the pack is larger than `max_pack` bytes.
        """
        from pyflux.git.refs import Refs, from_wire

        seen = Refs()

        def wanted(found: dict[bytes, bytes], depth: int | None = None) -> list[bytes]:
            nonlocal seen
            seen = from_wire(dict(found), {})
            # what is wanted is asked for even when it is here: a shallow history may have to grow
            return [commit.encode() for commit in choose(seen)]

        with remote.errors():
            handle, commit, abort = self.repo.object_store.add_pack()
            size = 0

            def take(data: bytes) -> int:
                nonlocal size
                left(0)
                size += len(data)
                if size > max_pack:
                    raise TooLarge(f"{remote.url.shown} holds more than {max_pack >> 20} MiB")
                return int(handle.write(data))

            try:
                answer = remote.client.fetch_pack(
                    remote.path, wanted, self.repo.get_graph_walker([]), take, depth=depth
                )
            except BaseException:
                abort()
                raise
            if answer.object_format not in (None, self.repo.object_format.name):
                abort()
                raise GitError(f"{remote.url.shown} uses {answer.object_format} objects, which are not supported")
            commit()
            self.repo.update_shallow(answer.new_shallow, answer.new_unshallow)
            return from_wire(answer.refs or {}, answer.symrefs or {})

    def has(self, sha: str) -> bool:
        return sha.encode() in self.repo.object_store

    def commit(self, sha: str) -> Any:
        """The commit object, through annotated tags. Raises RefMissing."""
        from dulwich.objects import Commit, Tag

        try:
            found = self.repo.object_store[sha.encode()]
        except KeyError:
            raise RefMissing(f"commit {sha} is not there") from None
        while isinstance(found, Tag):
            found = self.repo.object_store[found.object[1]]
        if not isinstance(found, Commit):
            raise RefMissing(f"{sha} is no commit")
        return found
