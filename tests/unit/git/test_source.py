"""Finding and fetching the commit that a source reference means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyflux.git.auth import Auth
from pyflux.git.checkout import Limits
from pyflux.git.errors import GitError, RefMissing, RepositoryMissing, TooLarge
from pyflux.git.source import Fetched, Ref, fetch_commit, list_refs, resolve
from pyflux.git.submodules import absolute, auth_for
from tests.real.githttp import GitHTTPServer
from tests.real.gitrepos import BareRepository


def fetch(url: str, ref: Ref, into: Path, **options: object) -> Fetched:
    into.mkdir(exist_ok=True)
    return fetch_commit(url, ref, Auth(), into=str(into), **options)  # type: ignore[arg-type]


@pytest.fixture
def history(repository: BareRepository) -> dict[str, str]:
    """Three commits: v1.0.0 (lightweight), v1.1.0 (annotated), main."""
    first = repository.commit({"a.yaml": "a: 1"}, "First")
    repository.git("tag", "v1.0.0", first)
    second = repository.commit({"a.yaml": "a: 2"}, "Second")
    repository.git("tag", "-a", "-m", "release", "v1.1.0", second)
    repository.git("tag", "v2.0.0-rc.1", second)
    third = repository.commit({"a.yaml": "a: 3"}, "Third")
    return {"first": first, "second": second, "third": third}


@pytest.mark.parametrize(
    ("ref", "name", "commit"),
    [
        (Ref(branch="main"), "main@sha1:", "third"),
        (Ref(tag="v1.0.0"), "v1.0.0@sha1:", "first"),
        (Ref(tag="v1.1.0"), "v1.1.0@sha1:", "second"),
        (Ref(semver=">=1.0.0"), "v1.1.0@sha1:", "second"),
        (Ref(semver="~1.0"), "v1.0.0@sha1:", "first"),
        (Ref(semver=">=2.0.0-0"), "v2.0.0-rc.1@sha1:", "second"),
        (Ref(name="refs/heads/main"), "refs/heads/main@sha1:", "third"),
        (Ref(name="refs/tags/v1.1.0"), "refs/tags/v1.1.0@sha1:", "second"),
    ],
)
def test_each_kind_of_reference(
    url: str, history: dict[str, str], tmp_path: Path, ref: Ref, name: str, commit: str
) -> None:
    found = fetch(url, ref, tmp_path / "out")
    assert str(found.revision) == name + history[commit]
    expected = {"first": "a: 1", "second": "a: 2", "third": "a: 3"}[commit]
    assert (tmp_path / "out" / "a.yaml").read_text() == expected


def test_commits_with_and_without_a_branch(url: str, history: dict[str, str], tmp_path: Path) -> None:
    old = history["first"]
    assert str(fetch(url, Ref(commit=old), tmp_path / "a").revision) == f"sha1:{old}"
    assert str(fetch(url, Ref(commit=old, branch="main"), tmp_path / "b").revision) == f"main@sha1:{old}"
    with pytest.raises(RefMissing):
        fetch(url, Ref(commit="f" * 40), tmp_path / "c")


def test_a_server_that_gives_out_tips_only(https: GitHTTPServer, tmp_path: Path) -> None:
    served = https.create("fleet")
    served.git("config", "--unset", "uploadpack.allowAnySHA1InWant")
    old = served.commit({"a.yaml": "a: 1"})
    served.commit({"a.yaml": "a: 2"})
    assert https.ca is not None
    auth = Auth(username="bot", password="hunter2secret", ca=https.ca.read_bytes())
    out = tmp_path / "out"
    out.mkdir()
    found = fetch_commit(https.url_of("fleet"), Ref(commit=old), auth, into=str(out))
    assert found.revision.commit == old
    assert (out / "a.yaml").read_text() == "a: 1"


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        (Ref(branch="nope"), "has no branch nope"),
        (Ref(tag="nope"), "has no tag nope"),
        (Ref(semver=">=9"), "no match found for semver: >=9"),
        (Ref(semver="what?"), "semver parse error"),
        (Ref(name="refs/heads/nope"), "has no reference refs/heads/nope"),
    ],
)
def test_what_is_missing_is_named(url: str, history: dict[str, str], tmp_path: Path, ref: Ref, message: str) -> None:
    with pytest.raises(RefMissing, match=message.replace("?", r"\?").replace("+", r"\+")):
        fetch(url, ref, tmp_path / "out")


def test_an_empty_repository_and_none_at_all(url: str, repository: BareRepository, tmp_path: Path) -> None:
    with pytest.raises(RefMissing, match="is an empty repository"):
        fetch(url, Ref(branch="main"), tmp_path / "out")
    with pytest.raises(RepositoryMissing):
        fetch(f"file://{tmp_path}/nothing.git", Ref(branch="main"), tmp_path / "out")
    with pytest.raises(RepositoryMissing):
        list_refs(f"file://{tmp_path}", Auth())


def test_signatures_come_with_what_they_sign(url: str, repository: BareRepository, tmp_path: Path) -> None:
    from pyflux.git.workcopy import Person, WorkCopy

    work = WorkCopy(url, "main", Auth())
    work.refresh()
    seen: list[bytes] = []

    def sign(payload: bytes) -> bytes:
        seen.append(payload)
        return b"-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"

    work.commit({"a": b"1"}, "Signed", Person("Flux", "f@x"), signer=sign)
    work.push()
    found = fetch(url, Ref(branch="main"), tmp_path / "out")
    assert found.payload == seen[0]
    assert found.signature.startswith(b"-----BEGIN PGP SIGNATURE-----")


# --- what a repository holds is untrusted ---


def _tree(repository: BareRepository, lines: str) -> None:
    tree = repository.git("mktree", "--missing", stdin=lines)
    commit = repository.git("commit-tree", tree, "-m", "made by hand")
    repository.git("update-ref", "refs/heads/main", commit)


def test_links_that_lead_out_are_left_out(url: str, repository: BareRepository, tmp_path: Path) -> None:
    def blob(text: str) -> str:
        return repository.git("hash-object", "-w", "--stdin", stdin=text)

    inner = repository.git(
        "mktree", stdin=f"120000 blob {blob('../a.yaml')}\tin\n120000 blob {blob('../../secret')}\tout\n"
    )
    _tree(
        repository,
        f"100644 blob {blob('a: 1')}\ta.yaml\n"
        f"120000 blob {blob('/etc/passwd')}\tabsolute\n"
        f"120000 blob {blob('a.yaml')}\tgood\n"
        f"120000 blob {blob('..')}\tup\n"
        f"040000 tree {inner}\tfolder\n",
    )
    out = tmp_path / "out"
    fetch(url, Ref(branch="main"), out)
    assert sorted(os.listdir(out)) == ["a.yaml", "folder", "good"]
    assert sorted(os.listdir(out / "folder")) == ["in"]
    assert (out / "folder" / "in").read_text() == "a: 1"
    without = tmp_path / "without"
    fetch(url, Ref(branch="main"), without, links=False)
    assert sorted(os.listdir(without)) == ["a.yaml"]


def test_paths_that_are_not_allowed(url: str, repository: BareRepository, tmp_path: Path) -> None:
    from dulwich.objects import Blob, Commit, Tree
    from dulwich.repo import Repo

    for number, name in enumerate((b"..", b".git", b".GIT", b"a\\b")):
        with Repo(str(repository.path)) as repo:
            blob = Blob.from_string(b"x")
            tree = Tree()
            tree.add(name, 0o100644, blob.id)
            commit = Commit()
            commit.tree = tree.id
            commit.author = commit.committer = b"e <e>"
            commit.author_time = commit.commit_time = commit.author_timezone = commit.commit_timezone = 0
            commit.message = b"evil"
            for item in (blob, tree, commit):
                repo.object_store.add_object(item)
            repo.refs[b"refs/heads/main"] = commit.id
        with pytest.raises(GitError, match="not allowed"):
            fetch(url, Ref(branch="main"), tmp_path / f"out{number}")


def test_sizes_are_bounded(url: str, repository: BareRepository, tmp_path: Path) -> None:
    repository.commit({f"f{number}": os.urandom(2000) for number in range(10)})
    with pytest.raises(TooLarge, match="more than 5 files"):
        fetch(url, Ref(branch="main"), tmp_path / "a", limits=Limits(files=5))
    with pytest.raises(TooLarge, match="larger than"):
        fetch(url, Ref(branch="main"), tmp_path / "b", limits=Limits(total=10_000))
    with pytest.raises(TooLarge):
        fetch(url, Ref(branch="main"), tmp_path / "c", max_pack=10_000)


def test_sparse_checkout(url: str, repository: BareRepository, tmp_path: Path) -> None:
    repository.commit({"top.yaml": "t", "apps/a.yaml": "a", "infra/b.yaml": "b", "infra-x/c.yaml": "c"})
    out = tmp_path / "out"
    fetch(url, Ref(branch="main"), out, sparse=("./infra/",))
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == ["infra/b.yaml", "top.yaml"]


# --- submodules ---


def test_submodules_only_when_asked(https: GitHTTPServer, tmp_path: Path) -> None:
    inner = https.create("inner")
    commit = inner.commit({"module.yaml": "m: 1"})
    outer = https.create("outer")
    modules = '[submodule "m"]\n\tpath = libs/m\n\turl = ../inner.git\n'
    blob = outer.git("hash-object", "-w", "--stdin", stdin=modules)
    libs = outer.git("mktree", "--missing", stdin=f"160000 commit {commit}\tm\n")
    _tree(outer, f"100644 blob {blob}\t.gitmodules\n040000 tree {libs}\tlibs\n")
    assert https.ca is not None
    auth = Auth(username="bot", password="hunter2secret", ca=https.ca.read_bytes())
    plain, full = tmp_path / "plain", tmp_path / "full"
    for folder in (plain, full):
        folder.mkdir()
    fetch_commit(https.url_of("outer"), Ref(branch="main"), auth, into=str(plain))
    assert not (plain / "libs").exists()
    found = fetch_commit(https.url_of("outer"), Ref(branch="main"), auth, into=str(full), recurse_submodules=True)
    assert found.submodules == ["libs/m"]
    assert (full / "libs" / "m" / "module.yaml").read_text() == "m: 1"


def test_submodules_elsewhere_get_no_credentials() -> None:
    auth = Auth(username="bot", password="x", bearer_token="y", private_key=b"k", ca=b"ca")
    parent = "https://git.example.com/a/b.git"
    assert absolute(parent, "../c.git") == "https://git.example.com/a/c.git"
    assert auth_for(parent, "https://git.example.com/z.git", auth) is auth
    other = auth_for(parent, "https://evil.example.com/z.git", auth)
    assert (other.username, other.password, other.bearer_token, other.private_key) == ("", "", "", b"")
    with pytest.raises(GitError, match="may not be a local folder"):
        auth_for(parent, "file:///etc", auth)


def test_default_branch_is_master_as_in_flux(url: str, repository: BareRepository) -> None:
    repository.commit({"a": "1"}, branch="master")
    assert resolve(Ref(), list_refs(url, Auth())).name == "master"
