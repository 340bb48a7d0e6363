"""The release actions: install and upgrade."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.core import go_duration
from pyflux.controllers.helm import crds, healthy, owning, snapshot, spec, storage
from pyflux.controllers.helm.altered import apply_method, replacing
from pyflux.controllers.helm.request import RELEASED, REMEDIATED, TESTED
from pyflux.controllers.helm.work import MANAGER, HelmFailed, whole_seconds
from pyflux.controllers.kustomize.objects import Entry, id_of, inventory, version_of
from pyflux.errors import KubeError, NoMatch
from pyflux.render.helm import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.controllers.helm.request import Request
    from pyflux.controllers.helm.storage import Stored

    Obj = dict[str, Any]

SUCCEEDED = {spec.INSTALL: "InstallSucceeded", spec.UPGRADE: "UpgradeSucceeded"}
FAILED = {spec.INSTALL: "InstallFailed", spec.UPGRADE: "UpgradeFailed"}
PENDING_TESTS = "Helm release {} with chart {} is awaiting tests"


def success_message(action: str, snap: Obj | None) -> str:
    return f"Helm {action} succeeded for release {snapshot.full_name(snap)} with chart {snapshot.chart(snap)}"


def perform(request: Request, action: str) -> None:
    """Installs or upgrades, and notes how it went. Raises HelmFailed, KubeError where nothing came into storage."""
    obj, status = request.obj, request.status
    status["lastAttemptedReleaseAction"] = action
    if action == spec.INSTALL:
        status.pop("history", None)
    conditions.remove(obj, TESTED, REMEDIATED)
    before = {one.version: one.raw for one in request.stored()}
    started = time.monotonic()
    failure: HelmFailed | KubeError | None = None
    definitions: list[Obj] = []
    try:
        _run(request, action, max(before, default=0), definitions)
    except (HelmFailed, KubeError) as why:
        failure = why
    status["lastAttemptedReleaseActionDuration"] = go_duration(round(time.monotonic() - started, 9))
    changed = [one for one in reversed(request.stored()) if before.get(one.version) != one.raw]
    _record(request, action, changed, definitions)
    if failure is None:
        _success(request, action)
        request.summarize()
        return
    _failure(request, action, failure)
    if changed:
        spec.remediation(obj, action).count_failure(obj)
    request.summarize()
    if not changed:
        raise failure


def _run(request: Request, action: str, last: int, definitions: list[Obj]) -> None:
    """Brings the release into the cluster; `definitions` is filled with the chart's CRDs."""
    obj, helm, given = request.obj, request.helm, spec.section(request.obj, action)
    limit = spec.timeout(obj, action)
    labels = origin_labels(obj)
    loaded = helm.call("load", path=request.chart_path, values=request.values)
    definitions += crds.parse(loaded["crds"])
    crds.apply(request.client, definitions, given.get("crds") or crds.CREATE, labels, request.sleep)
    if action == spec.INSTALL and obj["spec"].get("targetNamespace") and given.get("createNamespace"):
        _create_namespace(request)
    values = _kept_values(request) if action == spec.UPGRADE and given.get("preserveValues") else request.values
    made = helm.call(
        "render",
        values=values,
        name=request.name,
        namespace=request.namespace,
        revision=last + 1,
        upgrade=action == spec.UPGRADE,
        check_schema=not given.get("disableSchemaValidation"),
        version=request.chart["version"],
        changes=changes(request, given),
    )
    adopt = not given.get("disableTakeOwnership")
    # Helm's SDK installs into the namespace of its storage; what is elsewhere is put right afterwards
    moves = action == spec.INSTALL and request.is_elsewhere
    owner = request.status["storageNamespace"] if moves else request.namespace
    owning.make_room(request.client, made["objects"], (owner, request.name), adopt=adopt)
    options: Obj = {
        "name": request.name,
        "values": values,
        "timeout": whole_seconds(limit),
        "wait": spec.wait_strategy(obj, action),
    }
    if action == spec.UPGRADE:
        options["max_history"] = spec.max_history(obj)
        options["reset_values"] = True
        options["cleanup_on_fail"] = bool(given.get("cleanupOnFail"))
    deadline = time.monotonic() + limit
    try:
        with _as_asked(request, action, last):
            helm.call(action, limit, **options)
    finally:
        if moves:
            _move(request, made["objects"])
    healthy.wait(request, action, made["objects"], deadline)


@contextmanager
def _as_asked(request: Request, action: str, last: int) -> Iterator[None]:
    """What the spec wants of Helm beyond the options of its SDK."""
    if action == spec.UPGRADE:
        with apply_method(request, action, last):
            yield
    elif spec.section(request.obj, action).get("replace"):
        with replacing(request):
            yield
    else:
        yield


def _move(request: Request, objects: list[Obj]) -> None:
    """Makes a release one of its own namespace: in Helm's storage, and in the marks of its objects."""
    found = request.stored()
    if not found or found[-1].release.get("namespace") == request.namespace:
        return
    owner = (request.namespace, request.name)
    for obj in objects:
        resource = request.client.resource_for(obj["apiVersion"], obj["kind"])
        marked = owning.marked(obj, resource, owner)
        place = (resource, marked["metadata"]["name"], marked["metadata"].get("namespace", ""))
        if not isinstance(request.client.get_many([place])[0], KubeError):
            request.client.apply(marked, force=True, field_manager=MANAGER, resource=resource)
    storage.rewrite(request.client, found[-1], {**found[-1].release, "namespace": request.namespace})


def origin_labels(obj: Obj) -> dict[str, str]:
    """The labels that say which HelmRelease an object comes from."""
    metadata = obj["metadata"]
    return {f"{GROUP}/name": metadata["name"], f"{GROUP}/namespace": metadata["namespace"]}


def changes(request: Request, given: Obj) -> Obj:
    """What is done to the rendered objects: the fields of `rendered.Changes`."""
    obj = request.obj
    common = spec.section(obj, "commonMetadata")
    return {
        "labels": origin_labels(obj),
        "common_labels": common.get("labels") or {},
        "common_annotations": common.get("annotations") or {},
        "post_renderers": obj["spec"].get("postRenderers") or [],
        "hooks_too": obj["spec"].get("postRenderStrategy") != "nohooks",
        "hooks_apart": obj["spec"].get("postRenderStrategy") == "separate",
        "without_hooks": bool(given.get("disableHooks")),
        # Helm's SDK puts objects into the namespace of its storage
        "namespace": request.namespace if request.is_elsewhere else "",
    }


def _create_namespace(request: Request) -> None:
    from pyflux.errors import AlreadyExists

    name = request.namespace
    resource = request.client.resource_for("v1", "Namespace")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"name": name}}}
    try:
        request.client.create(resource, body, field_manager="helm-controller")
    except AlreadyExists:
        pass


def _kept_values(request: Request) -> Obj:
    """The values of the release as it is, under those of the spec."""
    import json

    from pyflux.render.values import merge

    found = [one for one in request.stored() if one.status == storage.DEPLOYED]
    kept = json.loads(storage.go_json(found[-1].release.get("config") or {})) if found else {}
    return merge(kept, request.values)


def _record(request: Request, action: str, changed: list[Stored], definitions: list[Obj]) -> None:
    """Notes changed revisions, the newest first, in history and inventory."""
    if not changed:
        return
    oci_digest = request.status.get("lastAttemptedRevisionDigest", "")
    snapshot.prepend(request.obj, snapshot.take(changed[0], action, oci_digest))
    for one in changed[1:]:
        if snapshot.replace(request.obj, one, ""):
            break
    note_inventory(request, changed[0], definitions)


def note_inventory(request: Request, stored: Stored, definitions: list[Obj]) -> None:
    """`status.inventory` of a stored release and the chart's CRDs."""
    from pyflux.controllers.helm.drift import objects_of

    entries: list[Entry] = []
    namespace = str(stored.release.get("namespace") or "")
    for obj in objects_of(stored.release.get("manifest", "")):
        if not obj["metadata"].get("namespace"):
            try:
                if request.client.resource_for(obj["apiVersion"], obj["kind"]).namespaced:
                    obj["metadata"]["namespace"] = namespace
            except (NoMatch, KubeError) as why:
                text = f"failed to determine if {obj['kind']} is namespace scoped, skipping namespace: {why}"
                request.event("Warning", "NamespaceCheckSkipped", text)
        entries.append(Entry(id_of(obj), version_of(obj)))
    entries += [Entry(id_of(obj), version_of(obj)) for obj in definitions]
    request.status["inventory"] = inventory(entries)


def _failure(request: Request, action: str, why: HelmFailed | KubeError) -> None:
    message = (
        f"Helm {action} failed for release {request.namespace}/{request.name}"
        f" with chart {request.chart_subject}: {why.message.strip()}"
    )
    request.count_failure()
    conditions.put(request.obj, RELEASED, "False", FAILED[action], message)
    request.event("Warning", FAILED[action], message, request.notes_of_attempt())
    request.log(message)


def _success(request: Request, action: str) -> None:
    obj = request.obj
    current = snapshot.latest(obj) or {}
    message = success_message(action, current)
    conditions.put(obj, RELEASED, "True", SUCCEEDED[action], message)
    if spec.section(obj, "test").get("enable") and not snapshot.is_tested(current):
        text = PENDING_TESTS.format(snapshot.full_name(current), snapshot.chart(current))
        conditions.put(obj, TESTED, "Unknown", "AwaitingTests", text)
    if spec.retry_of(obj, action) is not None:
        request.clear_failures()
    request.event("Normal", SUCCEEDED[action], message, request.notes_of(current))
    request.log(message)
