"""The sandbox's Git server, with git's back end and with dulwich's."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflux.errors import PyfluxError
from pyflux.sandbox.gitserver import GitServer, create_repository

GIT = shutil.which("git")


@pytest.fixture(params=[True, False], ids=["git", "dulwich"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitServer]:
    """A server with one of the back ends."""
    if request.param and GIT is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "served"
    folder.mkdir()
    made = GitServer(folder, 0, use_git=request.param)
    assert (made.git is not None) is request.param
    made.start()
    yield made
    made.close()


def git(*arguments: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs git in a folder, without the user's settings."""
    env = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_push_creates_and_clone_returns_the_same(server: GitServer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/team/fleet.git"
    work = tmp_path / "work"
    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    (work / "big").write_bytes(bytes(range(256)) * 8192)
    for i in range(5):
        (work / f"file{i}").write_text(f"{i}\n")
        git("add", ".", cwd=work)
        git("commit", "-qm", f"commit {i}", cwd=work)
    git("push", "-q", url, "main", cwd=work)
    git("clone", "-q", url, str(tmp_path / "copy"), cwd=work)
    assert (tmp_path / "copy" / "file4").read_text() == "4\n"
    assert (tmp_path / "copy" / "big").stat().st_size == 2 << 20
    (work / "file9").write_text("9\n")
    git("add", ".", cwd=work)
    git("commit", "-qm", "more", cwd=work)
    git("push", "-q", url, "main", cwd=work)
    git("pull", "-q", cwd=tmp_path / "copy")
    assert (tmp_path / "copy" / "file9").exists()
    git("clone", "-q", "--depth=1", url, str(tmp_path / "shallow"), cwd=work)
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").stdout.strip() == "1"


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_a_push_that_is_not_a_fast_forward_is_refused(server: GitServer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/fleet.git"
    for name in ("one", "two"):
        work = tmp_path / name
        work.mkdir()
        git("init", "-q", "-b", "main", cwd=work)
        (work / name).write_text(name)
        git("add", ".", cwd=work)
        git("commit", "-qm", name, cwd=work)
    git("push", "-q", url, "main", cwd=tmp_path / "one")
    assert git("push", "-q", url, "main", cwd=tmp_path / "two", check=False).returncode != 0
    git("clone", "-q", url, str(tmp_path / "copy"), cwd=tmp_path)
    assert (tmp_path / "copy" / "one").exists()


def test_dulwich_clones_from_it(server: GitServer, tmp_path: Path) -> None:
    from dulwich import porcelain

    create_repository(server.folder, "made")
    url = f"http://127.0.0.1:{server.port}/made.git"
    work = tmp_path / "work"
    porcelain.init(str(work))
    (work / "a").write_text("a\n")
    porcelain.add(str(work), [str(work / "a")])
    porcelain.commit(str(work), message=b"m", author=b"t <t@example.org>", committer=b"t <t@example.org>")
    # dulwich's own choice is the standard error of the moment in which it was imported
    said = io.BytesIO()
    porcelain.push(str(work), url, "HEAD:refs/heads/main", outstream=said, errstream=said)
    porcelain.clone(url, str(tmp_path / "copy"), branch=b"main", errstream=said)
    assert (tmp_path / "copy" / "a").read_text() == "a\n"


@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/x.git/../../y", "/x.git/config", "/%2e%2e/x.git/HEAD", "/nothing"]
)
def test_nothing_but_repositories_is_served(server: GitServer, path: str) -> None:
    import http.client

    create_repository(server.folder, "x")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("GET", path, skip_host=False)
    connection.endheaders()
    assert connection.getresponse().status == 404


@pytest.mark.parametrize("name", ["", "../x", "a/../../b", ".hidden", "a b", "x\n"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PyfluxError):
        create_repository(tmp_path, name)
