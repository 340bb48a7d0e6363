"""What a HelmRelease manages: the objects of the manifest that Helm stored, and the CRDs of its chart."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING

from pyflux.catalog import kinds
from pyflux.catalog.resources import Resource, built_in
from pyflux.errors import KubeError, NotFound, PyfluxError
from pyflux.verbs.tree import Node

if TYPE_CHECKING:
    from typing import Any

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
_GZIP = b"\x1f\x8b\x08"
_LARGEST = 64 * 1024 * 1024
"""Bytes that a stored release may take when unpacked."""


def inventory(client: Client, release: Node) -> list[Node]:
    """The objects of a release; none for one that is not installed, or is installed in another cluster."""
    obj = client.get(kinds.HELM_RELEASE.resource, release.name, release.namespace)
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    history = status.get("history") or []
    if spec.get("kubeConfig") or not history or not status.get("storageNamespace"):
        return []
    latest = _latest(history)
    who = f"{release.namespace}/{release.name}"
    stored = _storage(
        client, who, f"sh.helm.release.v1.{latest['name']}.v{latest['version']}", status["storageNamespace"]
    )
    if stored is None:
        return []
    found = [
        _node(client, each, str(latest.get("namespace", ""))) for each in _objects(str(stored.get("manifest", "")), who)
    ]
    return found + _definitions(client, release, spec, found)


def _latest(history: list[Obj]) -> Obj:
    """The newest snapshot: the one with the highest version."""
    return max(history, key=lambda each: int(each.get("version") or 0))


def _storage(client: Client, who: str, name: str, namespace: str) -> Obj | None:
    secrets = built_in("v1", "Secret")
    assert secrets is not None
    try:
        secret = client.get(secrets, name, namespace)
    except NotFound:
        return None
    except KubeError as error:
        raise PyfluxError(
            f"failed to find the Helm storage object for HelmRelease '{who}': {error.message}", hint=error.hint
        ) from None
    broken = f"failed to decode the Helm storage object for HelmRelease '{who}'"
    text = (secret.get("data") or {}).get("release")
    if text is None:
        raise PyfluxError(broken)
    try:
        # the API's own base64 around Helm's
        data = base64.b64decode(base64.b64decode(text))
        if data[:3] == _GZIP:
            unpacker = zlib.decompressobj(wbits=31)
            data = unpacker.decompress(data, _LARGEST)
            if unpacker.unconsumed_tail:
                raise PyfluxError(f"{broken}: it is larger than {_LARGEST} bytes")
        found: Obj = json.loads(data)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise PyfluxError(f"{broken}: {error}") from None
    return found


def _objects(manifest: str, who: str) -> list[Obj]:
    from pyflux.ui.yamlin import load_all

    try:
        documents = load_all(manifest)
    except PyfluxError as error:
        raise PyfluxError(f"failed to read the Helm storage object for HelmRelease '{who}': {error.message}") from None
    found: list[Obj] = []
    for document in documents:
        if not isinstance(document, dict):
            continue
        if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            found += [item for item in document["items"] if isinstance(item, dict)]
        elif document.get("kind") and document.get("apiVersion"):
            found.append(document)
    return found


def _node(client: Client, obj: Obj, release_namespace: str) -> Node:
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    meta = obj.get("metadata") or {}
    namespace = str(meta.get("namespace") or "")
    if not namespace and _is_namespaced(client, api_version, kind):
        namespace = release_namespace
    return Node(kind, api_version.rpartition("/")[0], namespace, str(meta.get("name", "")))


def _is_namespaced(client: Client, api_version: str, kind: str) -> bool:
    try:
        return client.resource_for(api_version, kind).namespaced
    except NotFound:
        return False


def _definitions(client: Client, release: Node, spec: Obj, found: list[Node]) -> list[Node]:
    """CRDs that the release looks after beside its manifest, where it is told to."""
    policies = ((spec.get(action) or {}).get("crds") for action in ("install", "upgrade"))
    if not any(policy and policy != "Skip" for policy in policies):
        return []
    labels = f"{kinds.HELM}/name={release.name},{kinds.HELM}/namespace={release.namespace}"
    try:
        items = client.list(_CRDS, labels=labels).items
    except KubeError:
        return []
    known = {each.name for each in found if each.kind == _CRDS.kind}
    names = [str(item["metadata"]["name"]) for item in items]
    return [Node(_CRDS.kind, _CRDS.group, "", name) for name in names if name not in known]
