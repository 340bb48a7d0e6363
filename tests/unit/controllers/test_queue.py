"""The work queue: one worker a key, appointments, pauses that grow."""

from __future__ import annotations

import threading

import pytest

from pyflux.controllers.queue import BACKOFF_FIRST, BACKOFF_LONGEST, Key, WorkQueue

A, B, C = Key("ns", "a"), Key("ns", "b"), Key("ns", "c")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock)


def test_a_key_is_given_out_once(queue: WorkQueue) -> None:
    for key in (A, B, A):
        queue.add(key)
    assert [queue.get(), queue.get()] == [A, B]
    assert len(queue) == 0


def test_a_key_added_while_it_is_worked_on_comes_again_afterwards(queue: WorkQueue) -> None:
    queue.add(A)
    assert queue.get() == A
    queue.add(A)
    queue.add(B)
    assert queue.get() == B
    queue.done(A)
    assert queue.get() == A


def test_an_urgent_key_goes_first(queue: WorkQueue) -> None:
    for key in (A, B, C):
        queue.add(key)
    queue.add(C, urgent=True)
    assert [queue.get(), queue.get(), queue.get()] == [C, A, B]


def test_appointments_are_kept(queue: WorkQueue, clock: Clock) -> None:
    queue.add_after(A, 10)
    queue.add_after(B, 5)
    clock.now = 5
    assert queue.get() == B
    clock.now = 10
    assert queue.get() == A


def test_a_newer_appointment_replaces_an_older_one(queue: WorkQueue, clock: Clock) -> None:
    queue.add_after(A, 1)
    queue.add_after(A, 60)
    queue.add_after(B, 2)
    clock.now = 2
    assert queue.get() == B
    assert len(queue) == 0
    clock.now = 60
    assert queue.get() == A


def test_work_that_begins_makes_the_appointment_void(queue: WorkQueue, clock: Clock) -> None:
    queue.add_after(A, 1)
    queue.add(A)
    assert queue.get() == A
    clock.now = 5
    queue.add(B)
    assert queue.get() == B
    queue.done(A)
    assert len(queue) == 0


def test_pauses_double_and_end_with_success(queue: WorkQueue) -> None:
    pauses = [queue.add_failed(A) for _ in range(30)]
    assert pauses[:3] == [BACKOFF_FIRST, BACKOFF_FIRST * 2, BACKOFF_FIRST * 4]
    assert pauses[-1] == BACKOFF_LONGEST
    queue.forget(A)
    assert queue.add_failed(A) == BACKOFF_FIRST


def test_a_dropped_key_has_no_appointment(queue: WorkQueue, clock: Clock) -> None:
    queue.add_after(A, 1)
    queue.drop(A)
    queue.add_after(B, 2)
    clock.now = 3
    assert queue.get() == B
    assert len(queue) == 0


def test_closing_wakes_all_workers() -> None:
    queue = WorkQueue()
    found: list[Key | None] = []
    threads = [threading.Thread(target=lambda: found.append(queue.get())) for _ in range(3)]
    for thread in threads:
        thread.start()
    queue.close()
    for thread in threads:
        thread.join(5)
    assert found == [None, None, None]
    queue.add(A)
    assert queue.get() is None


def test_no_key_is_worked_on_twice_at_once_and_none_is_lost() -> None:
    queue = WorkQueue()
    keys = [Key("ns", str(number)) for number in range(20)]
    busy: set[Key] = set()
    done: list[Key] = []
    lock = threading.Lock()

    def work() -> None:
        while (key := queue.get()) is not None:
            with lock:
                assert key not in busy
                busy.add(key)
            with lock:
                busy.discard(key)
                done.append(key)
            queue.done(key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        for key in keys:
            queue.add(key)
    while len(queue):
        pass
    queue.close()
    for thread in threads:
        thread.join(5)
    assert set(done) == set(keys)
