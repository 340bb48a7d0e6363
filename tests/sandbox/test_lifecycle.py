"""Starting, stopping and finding sandboxes, by library and by command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflux.errors import PyfluxError
from pyflux.sandbox import lifecycle
from pyflux.sandbox.state import State, home, names, state


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment of its own; its sandboxes are deleted afterwards."""
    made = {**os.environ, "PYFLUX_HOME": str(tmp_path), "HOME": str(tmp_path)}
    made.pop("KUBECONFIG", None)
    yield made
    for name in names(made):
        lifecycle.delete(state(name, made))


def pyflux(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line."""
    return subprocess.run(
        [sys.executable, "-m", "pyflux", "sandbox", *arguments], env=environ, capture_output=True, text=True, timeout=90
    )


def test_start_returns_when_ready_and_is_idempotent(environ: dict[str, str]) -> None:
    one = state("one", environ)
    assert lifecycle.start(one, [])
    found = lifecycle.status(one)
    assert found.running
    assert found.ready
    assert stat.S_IMODE(one.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    assert not lifecycle.start(one, [])
    assert lifecycle.status(one).pid == found.pid
    assert lifecycle.stop(one)
    assert not lifecycle.stop(one)
    assert not lifecycle.status(one).running


def test_a_killed_sandbox_starts_again_with_the_same_kubeconfig(environ: dict[str, str]) -> None:
    one = state("one", environ)
    lifecycle.start(one, [])
    before = one.kubeconfig.read_bytes()
    os.kill(lifecycle.pid_of(one), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while lifecycle.running(one) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.pid_file.exists(), "kill -9 leaves the file behind"
    assert lifecycle.start(one, [])
    assert one.kubeconfig.read_bytes() == before


def test_two_sandboxes_run_side_by_side(environ: dict[str, str]) -> None:
    one, two = state("one", environ), state("two", environ)
    lifecycle.start(one, [])
    lifecycle.start(two, [])
    assert names(environ) == ["one", "two"]
    assert lifecycle.status(one).server != lifecycle.status(two).server
    lifecycle.delete(one)
    assert lifecycle.status(two).ready


def test_taken_ports_are_given_up_for_others(environ: dict[str, str]) -> None:
    one = state("one", environ)
    settings = one.prepare()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.api_port))
        taken.listen()
        lifecycle.start(one, [])
        assert one.settings().api_port != settings.api_port
        assert str(one.settings().api_port) in one.kubeconfig.read_text()


def test_a_sandbox_that_cannot_start_says_why(environ: dict[str, str]) -> None:
    one = state("one", environ)
    one.prepare()
    one.database.write_text("this is no database")
    with pytest.raises(PyfluxError, match="did not start"):
        lifecycle.start(one, [], timeout=20)


def test_controllers_are_children_and_end_with_the_sandbox(environ: dict[str, str], tmp_path: Path) -> None:
    one = state("one", environ)
    mark = tmp_path / "mark"
    said = "os.environ['KUBECONFIG'] + ' ' + str(os.getpid())"
    code = f"import os,time,pathlib; pathlib.Path({str(mark)!r}).write_text({said}); time.sleep(600)"
    lifecycle.start(one, [sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not (mark.exists() and " " in mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    kubeconfig, pid = mark.read_text().split(" ")
    assert kubeconfig == str(one.kubeconfig)
    lifecycle.stop(one)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_controllers_left_behind_by_a_kill_are_ended(environ: dict[str, str], tmp_path: Path) -> None:
    one = state("one", environ)
    command = [sys.executable, "-c", "import time; time.sleep(600)", str(one.kubeconfig)]
    lifecycle.start(one, command)
    deadline = time.monotonic() + 20
    while not one.controllers_pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    left = json.loads(one.controllers_pid_file.read_text())["pid"]
    os.kill(lifecycle.pid_of(one), signal.SIGKILL)
    while lifecycle.running(one):
        time.sleep(0.01)
    os.kill(left, 0)
    lifecycle.start(one, [])
    with pytest.raises(ProcessLookupError):
        os.kill(left, 0)


def test_folders_follow_the_environment(tmp_path: Path) -> None:
    assert home({"PYFLUX_HOME": "/p"}) == Path("/p/sandbox")
    assert home({"XDG_STATE_HOME": "/x"}) == Path("/x/pyflux/sandbox")
    assert home({"HOME": "/h"}) == Path("/h/.local/state/pyflux/sandbox")
    for bad in ("", "../x", "A", "a/b", "-a"):
        with pytest.raises(PyfluxError, match="invalid sandbox name"):
            state(bad, {})


def test_settings_that_are_damaged_are_named(tmp_path: Path) -> None:
    broken = State("x", tmp_path)
    broken.settings_file.write_text("{")
    with pytest.raises(PyfluxError, match="damaged"):
        broken.settings()


def test_the_command_line(environ: dict[str, str]) -> None:
    missing = pyflux(environ, "status")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "does not exist" in missing.stderr
    started = pyflux(environ, "start", "--no-controllers")
    assert started.returncode == 0, started.stderr
    assert "is ready after" in started.stderr
    assert "no containers run" in started.stderr
    shown = json.loads(pyflux(environ, "status", "-o", "json").stdout)
    assert shown["ready"] is True
    exports = pyflux(environ, "env").stdout
    assert f"export KUBECONFIG={shown['kubeconfig']}" in exports
    assert shown["server"] in pyflux(environ, "kubeconfig").stdout
    assert "runs already" in pyflux(environ, "start").stderr
    assert pyflux(environ, "logs").returncode == 0
    assert pyflux(environ, "stop").returncode == 0
    stopped = pyflux(environ, "status")
    assert (stopped.returncode, "stopped" in stopped.stdout) == (1, True)
    assert "deleted" in pyflux(environ, "delete").stderr
    assert "there is no sandbox" in pyflux(environ, "delete").stderr


def test_the_foreground_ends_on_interrupt(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pyflux", "sandbox", "start", "--foreground", "--no-controllers"]
    child = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True)
    one = state("pyflux", environ)
    deadline = time.monotonic() + 30
    while not lifecycle.ready(one) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)
    _, messages = child.communicate(timeout=20)
    assert child.returncode == 0, messages
    assert "Traceback" not in messages
    assert not lifecycle.running(one)


def test_a_damaged_database_is_named_with_a_way_out(environ: dict[str, str]) -> None:
    one = state("one", environ)
    lifecycle.start(one, [])
    lifecycle.stop(one)
    one.database.write_bytes(os.urandom(20000))
    done = pyflux(environ, "start", "--name", "one", "--no-controllers")
    assert done.returncode == 1
    assert f"its database {one.database} is damaged" in done.stderr
    assert "pyflux sandbox delete --name one" in done.stderr
    assert "Traceback" not in one.log.read_text()
    one.database.unlink()
    assert lifecycle.start(one, [])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "file").touch()
    done = pyflux({**environ, "PYFLUX_HOME": str(tmp_path / "file")}, "start")
    assert done.returncode == 1
    assert "cannot be made: Not a directory" in done.stderr
    assert "PYFLUX_HOME" in done.stderr


def test_the_folder_may_be_given_from_where_one_stands(tmp_path: Path, environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pyflux", "sandbox", "start", "--no-controllers"]
    root = str(Path(lifecycle.pyflux.__file__).parent.parent)
    given = {**environ, "PYFLUX_HOME": "here", "PYTHONPATH": root}
    subprocess.run(command, cwd=tmp_path, env=given, check=True, capture_output=True, timeout=60)
    made = state("pyflux", {"PYFLUX_HOME": str(tmp_path / "here")})
    assert lifecycle.status(made).ready
    lifecycle.delete(made)


def test_another_program_with_the_old_number_is_left_alone(environ: dict[str, str]) -> None:
    one = state("one", environ)
    lifecycle.start(one, [])
    daemon = lifecycle.pid_of(one)
    other = subprocess.Popen(["sleep", "60"])
    try:
        one.pid_file.write_text(json.dumps({"pid": other.pid}))
        assert lifecycle.pid_of(one) == 0
        with pytest.raises(PyfluxError, match="does not stop"):
            lifecycle.stop(one, timeout=0.2)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        one.pid_file.write_text(json.dumps({"pid": daemon}))


def test_proxies_do_not_catch_loopback(environ: dict[str, str]) -> None:
    nowhere = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
    )
    assert pyflux({**environ, **nowhere}, "start").returncode == 0
    done = pyflux({**environ, **nowhere}, "status", "-o", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ready"]


def test_two_starts_and_two_deletions_at_once(environ: dict[str, str]) -> None:
    for arguments in (("start", "--no-controllers"), ("delete",)):
        command = [sys.executable, "-m", "pyflux", "sandbox", *arguments, "--name", "one"]
        both = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        for each in both:
            said = each.communicate(timeout=60)[1]
            assert each.returncode == 0, said
    assert not state("one", environ).folder.exists()


def test_following_a_log_ends_with_ctrl_c(environ: dict[str, str]) -> None:
    lifecycle.start(state("one", environ), [])
    command = [sys.executable, "-m", "pyflux", "sandbox", "logs", "-f", "--name", "one"]
    following = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    assert following.poll() is None
    following.send_signal(signal.SIGINT)
    assert "Traceback" not in following.communicate(timeout=10)[1]
