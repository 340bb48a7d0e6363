"""Live lines on a terminal while something is waited for. Imports Rich: only to be imported where `env.fancy()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from pyflux.env import Env
from pyflux.ui.ending import ending_in_order

T = TypeVar("T")
_SHOWN = 8


@contextmanager
def spinner(env: Env, describe: Callable[[Sequence[T]], list[str]]) -> Iterator[Callable[[Sequence[T]], None]]:
    """Shows one turning line for each thing that is waited for, on stderr, and wipes them at the end.

    Yields a function to call with what is still waited for; `describe` makes a line of each.
    """
    console = Console(file=env.stderr)
    marks: dict[int, Spinner] = {}
    with (
        ending_in_order(),  # else the terminal's cursor stays hidden
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
