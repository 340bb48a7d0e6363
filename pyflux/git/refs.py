"""What a repository's branches and tags point to, and which commit a Flux source reference means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyflux.git.errors import RefMissing

if TYPE_CHECKING:
    from pyflux.git.auth import Auth

_PEELED = "^{}"


@dataclass(frozen=True)
class Ref:
    """A source reference, as GitRepository's `spec.ref` has it; `branch` alone is the usual one."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Revision:
    """A commit and the name it was found under. `str()` is Flux's text: main@sha1:…, or sha1:…"""

    name: str
    commit: str

    def __str__(self) -> str:
        kind = "sha256" if len(self.commit) == 64 else "sha1"
        digest = f"{kind}:{self.commit}"
        return f"{self.name}@{digest}" if self.name else digest


@dataclass(frozen=True)
class Refs:
    """A repository's references: full name to object id, and what annotated tags point to."""

    targets: dict[str, str] = field(default_factory=dict)
    peeled: dict[str, str] = field(default_factory=dict)
    head: str = ""
    """The branch HEAD names, in full; empty when the server does not say."""

    def commit(self, name: str) -> str:
        """The commit that the reference called `name` (in full) stands for; empty without one."""
        return self.peeled.get(name) or self.targets.get(name, "")

    @property
    def empty(self) -> bool:
        return not self.targets

    def tags(self) -> list[str]:
        """Short names of all tags."""
        prefix = "refs/tags/"
        return [name[len(prefix) :] for name in self.targets if name.startswith(prefix)]


def list_refs(url: str, auth: Auth, *, prefixes: tuple[str, ...] = ()) -> Refs:
    """The references of the repository at `url`. Raises GitError."""
    from pyflux.git.retry import with_retries
    from pyflux.git.transport import Remote

    def once() -> Refs:
        remote = Remote(url, auth)
        try:
            with remote.errors():
                wanted = [prefix.encode() for prefix in prefixes] or None
                answer = remote.client.get_refs(remote.path, ref_prefix=wanted)
                return from_wire(answer.refs, answer.symrefs or {})
        finally:
            remote.close()

    return with_retries(once)


def from_wire(found: dict[bytes, bytes | None], symrefs: dict[bytes, bytes]) -> Refs:
    """dulwich's answer as `Refs`."""
    targets: dict[str, str] = {}
    peeled: dict[str, str] = {}
    for raw, target in found.items():
        if target is None:
            continue
        name = raw.decode(errors="replace")
        if name.endswith(_PEELED):
            peeled[name[: -len(_PEELED)]] = target.decode()
        else:
            targets[name] = target.decode()
    return Refs(targets, peeled, symrefs.get(b"HEAD", b"").decode())


def resolve(ref: Ref, refs: Refs, shown: str = "the repository") -> Revision:
    """The revision that `ref` names; later kinds win: commit, name, semver, tag, branch. Raises RefMissing."""
    if ref.commit:
        return Revision(ref.branch, ref.commit)
    if ref.name:
        full = ref.name.removesuffix(_PEELED)
        commit = refs.commit(full)
        if not commit:
            raise RefMissing(f"{shown} has no reference {ref.name}")
        return Revision(ref.name, commit)
    if ref.semver:
        tag = newest(refs.tags(), ref.semver)
        return Revision(tag, refs.commit(f"refs/tags/{tag}"))
    if ref.tag:
        commit = refs.commit(f"refs/tags/{ref.tag}")
        if not commit:
            raise RefMissing(f"{shown} has no tag {ref.tag}")
        return Revision(ref.tag, commit)
    branch = ref.branch or "master"
    commit = refs.commit(f"refs/heads/{branch}")
    if not commit:
        raise RefMissing(f"{shown} has no branch {branch}", hint=_branches(refs))
    return Revision(branch, commit)


def _branches(refs: Refs) -> str:
    prefix = "refs/heads/"
    names = sorted(name[len(prefix) :] for name in refs.targets if name.startswith(prefix))
    if not names:
        return "it has no branches"
    return f"it has: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def newest(tags: list[str], constraint: str) -> str:
    """The tag with the highest version that satisfies `constraint`. Raises RefMissing."""
    from pyflux.catalog.semver import Constraint, Version

    try:
        wanted = Constraint.parse(constraint)
    except ValueError as why:
        raise RefMissing(f"semver parse error: {why}") from None
    best: tuple[Version, str] | None = None
    for tag in sorted(tags):
        version = Version.parse(tag)
        if version is None or not wanted.allows(version):
            continue
        if best is None or best[0] < version:
            best = (version, tag)
    if best is None:
        raise RefMissing(f"no match found for semver: {constraint}")
    return best[1]
