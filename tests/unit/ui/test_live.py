"""Live lines: one a thing, cut to the terminal's width, gone at the end."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import subprocess
import sys

import pytest

from pyflux.env import Env
from pyflux.ui.live import spinner


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_waited_for_is_shown_and_wiped() -> None:
    terminal = Terminal()
    env = Env(stderr=terminal, environ={"TERM": "xterm"})
    with spinner(env, lambda pending: [f"{each}\nand {'long ' * 60}" for each in pending]) as show:
        show([f"thing-{number}" for number in range(10)])
    text = terminal.getvalue()
    assert "thing-0 and long" in text
    assert "thing-7" in text
    assert "thing-8" not in text
    assert "and 2 more" in text
    assert "…" in text
    # every line that was drawn is erased again
    assert text.count("\x1b[2K") >= 9


def test_nothing_waited_for_draws_nothing() -> None:
    terminal = Terminal()
    with spinner(Env(stderr=terminal), lambda pending: list(pending)) as show:
        show([])
    assert "thing" not in terminal.getvalue()


_WAITING = """
import signal, time

# a test run under nohup hands on that it ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from pyflux.env import Env
from pyflux.ui.live import spinner
with spinner(Env(), lambda pending: ["waits"]) as show:
    show([1])
    time.sleep(60)
print("never")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_program_shows_the_cursor_again(number: int) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _WAITING],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    drawn = b""
    try:
        while b"waits" not in drawn:
            drawn += os.read(ours, 1024)
        child.send_signal(number)
        assert child.wait(20) == -number
        with contextlib.suppress(OSError):  # how Linux says that nobody writes to a terminal any more
            while piece := os.read(ours, 1024):
                drawn += piece
    finally:
        child.kill()
        os.close(ours)
    assert drawn.rfind(b"\x1b[?25h") > drawn.rfind(b"\x1b[?25l") >= 0
    assert b"never" not in drawn
