"""Validation of roles and bindings."""

from __future__ import annotations

from pyflux.sandbox.objectmeta import subdomain_errors
from pyflux.sandbox.status import Cause, Obj, invalid_value, not_supported, required
from pyflux.sandbox.validation.selecting import selector

_GROUP = "rbac.authorization.k8s.io"


def _rules(rules: list[Obj], path: str, namespaced: bool) -> list[Cause]:
    out: list[Cause] = []
    for i, rule in enumerate(rules or []):
        where = f"{path}[{i}]"
        if not rule.get("verbs"):
            out.append(required(f"{where}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            if namespaced:
                out.append(
                    invalid_value(
                        f"{where}.nonResourceURLs",
                        rule["nonResourceURLs"],
                        "namespaced rules cannot apply to non-resource URLs",
                    )
                )
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                text = "rules cannot apply to both regular resources and non-resource URLs"
                out.append(invalid_value(f"{where}.nonResourceURLs", rule["nonResourceURLs"], text))
            continue
        if not rule.get("apiGroups"):
            out.append(required(f"{where}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            out.append(required(f"{where}.resources", "resource rules must supply at least one resource"))
    return out


def role(obj: Obj) -> list[Cause]:
    """Errors of a Role."""
    return _rules(obj.get("rules") or [], "rules", True)


def cluster_role(obj: Obj) -> list[Cause]:
    """Errors of a ClusterRole."""
    out = _rules(obj.get("rules") or [], "rules", False)
    aggregation = obj.get("aggregationRule")
    if aggregation is None:
        return out
    path = "aggregationRule.clusterRoleSelectors"
    wanted = aggregation.get("clusterRoleSelectors") or []
    if not wanted:
        out.append(required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
    for i, item in enumerate(wanted):
        found = selector(item, f"{path}[{i}]")
        out += found
        if found:
            out.append(invalid_value(f"{path}[{i}]", None, "invalid label selector."))
    return out


def _binding(obj: Obj, kinds: list[str], namespaced: bool) -> list[Cause]:
    out: list[Cause] = []
    reference = obj.get("roleRef") or {}
    if reference.get("apiGroup") != _GROUP:
        out.append(not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), [_GROUP]))
    if reference.get("kind") not in kinds:
        out.append(not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    if not reference.get("name"):
        out.append(required("roleRef.name"))
    for i, subject in enumerate(obj.get("subjects") or []):
        where = f"subjects[{i}]"
        if not subject.get("name"):
            out.append(required(f"{where}.name"))
        kind = subject.get("kind")
        if kind == "ServiceAccount":
            name = subject.get("name", "")
            out += [invalid_value(f"{where}.name", name, e) for e in subdomain_errors(name) if name]
            if subject.get("apiGroup"):
                out.append(not_supported(f"{where}.apiGroup", subject["apiGroup"], [""]))
            if not subject.get("namespace") and not namespaced:
                out.append(required(f"{where}.namespace"))
        elif kind in ("User", "Group"):
            if subject.get("apiGroup") != _GROUP:
                out.append(not_supported(f"{where}.apiGroup", subject.get("apiGroup", ""), [_GROUP]))
        else:
            out.append(not_supported(f"{where}.kind", kind, ["ServiceAccount", "User", "Group"]))
    return out


def role_binding(obj: Obj) -> list[Cause]:
    """Errors of a RoleBinding."""
    return _binding(obj, ["Role", "ClusterRole"], True)


def cluster_role_binding(obj: Obj) -> list[Cause]:
    """Errors of a ClusterRoleBinding."""
    return _binding(obj, ["ClusterRole"], False)


def role_reference_update(obj: Obj, old: Obj) -> list[Cause]:
    """A binding's role never changes."""
    if obj.get("roleRef") == old.get("roleRef"):
        return []
    held = obj.get("roleRef") or {}
    shown = {"APIGroup": held.get("apiGroup", ""), "Kind": held.get("kind", ""), "Name": held.get("name", "")}
    return [invalid_value("roleRef", shown, "cannot change roleRef")]
