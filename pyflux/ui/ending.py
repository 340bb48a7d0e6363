"""An orderly end where SIGTERM (of `timeout`, of CI) or SIGHUP would end the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class _Ended(BaseException):
    """A signal that ends the process came; its number is the argument."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Has SIGTERM and SIGHUP end the process only after what is inside was left, with all that it cleans up."""

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
