"""`migrate` in the cluster: every Flux object is written once more, so that etcd holds its latest version."""

from __future__ import annotations

from typing import Any

from pyflux.catalog.resources import Resource
from pyflux.env import Env
from pyflux.errors import Conflict, KubeError, NotFound, PyfluxError
from pyflux.kube import connect
from pyflux.kube.client import Client
from pyflux.kube.installation import CRDS, PART_OF_FLUX

Obj = dict[str, Any]

_ATTEMPTS = 5


def migrate_cluster(env: Env) -> None:
    """Migrates the objects of all Flux CRDs, then says so in the CRDs' status. Raises KubeError, PyfluxError."""
    env.log.action("starting migration of custom resources")
    # flux's words for each step that failed
    steps = "the Kubernetes client initialization failed: kubernetes configuration load failed: "
    client = connect(env, failed=steps)
    try:
        crds = client.list(CRDS, labels=PART_OF_FLUX).items
    except KubeError as error:
        raise type(error)(f"failed to list CRDs: {error.message}", hint=error.hint) from error
    for crd in crds:
        _migrate_crd(env, client, crd)
    env.log.success("custom resources migrated successfully")


def storage_version(crd: Obj) -> str:
    """The version in which objects of `crd` are stored. Raises PyfluxError where there is none."""
    for version in crd["spec"]["versions"]:
        if version["storage"]:
            name: str = version["name"]
            return name
    raise PyfluxError(f"no storage version found for CRD {crd['metadata']['name']}")


def _migrate_crd(env: Env, client: Client, crd: Obj) -> None:
    name, version = crd["metadata"]["name"], storage_version(crd)
    names = crd["spec"]["names"]
    resource = Resource(
        crd["spec"]["group"], version, names["plural"], names["kind"], crd["spec"]["scope"] == "Namespaced"
    )
    for obj in client.list(resource, chunk=500).items:
        _migrate_object(env, client, resource, obj)
    stored = (crd.get("status") or {}).get("storedVersions") or []
    if stored != [version]:
        patch = {"status": {"storedVersions": [version]}}
        try:
            client.patch(CRDS, name, "", patch, subresource="status")
        except KubeError as error:
            raise type(error)(f"failed to update CRD {name} status: {error.message}", hint=error.hint) from error
        env.log.success(f"{name} migrated to storage version {version}")


def _migrate_object(env: Env, client: Client, resource: Resource, obj: Obj) -> None:
    meta = obj["metadata"]
    name, namespace = meta["name"], meta.get("namespace", "")
    subject = f"{resource.kind}/{namespace}/{name}"
    for attempt in range(_ATTEMPTS):
        patch = managed_fields_patch(obj, resource.api_version)
        try:
            if patch:
                client.patch(resource, name, namespace, patch, type="json")
            else:
                # nothing to change: the write alone stores the object in the new version
                client.patch(resource, name, namespace, {})
            break
        except NotFound:
            break
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
            env.sleep(0.01 * 5**attempt)
            obj = client.get(resource, name, namespace)
        except KubeError as error:
            raise type(error)(f"{subject} failed to migrate: {error.message}", hint=error.hint) from error
    env.log.success(f"{subject} migrated to version {resource.version}")


def managed_fields_patch(obj: Obj, api_version: str) -> list[Obj]:
    """JSON patch that moves field ownership recorded for older versions to `api_version`; empty for none.

    Old entries would make server-side apply fail as soon as the version is no longer served.
    """
    entries = obj["metadata"].get("managedFields") or []
    if all(entry.get("apiVersion") == api_version for entry in entries):
        return []
    moved = [{**entry, "apiVersion": api_version} for entry in entries]
    return [
        # the API server answers with a conflict when the object has changed since it was read
        {"op": "replace", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": moved},
    ]
