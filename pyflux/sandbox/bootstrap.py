"""The objects that every cluster has: namespaces, roles, priority classes, the API's own Service."""

from __future__ import annotations

import copy

from pyflux.sandbox.engine import Engine
from pyflux.sandbox.options import Options
from pyflux.sandbox.status import Obj

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_NOTE = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_R = "rbac.authorization.k8s.io"


def _role(name: str, rules: list[Obj], labels: dict[str, str] | None = None, select: list[str] | None = None) -> Obj:
    obj: Obj = {
        "apiVersion": f"{_R}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {**_LABEL, **(labels or {})}, "annotations": dict(_NOTE)},
        "rules": rules,
    }
    if select:
        obj["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {s: "true"}} for s in select]}
    return obj


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Obj:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _binding(name: str, role: str, subjects: list[Obj]) -> Obj:
    return {
        "apiVersion": f"{_R}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": dict(_LABEL), "annotations": dict(_NOTE)},
        "roleRef": {"apiGroup": _R, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


def _group(name: str) -> Obj:
    return {"apiGroup": _R, "kind": "Group", "name": name}


def _to(role: str) -> str:
    return f"rbac.authorization.k8s.io/aggregate-to-{role}"


_CORE_VIEW = ["configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods",
              "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services",
              "services/status", "bindings", "events", "limitranges", "namespaces/status", "pods/log",
              "pods/status", "replicationcontrollers/status", "resourcequotas", "resourcequotas/status",
              "namespaces"]  # fmt: skip
_APPS = ["controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
         "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
         "statefulsets/scale", "statefulsets/status"]  # fmt: skip
_OTHERS = [
    (["autoscaling"], ["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
    (["batch"], ["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
    (["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"]),
    (["networking.k8s.io"], ["ingresses", "ingresses/status", "networkpolicies"]),
    (["discovery.k8s.io"], ["endpointslices"]),
]
_CORE_EDIT = ["configmaps", "events", "persistentvolumeclaims", "replicationcontrollers",
              "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy",
              "pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "pods/eviction",
              "endpoints"]  # fmt: skip


def _roles() -> list[Obj]:
    everything: Obj = _rule(["*"], ["*"], ["*"])
    view = [_rule([""], _CORE_VIEW, _READ), _rule(["apps"], _APPS, _READ)]
    view += [_rule(groups, resources, _READ) for groups, resources in _OTHERS]
    edit = [
        _rule([""], ["secrets", "services/proxy", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], _READ),
        _rule([""], ["serviceaccounts"], ["impersonate"]),
        _rule([""], _CORE_EDIT, _WRITE),
        _rule([""], ["serviceaccounts/token"], ["create"]),
        _rule(["apps"], [r for r in _APPS if not r.endswith("/status") and r != "controllerrevisions"], _WRITE),
        _rule(["coordination.k8s.io"], ["leases"], _READ + _WRITE),
    ]
    edit += [_rule(g, [r for r in rs if not r.endswith("/status")], _WRITE) for g, rs in _OTHERS]
    admin = [
        _rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
        _rule([_R], ["roles", "rolebindings"], _READ + _WRITE),
    ]
    paths = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ]
    reviews = _rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"])
    return [
        _role("cluster-admin", [everything, {"nonResourceURLs": ["*"], "verbs": ["*"]}]),
        _role("admin", [], select=[_to("admin")]),
        _role("edit", [], {_to("admin"): "true"}, [_to("edit")]),
        _role("view", [], {_to("edit"): "true"}, [_to("view")]),
        _role("system:aggregate-to-admin", admin + edit + view, {_to("admin"): "true"}),
        _role("system:aggregate-to-edit", edit + view, {_to("edit"): "true"}),
        _role("system:aggregate-to-view", view, {_to("view"): "true"}),
        _role("system:discovery", [{"nonResourceURLs": paths, "verbs": ["get"]}]),
        _role(
            "system:public-info-viewer",
            [{"nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"]}],
        ),
        _role("system:basic-user", [reviews, _rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"])]),
    ]


def _bindings() -> list[Obj]:
    signed_in = [_group("system:authenticated")]
    return [
        _binding("cluster-admin", "cluster-admin", [_group("system:masters")]),
        _binding("system:discovery", "system:discovery", signed_in),
        _binding("system:basic-user", "system:basic-user", signed_in),
        _binding(
            "system:public-info-viewer", "system:public-info-viewer", [*signed_in, _group("system:unauthenticated")]
        ),
    ]


def _priorities() -> list[Obj]:
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": text,
        }
        for name, value, text in (
            (
                "system-node-critical",
                2000001000,
                "Used for system critical pods that must not be moved from their current node.",
            ),
            (
                "system-cluster-critical",
                2000000000,
                "Used for system critical pods that must run in the cluster, but can be moved to another node.",
            ),
        )
    ]


def _api_service(port: int) -> Obj:
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"ports": ports, "clusterIP": "10.96.0.1", "type": "ClusterIP", "sessionAffinity": "None"},
    }


def make_defaults(engine: Engine, port: int) -> None:
    """Creates what is missing of the default objects."""
    options = Options(manager="kube-apiserver")
    rows: list[tuple[str, Obj]] = [
        ("", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}}) for n in NAMESPACES
    ]
    rows += [("", obj) for obj in (*_roles(), *_bindings(), *_priorities())]
    rows.append(("default", _api_service(port)))
    for namespace, obj in rows:
        group, _, version = obj["apiVersion"].rpartition("/")
        kind = engine.registry.by_kind(group, version, obj["kind"])
        assert kind is not None
        if engine.store.get(kind.resource, namespace, obj["metadata"]["name"]) is None:
            engine.create(kind, namespace, copy.deepcopy(obj), copy.copy(options))
