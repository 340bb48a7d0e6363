"""Drift: what in the cluster is no longer as the release's manifest says, and putting it right."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.controllers.helm.jsonpatch import compare
from pyflux.controllers.helm.owning import marked
from pyflux.controllers.helm.work import MANAGER
from pyflux.controllers.kustomize.ignorerules import IgnoreRules
from pyflux.controllers.kustomize.normalize import normalize
from pyflux.controllers.kustomize.objects import id_of
from pyflux.controllers.kustomize.objects import marked as is_marked
from pyflux.errors import KubeError, NotFound
from pyflux.ui.yamlin import load_all

if TYPE_CHECKING:
    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

DISABLED = "helm.toolkit.fluxcd.io/driftDetection"
CREATE, UPDATE, EXCLUDE = "create", "update", "exclude"


class Drifted(NamedTuple):
    """One object that is not as it should be, or is left out of the comparison."""

    kind: str
    obj: Obj
    resource: Resource
    patch: list[Obj]

    @property
    def name(self) -> str:
        return id_of(self.obj).subject

    def __str__(self) -> str:
        if self.kind == CREATE:
            return f"{self.name} removed"
        if self.kind == EXCLUDE:
            return f"{self.name} excluded"
        count = [sum(1 for step in self.patch if step["op"] == op) for op in ("add", "replace", "remove")]
        return f"{self.name} changed ({count[0]} additions, {count[1]} changes, {count[2]} removals)"


def objects_of(manifest: str) -> list[Obj]:
    """The objects of a stored manifest."""
    return [obj for obj in load_all(manifest, strict=False) if isinstance(obj, dict) and obj.get("kind")]


def find(client: Client, release: Obj, rules: list[Obj]) -> tuple[list[Drifted], list[str]]:
    """The differences between a stored release and the cluster, and what kept objects from being compared."""
    owner = (str(release.get("namespace", "")), str(release.get("name", "")))
    found: list[Drifted] = []
    errors: list[str] = []
    for obj in objects_of(release.get("manifest", "")):
        try:
            one = _compare(client, obj, owner, IgnoreRules(rules))
        except KubeError as why:
            errors.append(f"{id_of(obj).subject} dry-run failed: {why}")
            continue
        if one is not None:
            found.append(one)
    return found, errors


def _compare(client: Client, obj: Obj, owner: tuple[str, str], rules: IgnoreRules) -> Drifted | None:
    resource = client.resource_for(obj["apiVersion"], obj["kind"])
    wanted = marked(obj, resource, owner)
    normalize(wanted)
    paths = rules.paths(wanted)
    if "" in paths or is_marked(wanted, DISABLED, "disabled"):
        return Drifted(EXCLUDE, wanted, resource, [])
    metadata = wanted["metadata"]
    try:
        existing = client.get(resource, metadata["name"], metadata.get("namespace", ""))
    except NotFound:
        return Drifted(CREATE, wanted, resource, [])
    if is_marked(existing, DISABLED, "disabled"):
        return Drifted(EXCLUDE, wanted, resource, [])
    after = client.apply(wanted, dry_run=True, force=True, field_manager=MANAGER, resource=resource)
    if paths:
        existing, after = rules.without(existing, paths), rules.without(after, paths)
    patch = [step for step in compare(_notes(existing), _notes(after)) if step["op"] != "remove"]
    patch += compare(_payload(existing), _payload(after))
    return Drifted(UPDATE, wanted, resource, patch) if patch else None


def _notes(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    return {"metadata": {key: metadata[key] for key in ("annotations", "labels") if metadata.get(key)}}


def _payload(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def correct(client: Client, drifted: list[Drifted]) -> tuple[list[str], list[str]]:
    """Creates and changes objects; what was done, and what failed."""
    done: list[str] = []
    errors: list[str] = []
    for kind, verb, failure in ((CREATE, "created", "creation"), (UPDATE, "configured", "patch")):
        some = [one for one in drifted if one.kind == kind]
        for one in sorted(some, key=lambda one: id_of(one.obj).order):
            metadata = one.obj["metadata"]
            try:
                if kind == CREATE:
                    client.create(one.resource, copy.deepcopy(one.obj), field_manager=MANAGER)
                else:
                    client.patch(
                        one.resource,
                        metadata["name"],
                        metadata.get("namespace", ""),
                        one.patch,
                        type="json",
                        field_manager=MANAGER,
                    )
            except KubeError as why:
                text = str(why).rpartition(":")[2].strip() if one.obj["kind"] == "Secret" else str(why)
                errors.append(f"{one.name} {failure} failure: {text}")
                continue
            done.append(f"{one.name} {verb}")
    return done, errors
