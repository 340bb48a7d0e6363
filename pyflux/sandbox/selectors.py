"""Label and field selectors: parsing and matching."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pyflux.sandbox.status import ApiError, Obj

Labels = dict[str, str]
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_NAME = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)\Z")
_TOKEN = re.compile(r"\s*(?:(!=|==|=|!|\(|\)|,|<|>)|([^\s,=!()<>]+))")


@dataclass(frozen=True)
class Requirement:
    """One clause of a label selector; `operator` is in, notin, exists, !, =, !=, gt or lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Whether the labels fulfil the clause."""
        have = labels.get(self.key)
        if self.operator == "exists":
            return have is not None
        if self.operator == "!":
            return have is None
        if self.operator in ("in", "="):
            return have is not None and have in self.values
        if self.operator in ("notin", "!="):
            return have is None or have not in self.values
        try:
            number, bound = int(have or ""), int(self.values[0])
        except ValueError:
            return False
        return number > bound if self.operator == "gt" else number < bound


_SIGNS = ("", "=", "==", "!=", ",", "(", ")", "<", ">")


def _bad(text: str) -> ApiError:
    return ApiError(400, f"unable to parse requirement: {text}")


def parse_labels(text: str) -> list[Requirement]:
    """Parses `a=b,c in (d,e),!f`; raises ApiError 400."""
    tokens: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            break
        tokens.append(match.group(1) or match.group(2))
        at = match.end()
    out: list[Requirement] = []
    i = 0
    while i < len(tokens):
        requirement, i = _clause(tokens, i)
        out.append(requirement)
        if i < len(tokens):
            if tokens[i] != ",":
                raise ApiError(400, f"found '{tokens[i]}', expected: ',' or 'end of string'")
            i += 1
            following = tokens[i] if i < len(tokens) else ""
            if following in _SIGNS:
                raise ApiError(400, f"found '{following}', expected: identifier after ','")
    return out


def _clause(tokens: list[str], i: int) -> tuple[Requirement, int]:
    if tokens[i] in _SIGNS:
        raise ApiError(400, f"found '{tokens[i]}', expected: !, identifier, or 'end of string'")
    if tokens[i] == "!":
        if i + 1 >= len(tokens):
            raise _bad("found '', expected: identifier")
        return Requirement(_key(tokens[i + 1]), "!"), i + 2
    key = _key(tokens[i])
    if i + 1 >= len(tokens) or tokens[i + 1] == ",":
        return Requirement(key, "exists"), i + 1
    operator = tokens[i + 1]
    if operator in ("in", "notin"):
        return _set_clause(key, operator, tokens, i + 2)
    if operator in ("=", "==", "!=", "<", ">"):
        value = tokens[i + 2] if i + 2 < len(tokens) and tokens[i + 2] != "," else ""
        name = {"==": "=", "<": "lt", ">": "gt"}.get(operator, operator)
        if name in ("=", "!="):
            _value(key, value)
        return Requirement(key, name, (value,)), i + (3 if value else 2)
    raise _bad(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _set_clause(key: str, operator: str, tokens: list[str], i: int) -> tuple[Requirement, int]:
    if i >= len(tokens) or tokens[i] != "(":
        raise _bad(f"found '{tokens[i] if i < len(tokens) else ''}' expected: '('")
    values = []
    i += 1
    while i < len(tokens) and tokens[i] != ")":
        if tokens[i] != ",":
            _value(key, tokens[i])
            values.append(tokens[i])
        i += 1
    if i >= len(tokens):
        raise _bad("found '', expected: ',', ')' or identifier")
    return Requirement(key, operator, tuple(values)), i + 1


LABEL_NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def _key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if slash and not _SUBDOMAIN.match(prefix):
        raise _bad(f'<nil>: Invalid value: "{text}": prefix part {SUBDOMAIN_RULE}')
    if not _NAME.match(name):
        raise ApiError(
            400,
            f'unable to parse requirement: <nil>: Invalid value: "{text}": {LABEL_NAME_RULE}',
        )
    return text


def _value(key: str, text: str) -> None:
    if text and not _NAME.match(text):
        raise ApiError(
            400, f'unable to parse requirement: values[0][{key}]: Invalid value: "{text}": {LABEL_VALUE_RULE}'
        )


def match_labels(requirements: list[Requirement], labels: Labels | None) -> bool:
    """Whether labels fulfil every clause."""
    have = labels or {}
    return all(r.matches(have) for r in requirements)


def match_selector(selector: Obj | None, labels: Labels | None) -> bool:
    """Whether labels fulfil a metav1.LabelSelector; an empty one matches everything."""
    have = labels or {}
    selector = selector or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        if have.get(key) != value:
            return False
    operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
    for e in selector.get("matchExpressions") or []:
        made = Requirement(e["key"], operators[e["operator"]], tuple(e.get("values") or ()))
        if not made.matches(have):
            return False
    return True


# Field selectors beyond metadata.name and metadata.namespace, and how an object answers them.
_INVOLVED = {f"involvedObject.{p}": ("involvedObject", p) for p in
             ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")}  # fmt: skip
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "/events": {**_INVOLVED, "reason": ("reason",), "reportingComponent": ("reportingComponent",),
                "source": ("source", "component"), "type": ("type",)},
    "/pods": {"spec.nodeName": ("spec", "nodeName"), "spec.restartPolicy": ("spec", "restartPolicy"),
              "spec.schedulerName": ("spec", "schedulerName"),
              "spec.serviceAccountName": ("spec", "serviceAccountName"),
              "spec.hostNetwork": ("spec", "hostNetwork"), "status.phase": ("status", "phase"),
              "status.podIP": ("status", "podIP"),
              "status.nominatedNodeName": ("status", "nominatedNodeName")},
    "/secrets": {"type": ("type",)},
    "/namespaces": {"status.phase": ("status", "phase")},
    "/nodes": {"spec.unschedulable": ("spec", "unschedulable")},
    "/services": {"spec.clusterIP": ("spec", "clusterIP"), "spec.type": ("spec", "type")},
    "/replicationcontrollers": {"status.replicas": ("status", "replicas")},
    "apps/replicasets": {"status.replicas": ("status", "replicas")},
    "batch/jobs": {"status.successful": ("status", "succeeded")},
}  # fmt: skip


def _at(obj: Obj, path: tuple[str, ...]) -> str:
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def parse_fields(
    text: str, resource: str, custom: dict[str, tuple[str, ...]] | None = None, selecting: bool = False
) -> list[tuple[tuple[str, ...], bool, str]]:
    """Parses `a.b=c,d!=e` into (path, equal, value); raises ApiError 400 for a field that cannot be selected.

    `custom` are the further fields of a custom resource, `selecting` says that one of its versions has some.
    """
    known: dict[str, tuple[str, ...]] = {
        "metadata.name": ("metadata", "name"),
        "metadata.namespace": ("metadata", "namespace"),
    }
    known |= FIELDS.get(resource, {}) | (custom or {})
    out = []
    for part in (p.strip() for p in text.split(",")):
        if not part:
            continue
        for operator in ("!=", "==", "="):
            if operator in part:
                name, value = part.split(operator, 1)
                break
        else:
            raise ApiError(400, f"invalid selector: '{part}'; can't understand '{part}'")
        if name not in known:
            text = f"field label not supported: {name}"
            if resource not in FIELDS and not custom and not selecting:
                text = f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            raise ApiError(400, text)
        out.append((known[name], operator != "!=", value.replace("\\,", ",").replace("\\=", "=")))
    return out


def match_fields(clauses: list[tuple[tuple[str, ...], bool, str]], obj: Obj) -> bool:
    """Whether an object fulfils every clause."""
    return all((_at(obj, path) == value) is equal for path, equal, value in clauses)
