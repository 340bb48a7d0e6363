"""Identities of applied objects: how they are named in messages, kept in the inventory, and put in order."""

from __future__ import annotations

from typing import Any, NamedTuple

Obj = dict[str, Any]

GROUP = "kustomize.toolkit.fluxcd.io"
OWNER_NAME = f"{GROUP}/name"
OWNER_NAMESPACE = f"{GROUP}/namespace"

_RBAC = "rbac.authorization.k8s.io"
_COLON = "__"
_FIRST = (
    *("CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterClass", "RuntimeClass", "PriorityClass"),
    *("StorageClass", "VolumeSnapshotClass", "IngressClass", "GatewayClass", "ClusterRoleBinding", "ResourceQuota"),
    *("ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Secret", "Service", "LimitRange", "Deployment"),
    *("StatefulSet", "CronJob", "PodDisruptionBudget"),
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_PLACE = {kind: index - len(_FIRST) for index, kind in enumerate(_FIRST)} | {
    kind: index + 1 for index, kind in enumerate(_LAST)
}


class ObjectId(NamedTuple):
    """An object's place in a cluster, without the API version."""

    namespace: str
    name: str
    group: str
    kind: str

    def __str__(self) -> str:
        """The inventory's form: namespace_name_group_Kind."""
        name = self.name.replace(":", _COLON) if self.group == _RBAC else self.name
        return f"{self.namespace}_{name}_{self.group}_{self.kind}"

    @property
    def subject(self) -> str:
        """The form of messages: Kind/namespace/name."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """Sorts what others need before what needs it."""
        return _PLACE.get(self.kind, 0), self.group, self.kind, self.namespace, self.name


class Entry(NamedTuple):
    """An object in an inventory."""

    id: ObjectId
    version: str

    @property
    def api_version(self) -> str:
        return f"{self.id.group}/{self.version}" if self.id.group else self.version


def id_of(obj: Obj) -> ObjectId:
    """An object's identity."""
    metadata = obj["metadata"]
    group = obj["apiVersion"].rpartition("/")[0]
    return ObjectId(metadata.get("namespace") or "", metadata["name"], group, obj["kind"])


def version_of(obj: Obj) -> str:
    return str(obj["apiVersion"].rpartition("/")[2])


def parse_id(text: str) -> ObjectId | None:
    """An identity from its inventory form; None for text that is none."""
    namespace, found, rest = text.partition("_")
    parts = rest.rsplit("_", 2)
    if not found or len(parts) != 3:
        return None
    name, group, kind = parts
    return ObjectId(namespace, name.replace(_COLON, ":"), group, kind)


def inventory_of(status: Obj) -> list[Entry]:
    """The entries of `status.inventory`, in their order."""
    entries = (status.get("inventory") or {}).get("entries") or []
    found = []
    for entry in entries:
        identity = parse_id(str(entry.get("id") or ""))
        if identity is not None:
            found.append(Entry(identity, str(entry.get("v") or "")))
    return found


def inventory(entries: list[Entry]) -> Obj:
    """`status.inventory` for entries."""
    return {"entries": [{"id": str(entry.id), "v": entry.version} for entry in entries]}


def marked(obj: Obj | None, key: str, value: str) -> bool:
    """True when a label or annotation of the object has the value, in upper or lower case."""
    metadata = (obj or {}).get("metadata") or {}
    return any(
        str((metadata.get(field) or {}).get(key) or "").lower() == value.lower() for field in ("labels", "annotations")
    )


def is_definition(obj: Obj) -> bool:
    """True for what other objects may need before they can be created: CRDs, namespaces, cluster roles."""
    kind, version = obj["kind"], obj["apiVersion"]
    return bool(
        (kind == "CustomResourceDefinition" and version.startswith("apiextensions.k8s.io/"))
        or (kind == "Namespace" and version == "v1")
        or (kind == "ClusterRole" and version.startswith(_RBAC + "/"))
    )


def is_class(obj: Obj) -> bool:
    """True for classes that other objects name: StorageClass, IngressClass, …"""
    return str(obj["kind"]).endswith("Class")
