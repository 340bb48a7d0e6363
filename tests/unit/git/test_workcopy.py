"""Committing and pushing without a working tree."""

from __future__ import annotations

import pytest

from pyflux.git.auth import Auth
from pyflux.git.errors import NotFastForward, PushRefused, RefMissing
from pyflux.git.workcopy import Person, WorkCopy, may_push
from tests.real.gitrepos import BareRepository

FLUX = Person("Flux", "")


def opened(url: str, branch: str = "main") -> WorkCopy:
    work = WorkCopy(url, branch, Auth())
    work.refresh()
    return work


def test_an_empty_repository_gets_its_first_commit(url: str, repository: BareRepository) -> None:
    work = opened(url)
    assert work.head == ""
    assert work.read("a/b.yaml") is None
    assert work.folder("a") == []
    commit = work.commit({"a/b.yaml": b"b: 1\n"}, "First", FLUX, now=1_700_000_000.0)
    work.push()
    assert repository.head() == commit
    assert repository.read("a/b.yaml") == "b: 1"
    assert repository.git("log", "--format=%an <%ae>|%cn|%s|%at") == "Flux <>|Flux|First|1700000000"


def test_only_what_is_new_is_sent_and_the_repository_stays_sound(url: str, repository: BareRepository) -> None:
    repository.commit({"README.md": "hello", "apps/x/y.yaml": "y: 1", "apps/z.yaml": "z: 1"})
    work = opened(url)
    work.commit({"apps/x/new.yaml": b"n: 1\n", "deep/er/est.yaml": b"d\n"}, "One", FLUX)
    work.commit({"apps/x/new.yaml": b"n: 2\n"}, "Two", FLUX)
    work.push()
    repository.git("fsck", "--strict", "--no-dangling")
    names = repository.git("ls-tree", "-r", "--name-only", "main").splitlines()
    assert names == ["README.md", "apps/x/new.yaml", "apps/x/y.yaml", "apps/z.yaml", "deep/er/est.yaml"]
    assert repository.read("apps/x/new.yaml") == "n: 2"


def test_nothing_is_committed_when_nothing_changes(url: str, repository: BareRepository) -> None:
    before = repository.commit({"a.yaml": "a: 1\n"})
    work = opened(url)
    assert work.commit({"a.yaml": b"a: 1\n"}, "Nothing", FLUX) == ""
    assert work.head == before


def test_a_branch_that_moved_is_never_overwritten(url: str, repository: BareRepository) -> None:
    repository.commit({"a.yaml": "a: 1\n"})
    work = opened(url)
    work.commit({"b.yaml": b"b: 1\n"}, "Mine", FLUX)
    theirs = repository.commit({"c.yaml": "c: 1\n"}, "Theirs")
    with pytest.raises(NotFastForward):
        work.push()
    assert repository.head() == theirs
    work.refresh()
    assert work.read("c.yaml") == b"c: 1\n"
    work.commit({"b.yaml": b"b: 1\n"}, "Mine", FLUX)
    work.push()
    assert repository.git("log", "--format=%s").splitlines() == ["Mine", "Theirs", "Change"]


def test_a_push_that_got_through_is_not_repeated(url: str, repository: BareRepository) -> None:
    work = opened(url)
    work.commit({"a.yaml": b"a: 1\n"}, "One", FLUX)
    head, fresh = work.head, dict(work._fresh)
    work.push()
    # as after a connection that broke before the answer: this program believes it has yet to push
    work._remote_head, work._fresh = "", fresh
    work.push()
    assert repository.head() == head


def test_a_missing_branch_is_named_with_those_that_are_there(url: str, repository: BareRepository) -> None:
    repository.commit({"a.yaml": "a: 1\n"})
    with pytest.raises(RefMissing, match="has no branch prod") as caught:
        opened(url, "prod")
    assert "main" in caught.value.hint


def test_a_branch_can_start_from_another(url: str, repository: BareRepository) -> None:
    repository.commit({"a.yaml": "a: 1\n"})
    work = WorkCopy(url, "proposal", Auth())
    work.refresh(start_from="main")
    work.commit({"b.yaml": b"b: 1\n"}, "Mine", FLUX)
    work.push()
    assert repository.read("b.yaml", "proposal") == "b: 1"
    assert repository.read("b.yaml", "main") is None


def test_the_mode_of_a_file_is_kept(url: str, repository: BareRepository) -> None:
    repository.commit({"run.sh": "echo"})
    blob = repository.git("rev-parse", "main:run.sh")
    tree = repository.git("mktree", stdin=f"100755 blob {blob}\trun.sh\n")
    commit = repository.git("commit-tree", tree, "-m", "x")
    repository.git("update-ref", "refs/heads/main", commit)
    work = opened(url)
    work.commit({"run.sh": b"echo 2"}, "Change", FLUX)
    work.push()
    assert repository.git("ls-tree", "main").startswith("100755")


def test_a_hook_that_refuses_is_told(https: object, repository: BareRepository) -> None:
    from tests.real.githttp import GitHTTPServer

    assert isinstance(https, GitHTTPServer)
    served = https.create("fleet")
    hook = served.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho branch is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    assert https.ca is not None
    auth = Auth(username="bot", password="hunter2secret", ca=https.ca.read_bytes())
    may_push(https.url_of("fleet"), auth)
    work = WorkCopy(https.url_of("fleet"), "main", auth)
    work.refresh()
    work.commit({"a.yaml": b"a: 1\n"}, "One", FLUX)
    with pytest.raises(PushRefused) as caught:
        work.push()
    assert "pre-receive hook declined" in caught.value.message
    assert "protected" in caught.value.hint


def test_names_cannot_break_the_commit_header() -> None:
    assert Person("Eve <x>\nparent 0", "a@b\n>").encoded() == b"Eve xparent 0 <a@b>"
