"""Validation of built-in kinds: the mistakes people make, in the API server's words."""

from __future__ import annotations

from pyflux.sandbox.registry import Kind
from pyflux.sandbox.status import Cause, Obj
from pyflux.sandbox.validation import (
    addons,
    batch,
    core,
    networking,
    pods,
    quotas,
    rbac,
    scaling,
    services,
    storage,
    workloads,
)

_ADMISSION = "admissionregistration.k8s.io"
_ROWS = {
    f"{_ADMISSION}/validatingwebhookconfigurations": addons.webhooks,
    f"{_ADMISSION}/mutatingwebhookconfigurations": addons.webhooks,
    f"{_ADMISSION}/validatingadmissionpolicies": addons.admission_policy,
    f"{_ADMISSION}/validatingadmissionpolicybindings": addons.admission_binding,
    "networking.k8s.io/ingressclasses": addons.ingress_class,
    "node.k8s.io/runtimeclasses": addons.runtime_class,
    "apiregistration.k8s.io/apiservices": addons.api_service,
    "/configmaps": core.config_map,
    "/secrets": core.secret,
    "/services": services.service,
    "/persistentvolumeclaims": storage.claim,
    "/persistentvolumes": storage.volume,
    "storage.k8s.io/storageclasses": storage.storage_class,
    "scheduling.k8s.io/priorityclasses": core.priority_class,
    "/resourcequotas": quotas.quota,
    "/limitranges": quotas.limit_range,
    "/pods": pods.pod,
    "apps/controllerrevisions": workloads.revision,
    "apps/deployments": workloads.deployment,
    "apps/replicasets": workloads.replica_set,
    "apps/statefulsets": workloads.stateful_set,
    "apps/daemonsets": workloads.daemon_set,
    "batch/jobs": batch.job,
    "batch/cronjobs": batch.cron_job,
    "networking.k8s.io/ingresses": networking.ingress,
    "networking.k8s.io/networkpolicies": networking.network_policy,
    "policy/poddisruptionbudgets": scaling.disruption_budget,
    "autoscaling/horizontalpodautoscalers": scaling.autoscaler,
    "rbac.authorization.k8s.io/roles": rbac.role,
    "rbac.authorization.k8s.io/clusterroles": rbac.cluster_role,
    "rbac.authorization.k8s.io/rolebindings": rbac.role_binding,
    "rbac.authorization.k8s.io/clusterrolebindings": rbac.cluster_role_binding,
}
_STATUS = {"/services": services.service_status}
_WARNINGS = {
    "/secrets": core.secret_warnings,
    "/services": services.service_warnings,
    "networking.k8s.io/ingresses": networking.ingress_warnings,
}
_UPDATES = {
    "networking.k8s.io/ingressclasses": addons.ingress_class_update,
    "node.k8s.io/runtimeclasses": addons.runtime_class_update,
    "/configmaps": core.config_map_update,
    "/secrets": core.secret_update,
    "/services": services.service_update,
    "/persistentvolumeclaims": storage.claim_update,
    "/persistentvolumes": storage.volume_update,
    "scheduling.k8s.io/priorityclasses": core.priority_class_update,
    "/pods": pods.pod_update,
    "apps/deployments": workloads.selector_update,
    "apps/replicasets": workloads.selector_update,
    "apps/daemonsets": workloads.selector_update,
    "apps/statefulsets": workloads.stateful_set_update,
    "batch/jobs": batch.job_update,
    "rbac.authorization.k8s.io/rolebindings": rbac.role_reference_update,
    "rbac.authorization.k8s.io/clusterrolebindings": rbac.role_reference_update,
    "storage.k8s.io/storageclasses": storage.storage_class_update,
}


def validate(kind: Kind, obj: Obj) -> list[Cause]:
    """Errors of a new or changed object."""
    row = _ROWS.get(kind.resource)
    return row(obj) if row is not None else []


def validate_new(kind: Kind, obj: Obj) -> list[Cause]:
    """Errors that only a new object can have."""
    if kind.resource != "/events":
        return []
    return addons.event(obj, obj["metadata"].get("namespace", ""), kind.group == "events.k8s.io")


def validate_update(kind: Kind, obj: Obj, old: Obj) -> list[Cause]:
    """Errors of what changed."""
    row = _UPDATES.get(kind.resource)
    return row(obj, old) if row is not None else []


def validate_status(kind: Kind, obj: Obj) -> list[Cause]:
    """Errors of a changed status."""
    row = _STATUS.get(kind.resource)
    return row(obj) if row is not None else []


def warnings(kind: Kind, obj: Obj) -> list[str]:
    """What the server warns of without refusing it."""
    row = _WARNINGS.get(kind.resource)
    return row(obj) if row is not None else []
