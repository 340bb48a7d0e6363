"""Finds the objects that `trace` is asked for: KIND NAME …, KIND/NAME …, with every name that kubectl takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.catalog.resources import Resource
from pyflux.errors import KubeError, NoMatch, NotFound, PyfluxError, UsageError
from pyflux.kube.listing import loads
from pyflux.kube.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

USAGE = "either `<resource>/<name>` or `<resource> <name>` is required as an argument"
_MIXED = (
    "there is no need to specify a resource type as a separate argument when passing arguments in resource/name "
    "form (e.g. 'flux get resource/<resource_name>' instead of 'flux get resource resource/<resource_name>'"
)


class Names:
    """A resource and every word for it."""

    __slots__ = ("resource", "words")

    def __init__(self, resource: Resource, entry: Obj) -> None:
        self.resource = resource
        singular = str(entry.get("singularName") or resource.kind).lower()
        self.words = {resource.plural, singular, resource.kind.lower(), *(entry.get("shortNames") or [])}

    def matches(self, word: str) -> bool:
        """True for "deploy", "deployments.apps" and "deployments.v1.apps"."""
        name, _, rest = word.lower().partition(".")
        own = self.resource
        return name in self.words and rest in ("", own.group, f"{own.version}.{own.group}".rstrip("."))


def discover(client: Client) -> list[Names]:
    """All resources of the server with their names, in the order that decides which a word means."""
    groups = loads(client.raw("GET", "/apis").body).get("groups") or []
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
    answers = client.send_many([Request("GET", _path(version)) for version in versions])
    found: list[Names] = []
    for version, answer in zip(versions, answers, strict=True):
        # a group whose own server is down must not hide the others
        if not isinstance(answer, KubeError):
            found += _names(version, loads(answer.body))
    return found


def _path(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _names(api_version: str, body: Obj) -> list[Names]:
    group, _, version = api_version.rpartition("/")
    return [
        Names(Resource(group, version, entry["name"], entry["kind"], bool(entry.get("namespaced"))), entry)
        for entry in body.get("resources") or []
        if "/" not in entry["name"]
    ]


def by_words(client: Client, words: Sequence[str], namespace: str) -> list[Obj]:
    """The objects that the arguments name. Raises PyfluxError."""
    pairs = _pairs(words)
    known = discover(client)
    wanted: list[tuple[Resource, str, str]] = []
    for word, name in pairs:
        resource = next((each.resource for each in known if each.matches(word)), None)
        if resource is None:
            raise UsageError(f'the server doesn\'t have a resource type "{word}"')
        wanted.append((resource, name, namespace if resource.namespaced else ""))
    found: list[Obj] = []
    failures: list[str] = []
    for (resource, _, _), answer in zip(wanted, client.get_many(wanted), strict=True):
        if isinstance(answer, KubeError):
            failures.append(answer.message)
        else:
            answer.setdefault("kind", resource.kind)
            found.append(answer)
    if failures:
        text = failures[0] if len(failures) == 1 else f"[{', '.join(dict.fromkeys(failures))}]"
        raise NotFound(f"x: {text}")
    return found


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """(resource word, name) of each object."""
    if not words:
        raise UsageError(USAGE)
    if any("/" in word for word in words):
        if not all("/" in word for word in words):
            raise UsageError(_MIXED)
        pairs = []
        for word in words:
            resource, _, name = word.partition("/")
            if "/" in name:
                raise UsageError("arguments in resource/name form may not have more than one slash")
            if not resource or not name:
                raise UsageError("arguments in resource/name form must have a single resource and name")
            pairs.append((resource, name))
        return pairs
    if len(words) == 1:
        raise UsageError("resource(s) were provided, but no name was specified")
    return [(word, name) for word in words[0].split(",") for name in words[1:]]


def by_kind(client: Client, api_version: str, kind: str, name: str, namespace: str) -> Obj:
    """The object of an API version and kind, in any case of letters; it keeps `kind` as it was given.

    Raises PyfluxError.
    """
    try:
        resource = _resource(client, api_version, kind)
        found = client.get(resource, name, namespace if resource.namespaced else "")
    except KubeError as error:
        raise PyfluxError(f"failed to find object: {error.message}", hint=error.hint) from None
    found["kind"] = kind
    return found


def _resource(client: Client, api_version: str, kind: str) -> Resource:
    try:
        return client.resource_for(api_version, kind)
    except NoMatch as unknown:
        try:
            names = _names(api_version, loads(client.raw("GET", _path(api_version)).body))
        except NotFound:
            raise unknown from None
        for each in names:
            if kind.lower() == each.resource.kind.lower():
                return each.resource
        raise
