"""Which objects a command line is about: names, KIND/NAME words, labels, whole namespaces."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.catalog.columns import name as name_of
from pyflux.catalog.columns import namespace as namespace_of
from pyflux.errors import Invalid, PyfluxError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client, Listing

    Obj = dict[str, Any]


class Target:
    """One object on a command line: its kind and its name."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: Kind, name: str) -> None:
        self.kind = kind
        self.name = name


def named(word: str) -> Target:
    """Reads KIND/NAME. Raises UsageError for a kind that Flux does not have."""
    first, slash, name = word.partition("/")
    kind = kinds.by_word(first)
    if kind is None or not slash or not name:
        known = sorted({entry.short[0] if entry.short else entry.name.lower() for entry in kinds.KINDS})
        raise UsageError(
            f'"{word}" does not name a Flux object, expected KIND/NAME such as ks/{name or "app-sync"}',
            hint=f"kinds: {', '.join(known)}",
        )
    return Target(kind, name)


def need(target: Target, verb: str) -> None:
    """Raises UsageError where the verb does nothing with the target's kind."""
    if verb not in target.kind.verbs:
        raise UsageError(f"{target.kind.name} objects cannot be {_PAST[verb]}")


_PAST = {"suspend": "suspended", "resume": "resumed", "reconcile": "reconciled", "delete": "deleted"}


def unique(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def listing(client: Client, kind: Kind, namespace: str, *, name: str = "", labels: str = "", chunk: int = 0) -> Listing:
    """The objects of a kind. Raises UsageError for labels that cannot be read, KubeError."""
    fields = f"metadata.name={name}" if name else ""
    try:
        return client.list(kind.resource, namespace, labels=labels, fields=fields, chunk=chunk)
    except Invalid as error:
        raise selector_error(error, labels) from None


def selector_error(error: Invalid, labels: str) -> PyfluxError:
    """What to report when the API server refused a list: bad labels, where it says so."""
    if labels and "unable to parse requirement" in error.message:
        return UsageError(
            f'unable to parse label selector: couldn\'t parse the selector string "{labels}": {error.message}'
        )
    return error


def confirm_everywhere(env: Env, call: Call, verb: str, kind: Kind, objects: Sequence[Obj]) -> None:
    """Asks before a verb goes through all namespaces. Raises PyfluxError when the answer is no."""
    if call.bool("silent") or not objects:
        return
    spaces = len({namespace_of(obj) for obj in objects})
    what = f"{len(objects)} {kind.name} object{'s' if len(objects) != 1 else ''} in {spaces} namespace{'s' if spaces != 1 else ''}"
    if not env.interactive():
        raise PyfluxError(
            f"refusing to {verb} {what} without being asked",
            hint="say yes in advance with --silent (-s)",
        )
    for obj in objects[:20]:
        env.log.plain(f"  {kind.name}/{namespace_of(obj)}/{name_of(obj)}")
    if len(objects) > 20:
        env.log.plain(f"  and {len(objects) - 20} more")
    if not ask(env, f"Are you sure you want to {verb} {what}"):
        raise PyfluxError("aborting")


def ask(env: Env, question: str) -> bool:
    """A yes-or-no question on the terminal; everything but y and yes is a no."""
    env.stderr.write(f"? {question}? [y/N] ")
    env.stderr.flush()
    answer: Any = env.stdin.readline()
    return str(answer).strip().lower() in ("y", "yes")
