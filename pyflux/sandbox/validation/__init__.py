"""Validation of built-in kinds: the mistakes people make, in the API server's words."""

from __future__ import annotations

from pyflux.sandbox.registry import Kind
from pyflux.sandbox.status import Cause, Obj
from pyflux.sandbox.validation import core, pods, rbac, workloads

_ROWS = {
    "/configmaps": core.config_map,
    "/secrets": core.secret,
    "/services": core.service,
    "/persistentvolumeclaims": core.claim,
    "/pods": pods.pod,
    "apps/deployments": workloads.deployment,
    "apps/replicasets": workloads.replica_set,
    "apps/statefulsets": workloads.stateful_set,
    "apps/daemonsets": workloads.daemon_set,
    "batch/jobs": workloads.job,
    "batch/cronjobs": workloads.cron_job,
    "networking.k8s.io/ingresses": core.ingress,
    "networking.k8s.io/networkpolicies": core.network_policy,
    "policy/poddisruptionbudgets": workloads.disruption_budget,
    "autoscaling/horizontalpodautoscalers": workloads.autoscaler,
    "rbac.authorization.k8s.io/roles": rbac.role,
    "rbac.authorization.k8s.io/clusterroles": rbac.cluster_role,
    "rbac.authorization.k8s.io/rolebindings": rbac.role_binding,
    "rbac.authorization.k8s.io/clusterrolebindings": rbac.cluster_role_binding,
}
_UPDATES = {
    "/configmaps": core.config_map_update,
    "/secrets": core.secret_update,
    "/services": core.service_update,
    "/persistentvolumeclaims": core.claim_update,
    "/pods": pods.pod_update,
    "apps/deployments": workloads.selector_update,
    "apps/replicasets": workloads.selector_update,
    "apps/daemonsets": workloads.selector_update,
    "apps/statefulsets": workloads.stateful_set_update,
    "batch/jobs": workloads.job_update,
    "rbac.authorization.k8s.io/rolebindings": rbac.role_reference_update,
    "rbac.authorization.k8s.io/clusterrolebindings": rbac.role_reference_update,
    "storage.k8s.io/storageclasses": core.storage_class_update,
}


def validate(kind: Kind, obj: Obj) -> list[Cause]:
    """Errors of a new or changed object."""
    row = _ROWS.get(kind.resource)
    return row(obj) if row is not None else []


def validate_update(kind: Kind, obj: Obj, old: Obj) -> list[Cause]:
    """Errors of what changed."""
    row = _UPDATES.get(kind.resource)
    return row(obj, old) if row is not None else []
