"""Access rights, quota and network policies of a Flux release, shared by its components.

Names carry no namespace suffix and accounts are in flux-system, as in a release's files; `customize` changes
both.
"""

from __future__ import annotations

from typing import Any

from pyflux.catalog.components.release import COMPONENTS

DEFAULT_NAMESPACE = "flux-system"

_READ = ["get", "list", "watch"]
_WRITE = ["create", "update", "patch", "delete"]
_OWN_GROUPS = (
    "source.toolkit",
    "kustomize.toolkit",
    "helm.toolkit",
    "notification.toolkit",
    "image.toolkit",
    "source.extensions",
)
_USER_GROUPS = (
    "notification.toolkit",
    "source.toolkit",
    "source.extensions",
    "helm.toolkit",
    "image.toolkit",
    "kustomize.toolkit",
)


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _cluster_role(name: str, rules: list[dict[str, Any]], aggregate: tuple[str, ...] = ()) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if aggregate:
        metadata["labels"] = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in aggregate}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": rules,
    }


def _binding(name: str, role: str, accounts: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [
            {"kind": "ServiceAccount", "name": account, "namespace": DEFAULT_NAMESPACE} for account in accounts
        ],
    }


def _controller_rules() -> list[dict[str, Any]]:
    return [
        *(_rule([f"{group}.fluxcd.io"], ["*"], ["*"]) for group in _OWN_GROUPS),
        _rule([""], ["namespaces", "secrets", "configmaps", "serviceaccounts"], list(_READ)),
        _rule([""], ["events"], ["create", "patch"]),
        _rule([""], ["configmaps"], _READ + _WRITE),
        _rule([""], ["configmaps/status"], ["get", "update", "patch"]),
        _rule(["coordination.k8s.io"], ["leases"], _READ + _WRITE),
        _rule([""], ["serviceaccounts/token"], ["create"]),
        {"nonResourceURLs": ["/livez/ping"], "verbs": ["head"]},
    ]


def _quota() -> dict[str, Any]:
    critical = ["system-node-critical", "system-cluster-critical"]
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "critical-pods"},
        "spec": {
            "hard": {"pods": "1000"},
            "scopeSelector": {
                "matchExpressions": [{"operator": "In", "scopeName": "PriorityClass", "values": critical}]
            },
        },
    }


def rbac_objects() -> list[dict[str, Any]]:
    """Quota, roles and bindings, in the order of the release."""
    groups = [f"{group}.fluxcd.io" for group in _USER_GROUPS]
    edit = ["create", "delete", "deletecollection", "patch", "update"]
    first = ["kustomize-controller", "helm-controller"]
    names = [component.name for component in COMPONENTS]
    return [
        _quota(),
        _cluster_role("crd-controller", _controller_rules()),
        _cluster_role("flux-edit", [_rule(list(groups), ["*"], edit)], ("admin", "edit")),
        _cluster_role("flux-view", [_rule(list(groups), ["*"], list(_READ))], ("admin", "edit", "view")),
        _binding("cluster-reconciler", "cluster-admin", first),
        _binding("crd-controller", "crd-controller", first + [name for name in names if name not in first]),
    ]


def _policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def _from_all_namespaces(port: int, selector: dict[str, Any]) -> dict[str, Any]:
    return {
        "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": port, "protocol": "TCP"}]}],
        "podSelector": selector,
        "policyTypes": ["Ingress"],
    }


def network_policies() -> list[dict[str, Any]]:
    """Ingress only from the namespace itself, but for metrics and webhooks; egress to anywhere."""
    egress = {
        "egress": [{}],
        "ingress": [{"from": [{"podSelector": {}}]}],
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    receiver = {"matchLabels": {"app": "notification-controller"}}
    return [
        _policy("allow-egress", egress),
        _policy("allow-scraping", _from_all_namespaces(8080, {})),
        _policy("allow-webhooks", _from_all_namespaces(9292, receiver)),
    ]
