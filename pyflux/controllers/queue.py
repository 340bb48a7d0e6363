"""The work queue: each key is worked on by one worker at a time, delayed ones wait, failing ones back off."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

BACKOFF_FIRST = 0.75
BACKOFF_LONGEST = 900.0


class Key(NamedTuple):
    """An object's place; its kind is its queue's."""

    namespace: str
    name: str


class WorkQueue:
    """Safe for any number of threads. A key added while it is worked on is worked on once more afterwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Condition()
        self._ready: deque[Key] = deque()
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: list[tuple[float, Key]] = []
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._ready)

    def add(self, key: Key, *, urgent: bool = False) -> None:
        """Work on the key soon; before all others when somebody waits for it."""
        with self._lock:
            self._add(key, urgent)

    def _add(self, key: Key, urgent: bool = False) -> None:
        if self._closed:
            return
        if key in self._working:
            self._again.add(key)
            return
        if key in self._waiting:
            if not urgent:
                return
            self._ready.remove(key)
        self._waiting.add(key)
        if urgent:
            self._ready.appendleft(key)
        else:
            self._ready.append(key)
        self._lock.notify()

    def add_after(self, key: Key, seconds: float) -> None:
        """Work on the key in `seconds`; replaces an earlier appointment."""
        if seconds <= 0:
            self.add(key)
            return
        with self._lock:
            due = self._clock() + seconds
            self._due[key] = due
            heapq.heappush(self._timers, (due, key))
            self._lock.notify()

    def add_failed(self, key: Key) -> float:
        """Work on the key again after a pause that doubles with each failure in a row; returns the pause."""
        with self._lock:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
        pause = min(BACKOFF_FIRST * 2.0 ** min(failures, 20), BACKOFF_LONGEST)
        self.add_after(key, pause)
        return pause

    def forget(self, key: Key) -> None:
        """The key succeeded: its next failure is a first one."""
        with self._lock:
            self._failures.pop(key, None)

    def drop(self, key: Key) -> None:
        """The object is gone: no appointment is kept for it."""
        with self._lock:
            self._failures.pop(key, None)
            self._due.pop(key, None)

    def get(self) -> Key | None:
        """The next key, waiting for it as long as it takes; None when the queue is closed."""
        with self._lock:
            while True:
                self._release_due()
                if self._closed:
                    return None
                if self._ready:
                    key = self._ready.popleft()
                    self._waiting.discard(key)
                    self._working.add(key)
                    # what is done now need not be done again at an earlier appointment
                    self._due.pop(key, None)
                    return key
                self._lock.wait(self._timers[0][0] - self._clock() if self._timers else None)

    def _release_due(self) -> None:
        moment = self._clock()
        while self._timers and self._timers[0][0] <= moment:
            due, key = heapq.heappop(self._timers)
            # only the newest appointment of a key counts
            if self._due.get(key) == due:
                del self._due[key]
                self._add(key)

    def done(self, key: Key) -> None:
        """The worker is finished with the key."""
        with self._lock:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._add(key)

    def close(self) -> None:
        """Every `get` returns None from now on."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
