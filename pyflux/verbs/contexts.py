"""One command in several clusters at once: `--contexts a,b`, each in a thread of its own."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pyflux.env import Call, Env, KubeOptions
from pyflux.errors import PyfluxError, SilentExit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class _Prefixed(io.TextIOBase):
    """Puts the context's name before each line and writes lines whole, so that threads do not mix them."""

    def __init__(self, stream: Any, context: str, lock: threading.Lock) -> None:
        self._stream = stream
        self._prefix = f"[{context}] "
        self._lock = lock
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        with self._lock:
            for line in lines:
                self._stream.write(f"{self._prefix}{line}\n")
        return len(text)

    def flush(self) -> None:
        with self._lock:
            self._stream.flush()


def _options(options: KubeOptions, context: str) -> KubeOptions:
    copy = KubeOptions()
    for name in KubeOptions.__slots__:
        setattr(copy, name, getattr(options, name))
    copy.context = context
    return copy


def _names(call: Call) -> list[str]:
    names = dict.fromkeys(name.strip() for name in call.strings("contexts"))
    names.pop("", None)
    if not names:
        # an empty variable in a script is not to be a success without a word
        raise UsageError("--contexts names no context")
    return list(names)


def _side_by_side(
    env: Env, call: Call, work: Callable[[Env, Call], T], *, prefixed: bool
) -> list[tuple[str, T | PyfluxError]]:
    """(context, result or error) of each context, in the order they were given.

    Messages get the context's name before them; so does what is written to stdout with `prefixed`.
    Nobody can be asked a question here: stdin is empty.
    """
    lock = threading.Lock()
    alone = Call(call.path, call.args, {**call.values, "contexts": []}, call.changed)
    results: dict[str, T | PyfluxError] = {}
    faults: list[OSError] = []

    def one(context: str) -> None:
        own = Env(
            stdout=_Prefixed(env.stdout, context, lock) if prefixed else env.stdout,  # type: ignore[arg-type]
            stderr=_Prefixed(env.stderr, context, lock),  # type: ignore[arg-type]
            stdin=io.StringIO(),
            environ=env.environ,
            kube=_options(env.kube, context),
            sleep=env.sleep,
            now=env.now,
            monotonic=env.monotonic,
        )
        try:
            results[context] = work(own, alone)
        except PyfluxError as error:
            results[context] = error
        except OSError as error:
            # the reader of our output went away, or the disk under it is full
            faults.append(error)

    names = _names(call)
    threads = [threading.Thread(target=one, args=(context,), daemon=True) for context in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    missing: PyfluxError = PyfluxError("the work ended without a result")
    return [(context, results.get(context, missing)) for context in names]


def each(env: Env, call: Call, work: Callable[[Env, Call], None]) -> None:
    """Runs a verb in every context. Raises SilentExit, after saying what failed where."""
    answers = _side_by_side(env, call, work, prefixed=True)
    if _failures(env, answers):
        raise SilentExit("")


def gather(env: Env, call: Call, work: Callable[[Env, Call], T]) -> tuple[list[tuple[str, T]], int]:
    """What `work` returns for every context that answered, and how many failed; the failures are said."""
    answers = _side_by_side(env, call, work, prefixed=False)
    failed = _failures(env, answers)
    return [(name, answer) for name, answer in answers if not isinstance(answer, PyfluxError)], failed


def _failures(env: Env, answers: list[tuple[str, Any]]) -> int:
    failed = 0
    for context, answer in answers:
        if not isinstance(answer, PyfluxError):
            continue
        failed += 1
        if isinstance(answer, SilentExit):
            continue
        env.log.failure(f"[{context}] {answer.message}")
        if answer.hint:
            env.log.plain(f"  {answer.hint}")
    return failed
