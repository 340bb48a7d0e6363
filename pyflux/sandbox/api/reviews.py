"""Access and identity reviews: objects that are answered and not stored."""

from __future__ import annotations

from collections.abc import Callable

from pyflux.sandbox import rbac
from pyflux.sandbox.api.http import User
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.status import Obj

Review = Callable[[Engine, User, Obj], Obj]


def _wanted(spec: Obj) -> rbac.Attributes:
    if spec.get("nonResourceAttributes"):
        held = spec["nonResourceAttributes"]
        return rbac.Attributes(held.get("verb", ""), path=held.get("path", "/"))
    held = spec.get("resourceAttributes") or {}
    return rbac.Attributes(
        held.get("verb", ""), held.get("group", ""), held.get("resource", ""), held.get("subresource", ""),
        held.get("namespace", ""), held.get("name", ""),
    )  # fmt: skip


def _decide(engine: Engine, user: User, obj: Obj) -> Obj:
    why = rbac.reason(engine, user, _wanted(obj.get("spec") or {}))
    status: Obj = {"allowed": why is not None}
    if why:
        status["reason"] = why
    return {**obj, "status": status}


def self_subject_access(engine: Engine, user: User, obj: Obj) -> Obj:
    """May I?"""
    return _decide(engine, user, obj)


def subject_access(engine: Engine, user: User, obj: Obj) -> Obj:
    """May they?"""
    spec = obj.get("spec") or {}
    them = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
    return _decide(engine, them, obj)


def self_subject_rules(engine: Engine, user: User, obj: Obj) -> Obj:
    """What may I?"""
    resources, others = [], []
    if "system:masters" in user.groups:
        resources.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        others.append({"verbs": ["*"], "nonResourceURLs": ["*"]})
    for rule in rbac.rules_for(engine, user, (obj.get("spec") or {}).get("namespace", "")):
        if rule.get("nonResourceURLs"):
            others.append({k: rule[k] for k in ("verbs", "nonResourceURLs") if rule.get(k)})
        else:
            keys = ("verbs", "apiGroups", "resources", "resourceNames")
            resources.append({k: rule[k] for k in keys if rule.get(k)})
    return {**obj, "status": {"resourceRules": resources, "nonResourceRules": others, "incomplete": False}}


def _user_info(user: User) -> Obj:
    out: Obj = {"username": user.name}
    if user.uid:
        out["uid"] = user.uid
    if user.groups:
        out["groups"] = list(user.groups)
    if user.extra:
        out["extra"] = {k: list(v) for k, v in user.extra}
    return out


def self_subject(engine: Engine, user: User, obj: Obj) -> Obj:
    """Who am I?"""
    meta = {**(obj.get("metadata") or {}), "creationTimestamp": now()}
    return {**obj, "metadata": meta, "status": {"userInfo": _user_info(user)}}


def token_review(engine: Engine, user: User, obj: Obj) -> Obj:
    """Whose token is it?"""
    from pyflux.sandbox.api.auth import _service_account

    found = _service_account(engine, (obj.get("spec") or {}).get("token", ""))
    if found is None:
        return {**obj, "status": {"user": {}, "error": "invalid bearer token"}}
    return {**obj, "status": {"authenticated": True, "user": _user_info(found)}}


# (group, plural) to kind, namespaced and the function that answers.
REVIEWS: dict[tuple[str, str], tuple[str, bool, Review]] = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): ("SelfSubjectAccessReview", False, self_subject_access),
    ("authorization.k8s.io", "subjectaccessreviews"): ("SubjectAccessReview", False, subject_access),
    ("authorization.k8s.io", "localsubjectaccessreviews"): ("LocalSubjectAccessReview", True, subject_access),
    ("authorization.k8s.io", "selfsubjectrulesreviews"): ("SelfSubjectRulesReview", False, self_subject_rules),
    ("authentication.k8s.io", "selfsubjectreviews"): ("SelfSubjectReview", False, self_subject),
    ("authentication.k8s.io", "tokenreviews"): ("TokenReview", False, token_review),
}
