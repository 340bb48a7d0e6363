"""Live lines on a terminal while something is waited for. Imports Rich: only to be imported where `env.fancy()`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from pyflux.env import Env

T = TypeVar("T")
_SHOWN = 8


class _Ended(BaseException):
    """A signal that ends the process came; its number is the argument."""


@contextmanager
def _wiped_before_the_end() -> Iterator[None]:
    """Has SIGTERM (of `timeout`, of CI) and SIGHUP end the process only after what is drawn was wiped.

    Without that the terminal's cursor stays hidden.
    """

    def stop(number: int, _frame: object) -> NoReturn:
        raise _Ended(number)

    ours = []
    if threading.current_thread() is threading.main_thread():
        ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    ended = 0
    try:
        yield
    except _Ended as end:
        ended = end.args[0]
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if ended:
            os.kill(os.getpid(), ended)


@contextmanager
def spinner(env: Env, describe: Callable[[Sequence[T]], list[str]]) -> Iterator[Callable[[Sequence[T]], None]]:
    """Shows one turning line for each thing that is waited for, on stderr, and wipes them at the end.

    Yields a function to call with what is still waited for; `describe` makes a line of each.
    """
    console = Console(file=env.stderr)
    marks: dict[int, Spinner] = {}
    with (
        _wiped_before_the_end(),
        Live(console=console, transient=True, refresh_per_second=8, redirect_stdout=False) as live,
    ):

        def show(pending: Sequence[T]) -> None:
            lines = describe(pending)
            shown: list[Spinner | Text] = []
            for number, line in enumerate(lines[:_SHOWN]):
                text = Text(line.replace("\n", " "))
                # one line each, whatever the message: the mark and a blank stand before it, and a ^C may come behind
                text.truncate(max(10, console.width - 5), overflow="ellipsis")
                mark = marks.setdefault(number, Spinner("dots"))
                mark.update(text=text)
                shown.append(mark)
            if len(lines) > _SHOWN:
                shown.append(Text(f"  and {len(lines) - _SHOWN} more"))
            live.update(Group(*shown))

        yield show
