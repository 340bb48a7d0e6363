"""Why an object is not ready: the source or dependency at the end of the chain that holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyflux.catalog import columns, kinds
from pyflux.errors import KubeError, NotFound

if TYPE_CHECKING:
    from typing import Any

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

Key = tuple[str, str, str]
"""Kind, namespace, name."""


class Cause(NamedTuple):
    """What holds an object up: `who` as KIND/NAMESPACE/NAME, `why` in the words of its Ready condition."""

    who: str
    why: str


class Causes:
    """Finds causes; each object is read from the cluster once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._seen: dict[Key, Obj | None] = {}

    def of(self, obj: Obj) -> Cause | None:
        """The cause of `obj` not being ready; None where it is ready or where nothing else is to blame."""
        if columns.ready(obj) == "True":
            return None
        return self._below(obj, {_key(obj)})

    def _below(self, obj: Obj, visited: set[Key]) -> Cause | None:
        for key in _needs(obj):
            if key in visited:
                continue
            visited.add(key)
            found = self._read(key)
            who = "/".join(key)
            if found is None:
                return Cause(who, "not found")
            deeper = None if _is_fine(found) else self._below(found, visited)
            if deeper is not None:
                return deeper
            if columns.is_suspended(found) and not _is_fine(found):
                return Cause(who, f"suspended ({columns.short_message(found)})")
            if not _is_fine(found):
                return Cause(who, columns.short_message(found))
        return None

    def _read(self, key: Key) -> Obj | None:
        if key not in self._seen:
            kind, namespace, name = key
            try:
                self._seen[key] = self._client.get(kinds.kind(kind).resource, name, namespace)
            except (NotFound, KeyError):
                self._seen[key] = None
            except KubeError:
                # a hint must not become an error of its own: what cannot be read is taken as fine
                self._seen[key] = {"kind": kind, "metadata": {"name": name}, "unreadable": True}
        return self._seen[key]


def _is_fine(obj: Obj) -> bool:
    return "unreadable" in obj or columns.repository_ready(obj) == "True"


def _key(obj: Obj) -> Key:
    return obj["kind"], columns.namespace(obj), columns.name(obj)


def _needs(obj: Obj) -> list[Key]:
    """What an object waits for: its source, then the objects it depends on."""
    kind, namespace = obj["kind"], columns.namespace(obj)
    spec = obj.get("spec") or {}
    found: list[Key] = []
    chart = str((obj.get("status") or {}).get("helmChart") or "")
    if kind == "HelmRelease" and spec.get("chart") and chart.count("/") == 1:
        chart_namespace, chart_name = chart.split("/")
        found.append(("HelmChart", chart_namespace, chart_name))
    ref = columns.source_ref(obj)
    if ref and ref.get("name"):
        found.append((str(ref.get("kind", "")), str(ref.get("namespace") or namespace), str(ref["name"])))
    for entry in spec.get("dependsOn") or []:
        found.append((kind, str(entry.get("namespace") or namespace), str(entry.get("name", ""))))
    return found
