"""A branch of a remote repository to change and push, without a working tree.

Files are read from the branch's last commit and written as blobs and trees; only what is new is sent. Nothing
is ever forced: a branch that moved on the server raises NotFastForward, and `refresh` starts over from there.
"""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyflux.git.errors import GitError, NotFastForward, PushRefused, RefMissing
from pyflux.git.refs import Refs, Revision
from pyflux.git.retry import with_retries
from pyflux.git.store import Store
from pyflux.git.transport import Remote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyflux.git.auth import Auth

    Signer = Callable[[bytes], bytes]
    """Gets a commit's bytes, returns the armored signature."""

_FILE = 0o100644


@dataclass(frozen=True)
class Person:
    """Who a commit is by."""

    name: str
    email: str

    def encoded(self) -> bytes:
        clean = [part.translate({ord(mark): None for mark in "<>\n\0"}) for part in (self.name, self.email)]
        return f"{clean[0]} <{clean[1]}>".encode()


class WorkCopy:
    """One branch, fetched by `refresh`. `head` is its last commit, ours included; empty in a new repository."""

    def __init__(self, url: str, branch: str, auth: Auth) -> None:
        self.url = url
        self.branch = branch
        self.auth = auth
        self.head = ""
        self._store: Store | None = None
        self._remote_head = ""
        self._fresh: dict[bytes, Any] = {}

    @property
    def shown(self) -> str:
        """The repository's address, without a password."""
        from pyflux.git.urls import parse

        return parse(self.url).shown

    @property
    def store(self) -> Store:
        if self._store is None:
            raise GitError("the repository was not fetched yet")
        return self._store

    @property
    def fetched(self) -> bool:
        return self._store is not None

    @property
    def revision(self) -> Revision:
        """The branch and its last commit."""
        return Revision(self.branch, self.head)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def refresh(self, *, sleep: Callable[[float], None] = time.sleep, start_from: str = "") -> None:
        """Fetches the branch's last commit, and drops what was committed here and not pushed.

        An empty repository is fine. `start_from` is another branch to begin with when this one does not exist.
        Raises RefMissing when a repository with commits lacks the branch, GitError.
        """
        self.close()
        store = Store()
        try:
            with_retries(lambda: self._fetch(store, start_from), sleep=sleep)
        except BaseException:
            store.close()
            raise
        self._store = store
        self._fresh = {}

    def _fetch(self, store: Store, start_from: str) -> None:
        remote = Remote(self.url, self.auth)
        full = f"refs/heads/{self.branch}"
        head = remote_head = ""

        def choose(refs: Refs) -> list[str]:
            nonlocal head, remote_head
            head = remote_head = refs.commit(full)
            if not head and start_from:
                head = refs.commit(f"refs/heads/{start_from}")
            if not head and not refs.empty:
                from pyflux.git.refs import Ref, resolve

                resolve(Ref(branch=start_from or self.branch), refs, remote.url.shown)
            return [head] if head else []

        try:
            store.fetch(remote, choose, depth=1)
        finally:
            remote.close()
        if head and not store.has(head):
            raise RefMissing(f"{remote.url.shown} did not send the commit {head}")
        self.head, self._remote_head = head, remote_head

    # --- reading ---

    def _tree(self) -> Any:
        from dulwich.objects import Tree

        if not self.head:
            return Tree()
        return self.store.repo.object_store[self.store.commit(self.head).tree]

    def read(self, path: str) -> bytes | None:
        """A file's content on the branch; None without such a file."""
        found = self._find(path)
        if found is None or not stat.S_ISREG(found[0]):
            return None
        data: bytes = self.store.repo.object_store[found[1]].as_raw_string()
        return data

    def folder(self, path: str) -> list[tuple[str, bool]]:
        """Names in a folder, each with whether it is a folder itself; empty without one."""
        found = (stat.S_IFDIR, self._tree().id) if path in ("", ".") else self._find(path)
        if found is None or not stat.S_ISDIR(found[0]):
            return []
        if not self.head:
            return []
        tree = self.store.repo.object_store[found[1]]
        return [(name.decode(errors="replace"), stat.S_ISDIR(mode)) for name, mode, _sha in tree.iteritems()]

    def _find(self, path: str) -> tuple[int, bytes] | None:
        here = self._tree()
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for index, part in enumerate(parts):
            try:
                mode, sha = here[part.encode()]
            except KeyError:
                return None
            if index == len(parts) - 1:
                return mode, sha
            if not stat.S_ISDIR(mode):
                return None
            here = self.store.repo.object_store[sha]
        return None

    def checkout(self, into: str) -> None:
        """Writes the branch's files into the existing, empty folder `into`."""
        from pyflux.git.checkout import checkout

        if self.head:
            checkout(self.store, self.store.commit(self.head).tree.decode(), into)

    # --- changing ---

    def commit(
        self,
        files: Mapping[str, bytes],
        message: str,
        author: Person,
        *,
        signer: Signer | None = None,
        now: float | None = None,
    ) -> str:
        """Commits `files` (path to content) on top of `head`; the new commit's id, empty when nothing changed."""
        from dulwich.object_store import commit_tree_changes
        from dulwich.objects import Blob, Commit, ObjectID

        changed = {path: data for path, data in files.items() if self.read(path) != data}
        if not changed:
            return ""
        objects = self.store.repo.object_store
        changes = []
        for path, data in changed.items():
            blob = Blob.from_string(data)
            objects.add_object(blob)
            self._fresh[blob.id] = blob
            found = self._find(path)
            mode = found[0] if found is not None and stat.S_ISREG(found[0]) else _FILE
            changes.append((path.encode(), mode, blob.id))
        base = self._tree()
        base_id = base.id
        objects.add_object(base)
        # the tree object itself is changed by this
        tree = commit_tree_changes(objects, base, changes)
        tree_id = tree if isinstance(tree, bytes) else tree.id
        self._collect_trees(tree_id, base_id)
        made = Commit()
        made.tree = tree_id
        made.parents = [ObjectID(self.head.encode())] if self.head else []
        made.author = made.committer = author.encoded()
        moment = time.time() if now is None else now
        made.author_time = made.commit_time = int(moment)
        made.author_timezone = made.commit_timezone = time.localtime(moment).tm_gmtoff
        made.encoding = None
        made.message = message.encode()
        if signer is not None:
            made.gpgsig = signer(made.as_raw_string()).rstrip(b"\n")
        objects.add_object(made)
        self._fresh[made.id] = made
        self.head = made.id.decode()
        return self.head

    def _collect_trees(self, new: bytes, old: bytes | None) -> None:
        """Notes the trees below `new` that are not below `old`: those have to be sent."""
        if new == old:
            return
        objects = self.store.repo.object_store
        tree = objects[new]
        self._fresh[new] = tree
        before = {name: sha for name, mode, sha in objects[old].iteritems() if stat.S_ISDIR(mode)} if old else {}
        for name, mode, sha in tree.iteritems():
            if stat.S_ISDIR(mode):
                self._collect_trees(sha, before.get(name))

    def push(self) -> None:
        """Sends the new commits to the branch, never by force.

        Raises NotFastForward when the branch moved meanwhile, PushRefused when a rule or hook forbids it, GitError.
        """
        with_retries(self._push)
        self._remote_head = self.head
        self._fresh = {}

    def _push(self) -> None:
        from dulwich.pack import pack_objects_to_data

        remote = Remote(self.url, self.auth)
        full = f"refs/heads/{self.branch}".encode()
        expected = self._remote_head.encode()

        def update(found: dict[bytes, bytes]) -> dict[bytes, bytes]:
            there = found.get(full, b"")
            if there == self.head.encode():
                # an earlier try got through although its answer did not
                return {full: there}
            if there != expected:
                raise NotFastForward(f"branch {self.branch} of {remote.url.shown} moved meanwhile")
            return {full: self.head.encode()}

        def pack(_have: object, _want: object, **_options: object) -> Any:
            return pack_objects_to_data([(item, None) for item in self._fresh.values()])

        try:
            with remote.errors():
                answer = remote.client.send_pack(remote.path, update, pack)
                status = (answer.ref_status or {}).get(full)
        finally:
            remote.close()
        if status:
            text = status.decode(errors="replace") if isinstance(status, bytes) else str(status)
            raise _refused(self.branch, remote.url.shown, text)


def _refused(branch: str, shown: str, text: str) -> GitError:
    lowered = text.lower()
    if any(
        mark in lowered
        for mark in ("non-fast-forward", "fetch first", "unable to set", "cannot lock", "failed to update ref")
    ):
        return NotFastForward(f"branch {branch} of {shown} moved meanwhile: {text}")
    hint = (
        "the branch is protected: allow the push, or use another --branch"
        if "hook" in lowered or "protect" in lowered
        else ""
    )
    return PushRefused(f"{shown} refused the push to branch {branch}: {text}", hint=hint)


def may_push(url: str, auth: Auth) -> None:
    """Asks the server for a push and sends none. Raises LoginRefused, GitError where it would not take one."""

    def once() -> None:
        remote = Remote(url, auth)
        try:
            with remote.errors():
                remote.client.send_pack(remote.path, lambda found: dict(found), lambda *_a, **_k: (0, iter(())))
        finally:
            remote.close()

    with_retries(once)
