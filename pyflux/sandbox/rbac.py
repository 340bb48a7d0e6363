"""Authorization by Roles, ClusterRoles and their bindings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyflux.sandbox.selectors import match_selector
from pyflux.sandbox.status import ApiError, Obj, Qualified

if TYPE_CHECKING:
    from pyflux.sandbox.api.http import User
    from pyflux.sandbox.engine import Engine

_R = "rbac.authorization.k8s.io/"


@dataclass(frozen=True)
class Attributes:
    """What is asked for. `path` is set for non-resource requests only."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`deployments/scale`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allowed(engine: Engine, user: User, wanted: Attributes) -> bool:
    """Whether some rule grants the request."""
    return reason(engine, user, wanted) is not None


def reason(engine: Engine, user: User, wanted: Attributes) -> str | None:
    """Why the request is granted, in the server's words; None when it is not."""
    if "system:masters" in user.groups:
        return ""
    for rule, source in _granted(engine, user, wanted.namespace):
        if rule_allows(rule, wanted):
            return f"RBAC: allowed by {source}"
    return None


def rules_for(engine: Engine, user: User, namespace: str) -> Iterator[Obj]:
    """All rules that bind the user, cluster-wide and in the namespace."""
    for rule, _ in _granted(engine, user, namespace):
        yield rule


def _granted(engine: Engine, user: User, namespace: str) -> Iterator[tuple[Obj, str]]:
    for plural, kind, space in (
        ("clusterrolebindings", "ClusterRoleBinding", ""),
        ("rolebindings", "RoleBinding", namespace),
    ):
        if plural == "rolebindings" and not namespace:
            return
        for record in engine.store.table(_R + plural).select(space or None):
            binding = record.load()
            subject = next((s for s in binding.get("subjects") or [] if _is(user, s, space)), None)
            if subject is None:
                continue
            reference = binding.get("roleRef") or {}
            name = f"{record.name}/{space}" if space else record.name
            source = f'{kind} "{name}" of {reference.get("kind")} "{reference.get("name")}" to {_shown(subject, space)}'
            for rule in _role_rules(engine, reference, space):
                yield rule, source


def _shown(subject: Obj, namespace: str) -> str:
    name = subject.get("name")
    if subject.get("kind") == "ServiceAccount":
        name = f"{name}/{subject.get('namespace') or namespace}"
    return f'{subject.get("kind")} "{name}"'


def _is(user: User, subject: Obj, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "User":
        return user.name == name
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return False


def _role_rules(engine: Engine, reference: Obj, namespace: str) -> list[Obj]:
    if reference.get("kind") == "Role":
        found = engine.find(_R + "roles", namespace, reference.get("name", ""))
        return (found or {}).get("rules") or []
    found = engine.find(_R + "clusterroles", "", reference.get("name", ""))
    if found is None:
        return []
    aggregation = found.get("aggregationRule")
    if not aggregation:
        return found.get("rules") or []
    rules = list(found.get("rules") or [])
    for record in engine.store.table(_R + "clusterroles").select(None):
        if any(match_selector(s, record.labels) for s in aggregation.get("clusterRoleSelectors") or []):
            rules += record.load().get("rules") or []
    return rules


def rule_allows(rule: Obj, wanted: Attributes) -> bool:
    """Whether one rule grants the request."""
    verbs = rule.get("verbs") or []
    if "*" not in verbs and wanted.verb not in verbs:
        return False
    if wanted.path:
        return any(
            u in ("*", wanted.path) or (u.endswith("*") and wanted.path.startswith(u[:-1]))
            for u in rule.get("nonResourceURLs") or []
        )
    groups = rule.get("apiGroups") or []
    if "*" not in groups and wanted.group not in groups:
        return False
    resources = rule.get("resources") or []
    if not any(
        r == "*" or r == wanted.full_resource or (wanted.subresource and r == f"*/{wanted.subresource}")
        for r in resources
    ):
        return False
    names = rule.get("resourceNames") or []
    return not names or wanted.name in names


def refusal(user: User, wanted: Attributes) -> ApiError:
    """403 in the server's words."""
    who = f'User "{user.name}"'
    if wanted.path:
        return ApiError(403, f'forbidden: {who} cannot {wanted.verb} path "{wanted.path}"', details={})
    api = f'API group "{wanted.group}"'
    text = f'{who} cannot {wanted.verb} resource "{wanted.full_resource}" in {api}'
    text += f' in the namespace "{wanted.namespace}"' if wanted.namespace else " at the cluster scope"
    resource = Qualified(wanted.group, wanted.resource)
    head = f'{resource} "{wanted.name}" is forbidden: ' if wanted.name else f"{resource} is forbidden: "
    details: Obj = {}
    if wanted.name:
        details["name"] = wanted.name
    if wanted.group:
        details["group"] = wanted.group
    details["kind"] = wanted.resource
    return ApiError(403, head + text, details=details)
