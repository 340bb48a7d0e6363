"""Trying again after failures that pass: connection resets, time-outs, servers that are busy."""

from __future__ import annotations

import random
import time

from pyflux.git import deadline
from pyflux.git.errors import GitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def with_retries(
    call: Callable[[], T],
    *,
    attempts: int = 3,
    first_delay: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
    before_retry: Callable[[GitError], None] | None = None,
) -> T:
    """What `call` returns; a transient GitError is tried again with a growing, jittered pause (seconds)."""
    delay = first_delay
    for left in range(attempts - 1, -1, -1):
        try:
            return call()
        except GitError as why:
            if not why.transient or not left:
                raise
            if before_retry is not None:
                before_retry(why)
            sleep(deadline.left(delay * random.uniform(0.8, 1.2)))  # noqa: S311 - jitter, not a secret
            delay *= 2
    raise AssertionError("unreachable")
