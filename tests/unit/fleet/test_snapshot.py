"""Identities of files and folders: Git's, on disk as in a commit, and never those of something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet.conftest import commit
from pyflux.git.errors import GitError
from pyflux.git.local import LocalRepository, start
from pyflux.render.fleet.cache import Cache
from pyflux.render.fleet.snapshot import WorkTree

FILES = {"apps/web/a.yaml": "a: 1\n", "apps/web.yaml": "b: 2\n", "apps-x": "c\n", "README": "text\n", "run.sh": "#!\n"}
OLD = 1_600_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("apps/web")
    (root / "out").symlink_to("/etc")
    start(str(root), "https://git.example.com/fleet", "main")
    return root


PATHS = [
    "",
    "apps",
    "apps/web",
    "apps/web/a.yaml",
    "README",
    "run.sh",
    "link",
    "out",
    "link/a.yaml",
    "none",
    "none/at/all",
]


def test_a_folder_and_its_commit_have_the_identities_that_git_gives(folder: Path, tmp_path: Path) -> None:
    tree = WorkTree(str(folder))
    into = tmp_path / "into"
    into.mkdir()
    with LocalRepository(str(folder)) as repository:
        revision = commit(folder)
        other = repository.tree(revision, str(into), Cache(None))
        assert [tree.identity(path) for path in PATHS] == [other.identity(path) for path in PATHS]
        assert [tree.has_folder(path) for path in PATHS] == [other.has_folder(path) for path in PATHS]
        assert tree.named("a.yaml") == other.named("a.yaml") == ["apps/web/a.yaml"]
        assert tree.named("a.yaml", "apps") == other.named("a.yaml", "apps") == ["apps/web/a.yaml"]
    # what `git hash-object` says of a file with this text
    assert tree.identity("README") == "8e27be7d6154a1f68ea9160ef0e18691d20560dc"
    assert tree.identity("none") == ""
    assert [tree.identity(path) for path in ("link", "link/a.yaml", "out", ".git/HEAD")] == [None] * 4


def age(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (OLD, OLD), follow_symlinks=False)


def settled(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learns all identities, as long after the last change as it takes to believe the files' times."""
    monkeypatch.setattr("pyflux.render.fleet.snapshot._SETTLED", -10 << 30)
    tree = WorkTree(str(folder), Cache(str(cache)))
    tree.identity("")
    tree.keep()


def test_files_that_did_not_change_are_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(folder, tmp_path / "cache", monkeypatch)
    read: list[str] = []
    real = open

    def counting(path: str, mode: str = "r") -> object:
        read.append(os.path.relpath(path, folder))
        return real(path, mode)

    (folder / "README").write_text("TEXT\n")
    monkeypatch.setattr("pyflux.render.fleet.snapshot.open", counting, raising=False)
    again = WorkTree(str(folder), Cache(str(tmp_path / "cache")))
    assert again.identity("") == WorkTree(str(folder)).identity("")
    # the second one, which remembers nothing, reads all of them
    assert read[0] == "README"
    assert sorted(read[1:]) == sorted(FILES)


def test_a_change_shows_though_size_and_time_are_put_back(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(folder)
    settled(folder, tmp_path / "cache", monkeypatch)
    before = WorkTree(str(folder), Cache(str(tmp_path / "cache"))).identity("README")
    (folder / "README").write_text("TEXT\n")
    os.utime(folder / "README", (OLD, OLD))
    tree = WorkTree(str(folder), Cache(str(tmp_path / "cache")))
    assert tree.identity("README") not in (before, None)
    assert tree.identity("README") == WorkTree(str(folder)).identity("README")


def test_what_was_written_just_now_is_not_remembered(folder: Path, tmp_path: Path) -> None:
    tree = WorkTree(str(folder), Cache(str(tmp_path / "cache")))
    tree.identity("")
    tree.keep()
    assert not (tmp_path / "cache").exists()


def test_a_change_while_it_is_built_is_noticed(folder: Path) -> None:
    tree = WorkTree(str(folder))
    tree.identity("apps")
    assert tree.is_unchanged(["apps"])
    (folder / "apps/web/b.yaml").write_text("new: true\n")
    assert tree.identity("apps") == tree.identity("apps")
    assert not tree.is_unchanged(["apps"])
    assert not tree.is_unchanged(["README", "apps/web"])
    assert tree.is_unchanged(["README", "apps/web/a.yaml"])


def test_a_folder_with_more_than_a_repository_holds_has_no_identity(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(folder / "image.bin", "wb") as file:
        file.truncate(1 << 30)
    tree = WorkTree(str(folder))
    assert tree.identity("") is None
    assert tree.identity("README") == WorkTree(str(folder)).identity("README")
    (folder / "image.bin").unlink()
    monkeypatch.setattr("pyflux.render.fleet.snapshot.MAX_WALKED", 3)
    tree = WorkTree(str(folder))
    assert tree.identity("") is None
    assert tree.identity("apps/web") == WorkTree(str(folder)).identity("apps/web") is not None


def test_a_large_folder_does_not_spoil_what_is_asked_of_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {name: WorkTree(str(folder)).identity(name) for name in FILES}
    monkeypatch.setattr("pyflux.render.fleet.snapshot.MAX_HASHED", 8)
    tree = WorkTree(str(folder))
    assert tree.identity("") is None
    assert {name: tree.identity(name) for name in FILES} == wanted
    (folder / "README").write_text("longer than that\n")
    assert WorkTree(str(folder)).identity("README") is None


def test_of_a_commit_only_what_is_needed_is_written(folder: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    with LocalRepository(str(folder)) as repository:
        tree = repository.tree(commit(folder), str(into), Cache(None))
        tree.need("apps/web/a.yaml")
        assert [str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()] == ["apps/web/a.yaml"]
        tree.need("none/at/all")
        tree.need("run.sh/below")
        assert sorted(os.listdir(into)) == ["apps", "run.sh"]
        tree.need("")
        tree.need("apps")
        for name, text in FILES.items():
            assert (into / name).read_text() == text
        assert os.access(into / "run.sh", os.X_OK)
        assert os.readlink(into / "link") == "apps/web"
        assert not os.path.lexists(into / "out")


def test_a_link_brings_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    with LocalRepository(str(folder)) as repository:
        tree = repository.tree(commit(folder), str(into), Cache(None))
        tree.need("link/a.yaml")
        assert (into / "link/a.yaml").read_text() == FILES["apps/web/a.yaml"]


@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")])
def test_links_that_lead_out_over_one_another_are_not_written(
    folder: Path, tmp_path: Path, names: tuple[str, str]
) -> None:
    over, out = names
    deep = folder / "deep" / "down"
    deep.mkdir(parents=True)
    # by its own words the second stays inside, over the first it does not
    (deep / over).symlink_to("../..")
    (deep / out).symlink_to(f"{over}/../../../secret")
    (tmp_path / "secret").write_text("not yours\n")
    into = tmp_path / "in" / "to"
    into.mkdir(parents=True)
    with LocalRepository(str(folder)) as repository:
        tree = repository.tree(commit(folder), str(into), Cache(None))
        tree.need("deep/down")
        assert os.listdir(into / "deep/down") == [over]


def test_a_name_that_git_would_refuse(folder: Path, tmp_path: Path) -> None:
    from dulwich.objects import Commit, Tree

    with LocalRepository(str(folder)) as repository:
        head = repository.repo[commit(folder).encode()]
        tree = Tree()
        tree.add(b"..", 0o40000, head.tree)
        bad = Commit()
        bad.tree, bad.message = tree.id, b"Bad"
        bad.author = bad.committer = b"A <a@example.com>"
        bad.author_time = bad.commit_time = OLD
        bad.author_timezone = bad.commit_timezone = 0
        repository.repo.object_store.add_object(tree)
        repository.repo.object_store.add_object(bad)
        into = tmp_path / "into"
        into.mkdir()
        with pytest.raises(GitError, match="not allowed"):
            repository.tree(bad.id.decode(), str(into), Cache(None)).need("apps")
