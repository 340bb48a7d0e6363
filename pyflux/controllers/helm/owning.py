"""Makes room for a release: objects that are there already become Helm's, as helm-controller has it by default.

helm-controller tells Helm to take ownership and to force conflicts of server-side apply. Helm's SDK does neither for
us, so both are done right before: existing objects get Helm's marks, and fields that the release sets are taken out of
what other managers own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm.work import MANAGER
from pyflux.errors import Conflict, KubeError, NoMatch, NotFound

if TYPE_CHECKING:
    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]
    Place = tuple[Resource, str, str]
    """Kind, name and namespace of an object."""

MANAGED_BY = "app.kubernetes.io/managed-by"
RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"


def make_room(client: Client, objects: list[Obj], release: tuple[str, str], *, adopt: bool) -> None:
    """Prepares the existing ones of a release's objects. `release` is its namespace and name.

    `adopt` allows to take objects that are not the release's. Raises KubeError.
    """
    found = places(client, objects, release)
    for (obj, (resource, *_)), existing in zip(found, client.get_many([place for _, place in found]), strict=True):
        if isinstance(existing, NotFound):
            continue
        if isinstance(existing, KubeError):
            raise existing
        if not _is_released(existing, release):
            if not adopt:
                continue
            existing = _mark(client, resource, existing, release)
        _release_fields(client, resource, marked(obj, resource, release), existing)


def places(client: Client, objects: list[Obj], release: tuple[str, str]) -> list[tuple[Obj, Place]]:
    """A release's objects with where they are in the cluster; without those of kinds that it does not have."""
    found: list[tuple[Obj, Place]] = []
    for obj in objects:
        try:
            resource = client.resource_for(obj["apiVersion"], obj["kind"])
        except NoMatch:
            # Helm says so in its own words
            continue
        found.append((obj, (resource, obj["metadata"].get("name", ""), _namespace(obj, resource, release))))
    return found


def absent(client: Client, objects: list[Obj], release: tuple[str, str]) -> list[Place]:
    """Where those of a release's objects go that are not there. Raises KubeError."""
    all_places = [place for _, place in places(client, objects, release)]
    answers = client.get_many(all_places)
    return [place for place, answer in zip(all_places, answers, strict=True) if isinstance(answer, NotFound)]


def are_there(client: Client, wanted: list[Place]) -> bool:
    """Whether any of the objects is there, or cannot be asked for."""
    return any(not isinstance(answer, NotFound) for answer in client.get_many(wanted))


def delete(client: Client, wanted: list[Place], propagation: str = "background") -> None:
    """Deletes objects; one that is gone is fine. Raises KubeError."""
    for resource, name, namespace in wanted:
        try:
            client.delete(resource, name, namespace, propagation=propagation.capitalize())
        except NotFound:
            continue


def is_kept(obj: Obj) -> bool:
    """Whether a chart wants an object to outlive its release."""
    notes = obj["metadata"].get("annotations") or {}
    return str(notes.get("helm.sh/resource-policy") or "").strip().lower() == "keep"


def _namespace(obj: Obj, resource: Resource, release: tuple[str, str]) -> str:
    return (obj["metadata"].get("namespace") or release[0]) if resource.namespaced else ""


def _is_released(obj: Obj, release: tuple[str, str]) -> bool:
    metadata = obj["metadata"]
    notes = metadata.get("annotations") or {}
    return (
        (metadata.get("labels") or {}).get(MANAGED_BY) == "Helm"
        and notes.get(RELEASE_NAMESPACE) == release[0]
        and notes.get(RELEASE_NAME) == release[1]
    )


def _mark(client: Client, resource: Resource, obj: Obj, release: tuple[str, str]) -> Obj:
    metadata = obj["metadata"]
    body = {"metadata": _marks(release)}
    return client.patch(resource, metadata["name"], metadata.get("namespace", ""), body, field_manager=MANAGER)


def _marks(release: tuple[str, str]) -> Obj:
    return {
        "labels": {MANAGED_BY: "Helm"},
        "annotations": {RELEASE_NAME: release[1], RELEASE_NAMESPACE: release[0]},
    }


def marked(obj: Obj, resource: Resource, release: tuple[str, str]) -> Obj:
    """The object as Helm applies it: with its marks and its namespace."""
    metadata = dict(obj["metadata"])
    for field, values in _marks(release).items():
        metadata[field] = {**(metadata.get(field) or {}), **values}
    namespace = _namespace(obj, resource, release)
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    return {**obj, "metadata": metadata}


def _release_fields(client: Client, resource: Resource, wanted: Obj, existing: Obj) -> None:
    """Where the object would conflict, takes its fields from the other managers."""
    try:
        client.apply(wanted, dry_run=True, field_manager=MANAGER, resource=resource)
        return
    except Conflict:
        pass
    except KubeError:
        # refused for another reason: Helm will be told the same
        return
    metadata = existing["metadata"]
    patch = [{"op": "replace", "path": "/metadata/managedFields", "value": taken_over(existing, wanted)}]
    client.patch(resource, metadata["name"], metadata.get("namespace", ""), patch, type="json", field_manager=MANAGER)


def taken_over(existing: Obj, wanted: Obj) -> list[Obj]:
    """The managed fields of an object with those that `wanted` sets in our hands."""
    entries: list[Obj] = []
    ours: Obj = {
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": wanted["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
    }
    for entry in existing["metadata"].get("managedFields") or []:
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            ours = {**entry, "fieldsV1": union(ours["fieldsV1"], entry.get("fieldsV1") or {})}
            continue
        left, taken = split(entry.get("fieldsV1") or {}, wanted)
        if left:
            entries.append({**entry, "fieldsV1": left})
        ours["fieldsV1"] = union(ours["fieldsV1"], taken)
    return [*entries, ours]


def split(fields: Obj, wanted: Any) -> tuple[Obj, Obj]:
    """Owned fields: those that `wanted` does not set, and those that it does."""
    left: Obj = {}
    taken: Obj = {}
    for key, below in fields.items():
        found, value = _follow(key, wanted)
        if key == "." or not found:
            left[key] = below
        elif not below:
            taken[key] = below
        else:
            rest, part = split(below, value)
            if rest:
                left[key] = rest
            if part:
                taken[key] = part
    # a holder without anything in it is not worth owning
    return left if any(key != "." for key in left) else {}, taken


def union(one: Obj, other: Obj) -> Obj:
    """Two trees of field names as one."""
    result = dict(one)
    for key, value in other.items():
        result[key] = union(result[key], value) if key in result else value
    return result


def _follow(key: str, wanted: Any) -> tuple[bool, Any]:
    """What `wanted` has at one step of managed fields."""
    kind, _, text = key.partition(":")
    if kind == "f":
        return (text in wanted, wanted.get(text)) if isinstance(wanted, dict) else (False, None)
    if not isinstance(wanted, list):
        return False, None
    if kind == "v":
        value = json.loads(text)
        return value in wanted, None
    if kind == "k":
        keys = json.loads(text)
        for item in wanted:
            if isinstance(item, dict) and all(item.get(name) == value for name, value in keys.items()):
                return True, item
    return False, None
