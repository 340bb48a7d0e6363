"""Waits for objects side by side: reads them again and again until each is done, has failed, or time is up."""

from __future__ import annotations

from pyflux.errors import KubeError, PyfluxError, TimedOut, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 0.5


class Waited:
    """One object that is waited for, as it was last read, and how it ended: `error` is None for success."""

    __slots__ = ("done", "error", "kind", "name", "namespace", "obj")

    def __init__(self, kind: Kind, obj: Obj, done: Callable[[Obj], bool]) -> None:
        self.kind = kind
        self.obj = obj
        self.name = str(obj["metadata"]["name"])
        self.namespace = str(obj["metadata"].get("namespace", ""))
        self.done = done
        """Says of a newly read object whether the wait is over. Raises PyfluxError where it never will be."""
        self.error: PyfluxError | None = None


def wait(env: Env, client: Client, waited: Sequence[Waited], deadline: float) -> None:
    """Returns when every object has ended; what became of each stands in its `error` and `obj`.

    `deadline` is a time of `env.monotonic`. One round of reads goes over the wire at once. An API server that is
    started anew meanwhile is waited for, too; raises Unreachable where it is not back by then.
    """
    pending = list(waited)
    pause = _FIRST_PAUSE
    with _progress(env) as show:
        while pending:
            show(pending)
            answers = _read(client, pending)
            still = []
            for each, answer in zip(pending, answers, strict=True):
                if not _ended(each, answer):
                    still.append(each)
            was, pending = pending, still
            left = deadline - env.monotonic()
            if pending and left <= 0:
                for each, answer in zip(was, answers, strict=True):
                    if isinstance(answer, Unreachable):
                        raise answer
                    if each in pending:
                        trouble = answer.message if isinstance(answer, KubeError) else ""
                        each.error = TimedOut("context deadline exceeded", hint=trouble)
                return
            if pending:
                env.sleep(min(pause, left))
                pause = min(pause * 2, _LONGEST_PAUSE)


def _read(client: Client, waited: Sequence[Waited]) -> Sequence[Obj | KubeError]:
    try:
        return client.get_many([(each.kind.resource, each.name, each.namespace) for each in waited])
    except Unreachable as error:
        return [error] * len(waited)


def _ended(each: Waited, answer: Obj | KubeError) -> bool:
    if isinstance(answer, KubeError):
        if answer.passing:
            return False
        each.error = answer
        return True
    each.obj = answer
    try:
        return each.done(answer)
    except PyfluxError as error:
        each.error = error
        return True


def _state(each: Waited) -> str:
    """What an object says about itself when time is up."""
    from pyflux.catalog.columns import message

    where = f"{each.kind.name} {each.namespace}/{each.name}"
    return f"{where} is not ready: {message(each.obj)}; --timeout allows more time"


def _progress(env: Env) -> AbstractContextManager[Callable[[Sequence[Waited]], None]]:
    """A live line on a terminal; nothing elsewhere."""
    if env.fancy():
        from pyflux.ui.live import spinner

        return spinner(env, _lines)
    from contextlib import nullcontext

    return nullcontext(lambda _pending: None)


def _lines(pending: Sequence[Waited]) -> list[str]:
    from pyflux.catalog.columns import short_message

    return [f"{each.kind.name}/{each.namespace}/{each.name}  {short_message(each.obj)}" for each in pending]


def hint_of(env: Env, client: Client, each: Waited) -> str:
    """On a terminal, what an object that failed waits for, or its own message when time is up; else empty.

    Scripts get the words of flux and nothing more.
    """
    if not env.stderr.isatty():
        return ""
    from pyflux.verbs.causes import Causes

    cause = Causes(client).of(each.obj)
    if cause:
        return f"waits for {cause.who}: {cause.why}"
    return _state(each) if isinstance(each.error, TimedOut) else ""
