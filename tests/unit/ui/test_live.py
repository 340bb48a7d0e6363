"""Live lines: one a thing, cut to the terminal's width, gone at the end."""

from __future__ import annotations

import io

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
