"""Validation of what a pod says about nodes: affinity, tolerations, spread."""

from __future__ import annotations

from pyflux.sandbox.objectmeta import label_value_errors, qualified_name_errors
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.selecting import selector

_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
_WHEN = ["DoNotSchedule", "ScheduleAnyway"]
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHT = "must be in the range 1-100"


def tolerations(items: list[Obj], path: str) -> list[Cause]:
    """Errors of a pod's tolerations."""
    out: list[Cause] = []
    for i, item in enumerate(items):
        where = f"{path}[{i}]"
        key, operator, value = item.get("key", ""), item.get("operator", ""), item.get("value", "")
        if key:
            out += [invalid_value(f"{where}.key", key, e) for e in qualified_name_errors(key)]
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            out.append(invalid_value(f"{where}.operator", operator, text))
        effect = item.get("effect", "")
        if item.get("tolerationSeconds") is not None and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            out.append(invalid_value(f"{where}.effect", effect, text))
        if operator in ("Equal", ""):
            errors = label_value_errors(value)
            if errors:
                out.append(invalid_value(f"{where}.operator", value, "; ".join(errors)))
        elif operator == "Exists":
            if value:
                text = "value must be empty when `operator` is 'Exists'"
                out.append(invalid_value(f"{where}.operator", value, text))
        else:
            out.append(not_supported(f"{where}.operator", operator, ["Equal", "Exists"]))
        if effect and effect not in _EFFECTS:
            out.append(not_supported(f"{where}.effect", effect, _EFFECTS))
    return out


def spread(items: list[Obj], path: str) -> list[Cause]:
    """Errors of topology spread constraints."""
    out: list[Cause] = []
    for i, item in enumerate(items):
        where = f"{path}[{i}]"
        skew = item.get("maxSkew", 0)
        if skew <= 0:
            out.append(invalid_value(f"{where}.maxSkew", skew, "must be greater than zero"))
        if not item.get("topologyKey"):
            out.append(required(f"{where}.topologyKey", "can not be empty"))
        if item.get("whenUnsatisfiable") not in _WHEN:
            out.append(not_supported(f"{where}.whenUnsatisfiable", item.get("whenUnsatisfiable", ""), _WHEN))
        out += selector(item.get("labelSelector"), f"{where}.labelSelector")
    return out


def affinity(held: Obj, path: str) -> list[Cause]:
    """Errors of a pod's affinity."""
    out: list[Cause] = []
    node = held.get("nodeAffinity") or {}
    where = f"{path}.nodeAffinity"
    if node.get(_REQUIRED) is not None:
        terms = node[_REQUIRED].get("nodeSelectorTerms") or []
        if not terms:
            text = "must have at least one node selector term"
            out.append(required(f"{where}.{_REQUIRED}.nodeSelectorTerms", text))
        for i, term in enumerate(terms):
            out += _node_term(term, f"{where}.{_REQUIRED}.nodeSelectorTerms[{i}]")
    for i, weighted in enumerate(node.get(_PREFERRED) or []):
        here = f"{where}.{_PREFERRED}[{i}]"
        out += _weight(weighted, here) + _node_term(weighted.get("preference") or {}, f"{here}.preference")
    for name in ("podAffinity", "podAntiAffinity"):
        pods = held.get(name) or {}
        for i, term in enumerate(pods.get(_REQUIRED) or []):
            out += _pod_term(term, f"{path}.{name}.{_REQUIRED}[{i}]")
        for i, weighted in enumerate(pods.get(_PREFERRED) or []):
            here = f"{path}.{name}.{_PREFERRED}[{i}]"
            out += _weight(weighted, here) + _pod_term(weighted.get("podAffinityTerm") or {}, f"{here}.podAffinityTerm")
    return out


def _weight(weighted: Obj, path: str) -> list[Cause]:
    value = weighted.get("weight", 0)
    return [] if 1 <= value <= 100 else [invalid_value(f"{path}.weight", value, _WEIGHT)]


def _pod_term(term: Obj, path: str) -> list[Cause]:
    out = selector(term.get("labelSelector"), f"{path}.labelSelector")
    key = term.get("topologyKey", "")
    if not key:
        out.append(required(f"{path}.topologyKey", "can not be empty"))
    return out + [invalid_value(f"{path}.topologyKey", key, e) for e in qualified_name_errors(key)]


def _node_term(term: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    for i, rule in enumerate(term.get("matchExpressions") or []):
        where = f"{path}.matchExpressions[{i}]"
        operator, values = rule.get("operator", ""), rule.get("values") or []
        if operator in ("In", "NotIn"):
            if not values:
                out.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                out.append(forbidden_field(f"{where}.values", text))
        elif operator in ("Gt", "Lt"):
            if len(values) != 1:
                text = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                out.append(required(f"{where}.values", text))
        else:
            out.append(invalid_value(f"{where}.operator", operator, "not a valid selector operator"))
        out += [
            invalid_value(f"{where}.key", rule.get("key", ""), e) for e in qualified_name_errors(rule.get("key", ""))
        ]
    return out
