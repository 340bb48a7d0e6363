"""What a source reconciler needs of a repository: its references, and one commit's files in a folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyflux.git.checkout import Limits, checkout
from pyflux.git.errors import GitError, RefMissing
from pyflux.git.refs import Ref, Refs, Revision, list_refs, resolve
from pyflux.git.retry import with_retries
from pyflux.git.store import Store
from pyflux.git.transport import Remote

if TYPE_CHECKING:
    from pyflux.git.auth import Auth

__all__ = ["Fetched", "Limits", "Ref", "Refs", "Revision", "fetch_commit", "list_refs", "resolve"]

_SUBMODULE_DEPTH = 10


@dataclass(frozen=True)
class Fetched:
    """A commit whose files are in a folder now."""

    revision: Revision
    message: str
    author: str
    committed: float
    """Seconds since the epoch."""
    signature: bytes = b""
    payload: bytes = b""
    """What `signature` signs: the commit without it, as the signer saw it."""
    tag_signature: bytes = b""
    tag_payload: bytes = b""
    submodules: list[str] = field(default_factory=list)
    """Paths of the submodules that were filled in."""


def fetch_commit(
    url: str,
    ref: Ref,
    auth: Auth,
    *,
    into: str,
    limits: Limits | None = None,
    max_pack: int = 2 << 30,
    recurse_submodules: bool = False,
    sparse: tuple[str, ...] = (),
    links: bool = True,
) -> Fetched:
    """Fetches the commit that `ref` means, shallow where it may be, and writes its files into `into`.

    `into` is an existing, empty folder. Raises GitError.
    """
    with Store() as store:
        revision, tag = with_retries(lambda: _fetch(store, url, ref, auth, max_pack))
        commit = store.commit(tag or revision.commit)
        bounds = limits or Limits()
        found = checkout(store, commit.tree.decode(), into, limits=bounds, below=sparse, links=links)
        filled: list[str] = []
        if recurse_submodules and found:
            from pyflux.git.submodules import fill

            filled = fill(url, auth, into, [(entry.path, entry.sha) for entry in found], bounds, _SUBMODULE_DEPTH)
        return _describe(store, commit, revision, tag, filled)


def _fetch(store: Store, url: str, ref: Ref, auth: Auth, max_pack: int) -> tuple[Revision, str]:
    """Brings the commit into the store; its revision, and the tag object's id when it has one."""
    remote = Remote(url, auth)
    revision: Revision | None = None
    tag = ""

    def choose(refs: Refs) -> list[str]:
        nonlocal revision, tag
        if refs.empty:
            raise RefMissing(f"{remote.url.shown} is an empty repository")
        revision = resolve(ref, refs, remote.url.shown)
        tag = _tag_object(ref, refs, revision)
        return [tag or revision.commit]

    try:
        try:
            store.fetch(remote, choose, depth=1, max_pack=max_pack)
        except GitError:
            if not ref.commit:
                raise
        assert revision is not None
        if not store.has(tag or revision.commit):
            # the server gives out branches and tags only: the commit must be in their history
            store.fetch(remote, lambda refs: _histories(ref, refs, remote.url.shown), depth=None, max_pack=max_pack)
        if not store.has(tag or revision.commit):
            raise RefMissing(f"{remote.url.shown} has no commit {revision.commit}")
        commit = store.commit(tag or revision.commit).id.decode()
        return replace(revision, commit=commit), tag
    finally:
        remote.close()


def _tag_object(ref: Ref, refs: Refs, revision: Revision) -> str:
    """The id of the annotated tag that was asked for; empty for a lightweight tag or another reference."""
    if ref.commit or not (ref.tag or ref.semver or ref.name):
        return ""
    full = ref.name.removesuffix("^{}") if ref.name else f"refs/tags/{revision.name}"
    target = refs.targets.get(full, "")
    return target if full.startswith("refs/tags/") and full in refs.peeled else ""


def _histories(ref: Ref, refs: Refs, shown: str) -> list[str]:
    if ref.branch:
        return [resolve(Ref(branch=ref.branch), refs, shown).commit]
    return sorted(set(refs.targets.values()))


def _describe(store: Store, commit: object, revision: Revision, tag: str, filled: list[str]) -> Fetched:
    from dulwich.objects import Commit

    assert isinstance(commit, Commit)
    signature = commit.gpgsig or b""
    payload = b""
    if signature:
        bare = commit.copy()
        assert isinstance(bare, Commit)
        bare.gpgsig = None
        payload = bare.as_raw_string()
    tag_signature = tag_payload = b""
    if tag:
        found = store.repo.object_store[tag.encode()]
        tag_signature = getattr(found, "signature", None) or b""
        raw = found.as_raw_string()
        tag_payload = raw[: len(raw) - len(tag_signature)] if tag_signature else b""
    return Fetched(
        revision,
        commit.message.decode(errors="replace"),
        commit.author.decode(errors="replace"),
        float(commit.commit_time),
        signature,
        payload,
        tag_signature,
        tag_payload,
        filled,
    )
