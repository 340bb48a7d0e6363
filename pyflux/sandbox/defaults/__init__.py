"""The defaults that the API server writes into built-in kinds.

`apply_defaults(type, obj)` changes the object in place; types without a row have none.
"""

from __future__ import annotations

from pyflux.sandbox.defaults import core, pods, workloads
from pyflux.sandbox.status import Obj

_ROWS = {
    "core.v1.Pod": pods.pod,
    "core.v1.PodTemplate": pods.pod_template,
    "core.v1.ReplicationController": workloads.replication_controller,
    "core.v1.Service": core.service,
    "core.v1.Secret": core.secret,
    "core.v1.Namespace": core.namespace,
    "core.v1.PersistentVolume": core.persistent_volume,
    "core.v1.PersistentVolumeClaim": core.persistent_volume_claim,
    "core.v1.Endpoints": core.endpoints,
    "core.v1.LimitRange": core.limit_range,
    "core.v1.Node": core.node,
    "apps.v1.Deployment": workloads.deployment,
    "apps.v1.ReplicaSet": workloads.replica_set,
    "apps.v1.StatefulSet": workloads.stateful_set,
    "apps.v1.DaemonSet": workloads.daemon_set,
    "batch.v1.Job": workloads.job,
    "batch.v1.CronJob": workloads.cron_job,
    "autoscaling.v2.HorizontalPodAutoscaler": workloads.autoscaler,
    "autoscaling.v1.HorizontalPodAutoscaler": workloads.autoscaler_v1,
    "networking.v1.NetworkPolicy": core.network_policy,
    "networking.v1.Ingress": core.ingress,
    "networking.v1.IngressClass": core.ingress_class,
    "rbac.v1.RoleBinding": core.role_binding,
    "rbac.v1.ClusterRoleBinding": core.role_binding,
    "storage.v1.StorageClass": core.storage_class,
    "storage.v1.CSIDriver": core.csi_driver,
    "discovery.v1.EndpointSlice": core.endpoint_slice,
    "scheduling.v1.PriorityClass": core.priority_class,
    "admissionregistration.v1.ValidatingWebhookConfiguration": core.webhooks,
    "admissionregistration.v1.MutatingWebhookConfiguration": core.mutating_webhooks,
    "admissionregistration.v1.ValidatingAdmissionPolicy": core.admission_policy,
    "admissionregistration.v1.ValidatingAdmissionPolicyBinding": core.admission_binding,
    "apiregistration.v1.APIService": core.api_service,
    "apiextensions.v1.CustomResourceDefinition": core.definition,
}


def apply_defaults(name: str, obj: Obj) -> None:
    """Writes the defaults of a type (`apps.v1.Deployment`) into a decoded object."""
    row = _ROWS.get(name)
    if row is not None:
        row(obj)
