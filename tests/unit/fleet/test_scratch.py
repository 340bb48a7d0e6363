"""Nothing is left behind, and repositories with parts missing are told of in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.conftest import SETTINGS, Repository, commit
from pyflux.git.errors import GitError
from pyflux.git.local import LocalRepository, start
from pyflux.render.fleet.cache import Cache

SLOW = """\
import signal, sys, time

# a test run in the background, or under nohup, hands on that it ignores them
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from pyflux.cli.main import run
from pyflux.render import kustomize

def slow(*_args):
    print("building", flush=True)
    time.sleep(0.5)
    return ""

kustomize._run = slow
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [["build", "all"], ["diff", "all", "--from", "HEAD"]], ids=["build", "diff"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_in_the_temporary_folder(
    repository: Repository, tmp_path: Path, number: signal.Signals, words: list[str]
) -> None:
    start(str(repository.root), "https://git.example.com/fleet", "main")
    commit(repository.root)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary), "PYFLUX_CACHE": str(repository.cache), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", SLOW, *words, "--path", str(repository.root)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"building\n"
        assert os.listdir(temporary)
        process.send_signal(number)
        said = process.stderr.read()
        code = process.wait(30)
    assert os.listdir(temporary) == []
    assert b"Traceback" not in said
    assert code == (130 if number is signal.SIGINT else -number)


@pytest.mark.parametrize("content", [None, b"", b"junk"], ids=["missing", "empty", "damaged"])
@pytest.mark.parametrize("what", ["", ":", ":config", ":config/settings.yaml"])
def test_objects_that_cannot_be_read(repository: Repository, tmp_path: Path, what: str, content: bytes | None) -> None:
    from dulwich.object_store import tree_lookup_path

    start(str(repository.root), "https://git.example.com/fleet", "main")
    revision = commit(repository.root)
    repository.put("config/settings.yaml", SETTINGS.replace("1.0.0", "2.0.0"))
    head = commit(repository.root)
    with LocalRepository(str(repository.root)) as git:
        name = revision.encode()
        if what:
            name = git.repo[name].tree
            name = tree_lookup_path(git.repo.__getitem__, name, what[1:].encode())[1] if what[1:] else name
    place = repository.root / ".git/objects" / name[:2].decode() / name[2:].decode()
    place.chmod(0o600)
    if content is None:
        place.unlink()
    else:
        place.write_bytes(content)
    into = tmp_path / "into"
    into.mkdir()
    with LocalRepository(str(repository.root)) as git:
        with pytest.raises(GitError, match=r"there is no revision|is not in|cannot be read"):
            git.tree(git.resolve(revision), str(into), Cache(None)).need("config/settings.yaml")
        if not what:
            with pytest.raises(GitError, match=r"is not in|cannot be read"):
                git.merge_base(head, revision)


def test_folders_that_nobody_can_read_or_that_are_nested_deeply(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They belong to no unit, so nothing is wrong with them."""
    (repository.root / "volume").mkdir()
    wanted = len(repository.build().units)
    deep = str(repository.root / "deep")
    os.mkdir(deep)
    here = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    real = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("/volume"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    cluster = repository.build()
    assert len(cluster.units) == wanted
    assert [unit.error for unit in cluster.units.values() if unit.error] == []
    monkeypatch.undo()
    subprocess.run(["rm", "-rf", deep], check=True)
