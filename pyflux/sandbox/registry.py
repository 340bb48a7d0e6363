"""The kinds that the API server has: built-in ones as rows, custom ones added by their definitions."""

# ruff: noqa: E501 - a row a kind
from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pyflux.sandbox.schema.builtin import object_schema
from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.status import Obj, Qualified

# group/version | Kind | plural | short names | scope and flags | categories | type table
# Flags: N namespaced, C cluster-wide; s status, S scale subresource; g counts generations; d a delete answers
# with the object; c a PUT may create; r an update must name its resourceVersion; x no deletecollection;
# o the one generation is the first (metadata.generation is never raised again).
_ROWS = """
v1 ConfigMap configmaps cm N - core.v1
v1 Endpoints endpoints ep Nc - core.v1
v1 Event events ev Nc - core.v1
v1 LimitRange limitranges limits Nc - core.v1
v1 Namespace namespaces ns Csdx - core.v1
v1 Node nodes no Cs - core.v1
v1 PersistentVolumeClaim persistentvolumeclaims pvc Nsd - core.v1
v1 PersistentVolume persistentvolumes pv Csd - core.v1
v1 Pod pods po Nsdg all core.v1
v1 PodTemplate podtemplates - Ndg - core.v1
v1 ReplicationController replicationcontrollers rc NsSg all core.v1
v1 ResourceQuota resourcequotas quota Nsd - core.v1
v1 Secret secrets - N - core.v1
v1 ServiceAccount serviceaccounts sa Nd - core.v1
v1 Service services svc Nsdc all core.v1
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations - Cgr api-extensions admissionregistration.v1
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy validatingadmissionpolicies - Csgr api-extensions admissionregistration.v1
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings - Cgr api-extensions admissionregistration.v1
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations - Cgr api-extensions admissionregistration.v1
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd,crds Csgr api-extensions apiextensions.v1
apiregistration.k8s.io/v1 APIService apiservices - Csr api-extensions apiregistration.v1
apps/v1 ControllerRevision controllerrevisions - N - apps.v1
apps/v1 DaemonSet daemonsets ds Nsg all apps.v1
apps/v1 Deployment deployments deploy NsSg all apps.v1
apps/v1 ReplicaSet replicasets rs NsSg all apps.v1
apps/v1 StatefulSet statefulsets sts NsSg all apps.v1
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers hpa Ns all autoscaling.v2
autoscaling/v1 HorizontalPodAutoscaler horizontalpodautoscalers hpa Ns all autoscaling.v1
batch/v1 CronJob cronjobs cj Nsg all batch.v1
batch/v1 Job jobs - Nsg all batch.v1
coordination.k8s.io/v1 Lease leases - Ncr - coordination.v1
discovery.k8s.io/v1 EndpointSlice endpointslices - Ng - discovery.v1
events.k8s.io/v1 Event events ev Nc - events.v1
flowcontrol.apiserver.k8s.io/v1 FlowSchema flowschemas - Csg - flowcontrol.v1
flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration prioritylevelconfigurations - Csg - flowcontrol.v1
networking.k8s.io/v1 IngressClass ingressclasses - Cg - networking.v1
networking.k8s.io/v1 Ingress ingresses ing Nsg - networking.v1
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol Ng - networking.v1
node.k8s.io/v1 RuntimeClass runtimeclasses - Ccr - node.v1
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb Nsgr - policy.v1
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings - Cc - rbac.v1
rbac.authorization.k8s.io/v1 ClusterRole clusterroles - Cc - rbac.v1
rbac.authorization.k8s.io/v1 RoleBinding rolebindings - Nc - rbac.v1
rbac.authorization.k8s.io/v1 Role roles - Nc - rbac.v1
scheduling.k8s.io/v1 PriorityClass priorityclasses pc Co - scheduling.v1
storage.k8s.io/v1 CSIDriver csidrivers - Cdr - storage.v1
storage.k8s.io/v1 CSINode csinodes - Cdr - storage.v1
storage.k8s.io/v1 StorageClass storageclasses sc Cd - storage.v1
storage.k8s.io/v1 VolumeAttachment volumeattachments - Csdr - storage.v1
"""

# Versions that share another one's storage: (group, version, plural) to the key of the table.
_SHARED = {
    ("events.k8s.io", "v1", "events"): "/events",
    ("autoscaling", "v1", "horizontalpodautoscalers"): "autoscaling/horizontalpodautoscalers",
}

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


@dataclass(eq=False)
class Kind:
    """One resource in one version. `resource` is the key of its table in the store."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    flags: str = ""
    table: str = ""
    resource: str = ""
    has_status: bool = False
    has_scale: bool = False
    list_kind: str = ""
    custom: Any = None
    """The CustomVersion of a custom resource, else None."""
    scale: Obj = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> Qualified:
        """The resource as error messages name it."""
        return Qualified(self.group, self.plural)

    @property
    def qualified_kind(self) -> Qualified:
        """The kind as validation messages name it: an Event by the group that it was first in."""
        return Qualified("" if self.group == "events.k8s.io" else self.group, self.kind)

    @cached_property
    def schema(self) -> Schema:
        """The type of the whole object."""
        if self.custom is not None:
            made: Schema = self.custom.schema
            return made
        return object_schema(f"{self.table}.{self.kind}")

    @property
    def prefix(self) -> bytes:
        """The start of an object's JSON, before its stored bytes."""
        return f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()

    @property
    def bare_items(self) -> bool:
        """Built-in lists leave apiVersion and kind out of their items; custom ones don't."""
        return self.custom is None


class Registry:
    """Finds kinds by path or by group, version and kind."""

    def __init__(self) -> None:
        self.by_path: dict[tuple[str, str, str], Kind] = {}
        self.generation = 0
        self._indexed = self._grouped = -1
        self._groups: dict[str, dict[str, list[Kind]]] = {}
        self._by_resource: dict[str, Kind] = {}
        for row in _ROWS.strip().splitlines():
            self.add(_builtin(row))

    def add(self, kind: Kind) -> None:
        """Serves a kind."""
        self.by_path[(kind.group, kind.version, kind.plural)] = kind
        self.generation += 1

    def remove_custom(self, group: str, plural: str) -> None:
        """Stops serving all versions of a custom resource."""
        for key in [k for k, v in self.by_path.items() if k[0] == group and k[2] == plural and v.custom]:
            del self.by_path[key]
        self.generation += 1

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind a path, or None."""
        return self.by_path.get((group, version, plural))

    def by_kind(self, group: str, version: str, kind: str) -> Kind | None:
        """The kind of a group, version and kind, or None."""
        for found in self.by_path.values():
            if found.kind == kind and found.group == group and (not version or found.version == version):
                return found
        return None

    def by_resource(self, resource: str) -> Kind | None:
        """A kind that uses this table of the store: the first one served."""
        if self._indexed != self.generation:
            self._indexed = self.generation
            self._by_resource = {}
            for found in self.by_path.values():
                self._by_resource.setdefault(found.resource, found)
        return self._by_resource.get(resource)

    def kinds(self) -> list[Kind]:
        """All served kinds."""
        return list(self.by_path.values())

    def groups(self) -> dict[str, dict[str, list[Kind]]]:
        """group to version to kinds; not to be changed."""
        if self._grouped != self.generation:
            self._grouped = self.generation
            self._groups = {}
            for kind in self.by_path.values():
                self._groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
        return self._groups


def _builtin(row: str) -> Kind:
    gv, name, plural, short, flags, categories, table = row.split()
    group, _, version = gv.rpartition("/")
    return Kind(
        group=group,
        version=version,
        kind=name,
        plural=plural,
        singular=name.lower(),
        short=() if short == "-" else tuple(short.split(",")),
        categories=() if categories == "-" else tuple(categories.split(",")),
        namespaced=flags[0] == "N",
        flags=flags,
        table=table,
        resource=_SHARED.get((group, version, plural), f"{group}/{plural}"),
        has_status="s" in flags,
        has_scale="S" in flags,
        list_kind=name + "List",
    )
