"""The process that cleans up after a test run that died: it outlives its parent by a moment.

It reads lines from its standard input: ``+PID`` and ``-PID`` name process groups to mind and to
forget, ``dir PATH`` a folder to remove. When the parent ends, however it ends, the pipe closes;
then every group still minded is stopped and the folders go. It runs on the bare standard library.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

GRACE_SECONDS = 3.0


def _signal_groups(groups: set[int], number: int) -> set[int]:
    """Send a signal to each process group; the groups that still exist."""
    alive = set()
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue
        alive.add(group)
    return alive


def stop_groups(groups: set[int], grace_seconds: float = GRACE_SECONDS) -> None:
    """End the process groups: politely first, by force after the grace period."""
    alive = _signal_groups(groups, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = _signal_groups(alive, 0)
    _signal_groups(alive, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        word = line.rstrip("\n")
        if word.startswith("+"):
            groups.add(int(word[1:]))
        elif word.startswith("-"):
            groups.discard(int(word[1:]))
        elif word.startswith("dir "):
            folders.append(word[4:])
    stop_groups(groups)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
