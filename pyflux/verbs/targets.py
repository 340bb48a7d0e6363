"""Which objects a command line is about: names, KIND/NAME words, labels, whole namespaces."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.catalog.columns import name as name_of
from pyflux.catalog.columns import namespace as namespace_of
from pyflux.errors import Invalid, KubeError, NoMatch, PyfluxError, UsageError
from pyflux.kube.request import by_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
        raise UsageError(
            f'"{word}" does not name a Flux object, expected KIND/NAME such as ks/{name or "app-sync"}',
            hint=_known(),
        )
    return Target(kind, name)


def kinds_named(word: str) -> list[Kind]:
    """Reads KIND,KIND. Nothing where `word` is neither a kind nor a list. Raises UsageError for a bad list."""
    found = []
    for each in word.split(","):
        kind = kinds.by_word(each)
        if kind is not None:
            found.append(kind)
        elif "," in word:
            raise UsageError(f'"{each}" is not a kind of Flux, expected kinds with commas such as ks,hr', hint=_known())
    return list(dict.fromkeys(found))


def _known() -> str:
    return f"kinds: {', '.join(sorted(entry.short[0] if entry.short else entry.name.lower() for entry in kinds.KINDS))}"


def need(kind: Kind, verb: str) -> None:
    """Raises UsageError where the verb does nothing with the kind."""
    if verb not in kind.verbs:
        raise UsageError(f"{kind.name} objects cannot be {_PAST[verb]}")


_SHOWN = 20
_BAD_REQUEST = 400
_PAST = {"suspend": "suspended", "resume": "resumed", "reconcile": "reconciled", "delete": "deleted"}


def unique(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def listing(
    client: Client,
    kind: Kind,
    namespace: str,
    *,
    name: str | None = None,
    labels: str = "",
    chunk: int = 0,
    slim: Callable[[Obj], None] | None = None,
) -> Listing:
    """The objects of a kind, less what `slim` takes out. Raises UsageError for bad labels, KubeError.

    With a `name`, even an empty one, only the object that has it.
    """
    fields = "" if name is None else by_name(name)
    check_labels(labels)
    try:
        return client.list(kind.resource, namespace, labels=labels, fields=fields, chunk=chunk, slim=slim)
    except Invalid as error:
        raise selector_error(error, labels) from None
    except NoMatch as error:
        raise explained(client, kind, error) from None


def fetch(client: Client, kind: Kind, name: str, namespace: str) -> Obj:
    """One object, its kind filled in. Raises NotFound, KubeError."""
    try:
        found = client.get(kind.resource, name, namespace)
    except NoMatch as error:
        raise explained(client, kind, error) from None
    found.setdefault("kind", kind.name)
    return found


def explained(client: Client, kind: Kind, error: NoMatch) -> NoMatch:
    """The same error, with a better way out where the cluster has the kind in a version of an older Flux."""
    for version in kind.older:
        served = f"{kind.group}/{version}"
        try:
            client.resource_for(served, kind.name)
        except KubeError:
            continue
        hint = f"the cluster has it in {served}: its Flux is older; upgrade it with: pyflux install"
        return NoMatch(error.message, status=error.status, reason=error.reason, hint=hint)
    return error


def check_labels(labels: str) -> None:
    """Raises UsageError for comparisons, which nodes know and labels do not."""
    for sign, name in ((">", "gt"), ("<", "lt")):
        if sign in labels:
            raise UsageError(f'unable to parse label selector: "{name}" isn\'t supported in label selectors')


def selector_error(error: Invalid, labels: str) -> PyfluxError:
    """What to report when the API server refused a list: bad labels, where it says so."""
    if labels and error.status == _BAD_REQUEST:
        return UsageError(
            f'unable to parse label selector: couldn\'t parse the selector string "{labels}": {error.message}'
        )
    return error


def confirm_everywhere(env: Env, call: Call, verb: str, kind: Kind, objects: Sequence[Obj]) -> None:
    """Asks before a verb goes through all namespaces. Raises PyfluxError when the answer is no."""
    if call.bool("silent") or not objects:
        return
    spaces = {namespace_of(obj) for obj in objects}
    what = f"{_count(len(objects), kind.name + ' object')} in {_count(len(spaces), 'namespace')}"
    if not env.interactive():
        raise PyfluxError(
            f"refusing to {verb} {what} without being asked", hint="say yes in advance with --silent (-s)"
        )
    from pyflux.ui.confirm import confirm

    for obj in objects[:_SHOWN]:
        env.log.plain(f"  {kind.name}/{namespace_of(obj)}/{name_of(obj)}")
    if len(objects) > _SHOWN:
        env.log.plain(f"  and {len(objects) - _SHOWN} more")
    if not confirm(env, f"Are you sure you want to {verb} {what}"):
        raise PyfluxError("aborting")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def chosen(env: Env, client: Client, call: Call, verb: str, kind: Kind) -> list[Obj]:
    """The objects that `--all`, `-l` and `-A` select; asks first where that is all namespaces."""
    everywhere = call.bool("all-namespaces")
    namespace = "" if everywhere else env.kube.namespace
    found = listing(client, kind, namespace, labels=call.str("label-selector")).items
    if everywhere:
        confirm_everywhere(env, call, verb, kind, found)
    return found


def wants_many(call: Call) -> bool:
    """True where flags in the place of names select the objects. Raises UsageError for `-A` alone."""
    if call.args:
        return False
    many = call.bool("all") or bool(call.str("label-selector"))
    if call.bool("all-namespaces") and not many:
        raise UsageError("--all-namespaces needs --all or --label-selector")
    return many
