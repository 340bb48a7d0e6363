"""A time limit for all Git operations of a thread's block: each wait below it is cut to what is left."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pyflux.git.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterator

_end: ContextVar[float | None] = ContextVar("git_deadline", default=None)


class OutOfTime(GitError):
    """The time limit of `within` is over."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Operations in the block fail with OutOfTime when they take longer than this together."""
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def is_set() -> bool:
    """Whether there is a time limit."""
    return _end.get() is not None


def left(most: float) -> float:
    """Seconds that a wait may take: `most`, or what is left of the limit. Raises OutOfTime when nothing is."""
    end = _end.get()
    if end is None:
        return most
    rest = end - time.monotonic()
    if rest <= 0:
        raise OutOfTime("context deadline exceeded")
    return min(most, rest)
