"""`pyflux events`: what the controllers told the cluster about Flux objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyflux.catalog import columns, kinds
from pyflux.catalog.gotime import age, parse
from pyflux.catalog.resources import Resource
from pyflux.errors import KubeError, PyfluxError, UsageError
from pyflux.kube import connect
from pyflux.ui.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_EVENTS = Resource("", "v1", "events", "Event")
_HEADER = ["Last seen", "Type", "Reason", "Object", "Message"]
_CHUNK = 500
# kind: (field that refers to another object, kind of that object where the field does not say, other namespaces?)
_REFERS = {
    "Kustomization": (("spec", "sourceRef"), "", True),
    "HelmRelease": (("spec", "chart", "spec", "sourceRef"), "", True),
    "Alert": (("spec", "providerRef"), "Provider", False),
    "ImagePolicy": (("spec", "imageRepositoryRef"), "ImageRepository", True),
    "HelmChart": (("spec", "sourceRef"), "", True),
}
_KNOWN = {kind.name.lower(): kind for kind in kinds.KINDS if kind is not kinds.EXTERNAL_ARTIFACT}


class Query(NamedTuple):
    """Events to ask for: of a namespace ("" for all), of a kind, of a name; empty for any."""

    namespace: str
    kind: str = ""
    name: str = ""

    @property
    def fields(self) -> str:
        terms = [f"involvedObject.kind={self.kind}"] if self.kind else []
        return ",".join([*terms, f"involvedObject.name={self.name}"] if self.name else terms)


def run(env: Env, call: Call) -> None:
    """`events`."""
    types = [text.lower() for text in call.strings("types")]
    for given in call.strings("types"):
        if given.lower() not in ("normal", "warning"):
            raise UsageError(f"type '{given}' not supported. Supported types are Normal, Warning")
    client = connect(env)
    everywhere = call.bool("all-namespaces")
    namespace = "" if everywhere else env.kube.namespace
    queries = _queries(env, client, call.str("for"), namespace)
    show_namespace = everywhere or any(query.namespace != namespace for query in queries)
    if call.bool("watch"):
        from pyflux.verbs.events_watch import watch

        watch(env, client, queries, types, show_namespace)
        return
    found: list[Obj] = []
    for query in queries:
        try:
            found += client.list(_EVENTS, query.namespace, fields=query.fields, chunk=_CHUNK).items
        except KubeError as error:
            raise PyfluxError(f"error getting events: {error.message}", hint=error.hint) from None
    rows = [row(env, event, show_namespace) for event in sorted(found, key=_moment) if wanted(event, types)]
    if not rows:
        env.log.failure("No events found." if everywhere else f"No events found in {namespace} namespace.")
        return
    env.write(table(header(show_namespace), rows))


def header(show_namespace: bool) -> list[str]:
    return ["Namespace", *_HEADER] if show_namespace else _HEADER


def _queries(env: Env, client: Client, selector: str, namespace: str) -> list[Query]:
    """The object's events first, then those of the objects it refers to. Raises UsageError, PyfluxError."""
    if not selector:
        return [Query(namespace)]
    word, name = selector.split("/") if selector.count("/") == 1 else (selector, "")
    if not word:
        word, name = name, ""
    if not word:
        raise UsageError("--for selector must be of format <kind>[/<name>]")
    kind = _KNOWN.get(word.lower()) or _by_other_name(word)
    if kind is None:
        raise UsageError(f"'{word}' is not a recognized Flux kind")
    queries = [Query(namespace, kind.name, name)]
    if name:
        queries += _referred(client, kind, name, env.kube.namespace)
    return queries


def _by_other_name(word: str) -> Kind | None:
    """Also takes the names that kubectl takes: "ks/podinfo"."""
    kind = kinds.by_word(word)
    return None if kind is kinds.EXTERNAL_ARTIFACT else kind


def _referred(client: Client, kind: Kind, name: str, namespace: str) -> list[Query]:
    path, fixed, crosses = _REFERS.get(kind.name, ((), "", False))
    if not path:
        return []
    obj = client.get(kind.resource, name, namespace)
    if kind is kinds.HELM_RELEASE and (obj.get("spec") or {}).get("chartRef"):
        path = ("spec", "chartRef")
    ref: Any = obj
    for part in path:
        ref = (ref or {}).get(part)
    ref = ref or {}
    for field in ("name",) if fixed else ("kind", "name"):
        if not ref.get(field):
            raise PyfluxError(f"field '{'.'.join((*path, field))}' for '{namespace}/{name}' not found")
    where = str(ref.get("namespace") or namespace) if crosses else namespace
    found = [Query(where, fixed or str(ref["kind"]), str(ref["name"]))]
    if kind is kinds.HELM_RELEASE and path[-1] != "chartRef":
        found.append(Query(where, "HelmChart", f"{namespace}-{name}"))
    return found


def wanted(event: Obj, types: Sequence[str]) -> bool:
    """True for events about Flux objects, of `types` (lower case) where given."""
    about = str((event.get("involvedObject") or {}).get("kind", "")).lower()
    return about in _KNOWN and (not types or str(event.get("type", "")).lower() in types)


def _moment(event: Obj) -> float:
    series = event.get("series") or {}
    text = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or ""
    return parse(str(text)) or 0.0


def row(env: Env, event: Obj, show_namespace: bool) -> list[str]:
    about = event.get("involvedObject") or {}
    cells = [
        _last_seen(env, event),
        str(event.get("type", "")),
        str(event.get("reason", "")),
        f"{about.get('kind', '')}/{about.get('name', '')}",
        str(event.get("message", "")),
    ]
    return [columns.namespace(event), *cells] if show_namespace else cells


def _last_seen(env: Env, event: Obj) -> str:
    first = _since(env, event.get("eventTime") or event.get("firstTimestamp"))
    series = event.get("series")
    if series:
        return f"{_since(env, series.get('lastObservedTime'))} (x{series.get('count', 0)} over {first})"
    count = int(event.get("count") or 0)
    if count > 1:
        return f"{_since(env, event.get('lastTimestamp'))} (x{count} over {first})"
    return first


def _since(env: Env, text: object) -> str:
    moment = parse(str(text or ""))
    return "<unknown>" if moment is None else age(env.now() - moment)
