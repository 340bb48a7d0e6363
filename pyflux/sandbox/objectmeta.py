"""metadata: what the server fills in, keeps and refuses."""

from __future__ import annotations

import re
import secrets
import uuid
from typing import Any

from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.selectors import LABEL_NAME_RULE, LABEL_VALUE_RULE
from pyflux.sandbox.status import (
    Cause,
    Obj,
    forbidden_field,
    invalid_value,
    required,
    too_long,
)

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_DNS_1035 = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_DNS_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_QUALIFIED = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")
ANNOTATION_LIMIT = 256 * 1024

SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)

# Kinds whose names follow another rule than an RFC 1123 subdomain.
_NAME_RULES = {
    "/namespaces": "label",
    "/services": "label",
    "apps/statefulsets": "label",
    "policy/poddisruptionbudgets": "any",
    "rbac.authorization.k8s.io/roles": "path",
    "rbac.authorization.k8s.io/clusterroles": "path",
    "rbac.authorization.k8s.io/rolebindings": "path",
    "rbac.authorization.k8s.io/clusterrolebindings": "path",
}


def label_errors(value: str) -> list[str]:
    """What is wrong with an RFC 1123 label."""
    out = []
    if len(value) > 63:
        out.append("must be no more than 63 characters")
    if not _DNS_LABEL.match(value):
        out.append("must not contain dots" if _DNS_SUBDOMAIN.match(value) else LABEL_RULE)
    return out


def subdomain_errors(value: str) -> list[str]:
    """What is wrong with an RFC 1123 subdomain."""
    out = []
    if len(value) > 253:
        out.append("must be no more than 253 characters")
    if not _DNS_SUBDOMAIN.match(value):
        out.append(SUBDOMAIN_RULE)
    return out


def name_errors(resource: str, value: str) -> list[str]:
    """What is wrong with the name of an object of this resource."""
    rule = _NAME_RULES.get(resource, "subdomain")
    if rule == "label":
        return label_errors(value)
    if rule == "label1035":
        out = ["must be no more than 63 characters"] if len(value) > 63 else []
        return out if _DNS_1035.match(value) else [*out, LABEL_1035_RULE]
    if rule == "any":
        return []
    if rule == "path":
        out = [f"may not be '{value}'"] if value in (".", "..") else []
        return out + [f"may not contain '{c}'" for c in "/%" if c in value]
    return subdomain_errors(value)


def qualified_name_errors(value: str) -> list[str]:
    """What is wrong with a label or annotation key."""
    prefix, slash, name = value.rpartition("/")
    out = []
    if slash and prefix.count("/"):
        rule = (
            "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
            "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
            "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix "
            "and '/' (e.g. 'example.com/MyName')"
        )
        return [rule]
    if slash:
        if not prefix:
            out.append("prefix part must be non-empty")
        else:
            out += [f"prefix part {e}" for e in subdomain_errors(prefix)]
    if not name:
        out.append("name part must be non-empty")
    elif len(name) > 63:
        out.append("name part must be no more than 63 bytes")
    if not _QUALIFIED.match(name):
        out.append(LABEL_NAME_RULE)
    return out


def label_value_errors(value: str) -> list[str]:
    """What is wrong with a label's value."""
    out = ["must be no more than 63 bytes"] if len(value) > 63 else []
    return out if _LABEL_VALUE.match(value) else [*out, LABEL_VALUE_RULE]


def generate_name(prefix: str) -> str:
    """A name from generateName."""
    return prefix[:58] + "".join(secrets.choice(_ALPHABET) for _ in range(5))


def fill(meta: Obj) -> None:
    """Sets what a new object gets from the server."""
    meta["uid"] = str(uuid.uuid4())
    meta["creationTimestamp"] = now()


def wipe(meta: Obj) -> None:
    """Removes what a client may not set on create."""
    for key in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        meta.pop(key, None)


def validate_labels(labels: Obj, path: str) -> list[Cause]:
    """Errors of a labels map."""
    out = []
    for key in sorted(labels):
        out += [invalid_value(path, key, e) for e in qualified_name_errors(key)]
        out += [invalid_value(path, labels[key], e) for e in label_value_errors(labels[key])]
    return out


def validate_annotations(annotations: Obj, path: str) -> list[Cause]:
    """Errors of an annotations map."""
    out = []
    for key in sorted(annotations):
        out += [invalid_value(path, key, e) for e in qualified_name_errors(key.lower())]
    size = sum(len(k.encode()) + len(v.encode()) for k, v in annotations.items())
    if size > ANNOTATION_LIMIT:
        out.append(too_long(path, f"may not be more than {ANNOTATION_LIMIT} bytes"))
    return out


def _owner_errors(owners: list[Obj]) -> list[Cause]:
    out = []
    controllers: list[str] = []
    for owner in owners:
        path = "metadata.ownerReferences"
        if not owner.get("apiVersion"):
            out.append(invalid_value(f"{path}.apiVersion", "", "version must not be empty"))
        for key, text in (("kind", "must not be empty"), ("name", "must not be empty"), ("uid", "must not be empty")):
            if not owner.get(key):
                out.append(invalid_value(f"{path}.{key}", "", text))
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        text = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]} and {controllers[1]}"
        )
        out.append(invalid_value("metadata.ownerReferences", owners, text))
    return out


def validate(meta: Obj, resource: str, namespaced: bool, builtin: bool = True) -> list[Cause]:
    """Errors of a new or changed object's metadata."""
    out: list[Cause] = []
    prefix = meta.get("generateName", "")
    if prefix:
        tried = prefix[:-1] + "a" if prefix.endswith("-") else prefix
        out += [invalid_value("metadata.generateName", prefix, e) for e in name_errors(resource, tried)]
    name = meta.get("name", "")
    if not name:
        out.append(required("metadata.name", "name or generateName is required"))
    else:
        out += [invalid_value("metadata.name", name, e) for e in name_errors(resource, name)]
    space = meta.get("namespace", "")
    if namespaced:
        if not space:
            out.append(required("metadata.namespace"))
        else:
            out += [invalid_value("metadata.namespace", space, e) for e in label_errors(space)]
    elif space:
        out.append(forbidden_field("metadata.namespace", "not allowed on this type"))
    out += validate_labels(meta.get("labels") or {}, "metadata.labels")
    out += validate_annotations(meta.get("annotations") or {}, "metadata.annotations")
    out += _owner_errors(meta.get("ownerReferences") or [])
    for finalizer in meta.get("finalizers") or []:
        out += [invalid_value("metadata.finalizers", finalizer, e) for e in qualified_name_errors(finalizer)]
    if builtin:
        for i, finalizer in enumerate(meta.get("finalizers") or []):
            if "/" not in finalizer and finalizer not in ("kubernetes", "orphan", "foregroundDeletion"):
                text = "name is neither a standard finalizer name nor is it fully qualified"
                out.append(invalid_value(f"metadata.finalizers[{i}]", finalizer, text))
    for i, entry in enumerate(meta.get("managedFields") or []):
        if entry.get("operation") not in ("Apply", "Update"):
            path = f"metadata.managedFields[{i}].operation"
            out.append(invalid_value(path, entry.get("operation"), "must be `Apply` or `Update`"))
    return out


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Errors of changes that metadata does not allow."""
    out = []
    if old.get("deletionTimestamp"):
        added = [f for f in new.get("finalizers") or [] if f not in (old.get("finalizers") or [])]
        if added:
            shown = ", ".join(f'"{f}"' for f in added)
            text = (
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{"
                + shown
                + "}"
            )
            out.append(forbidden_field("metadata.finalizers", text))
    for key in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if new.get(key) != old.get(key):
            out.append(invalid_value(f"metadata.{key}", new.get(key), "field is immutable"))
    return out


def keep_system_fields(new: Obj, old: Obj) -> None:
    """What an update cannot change is taken from the old metadata."""
    for key in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"):
        if key in old:
            new[key] = old[key]
        else:
            new.pop(key, None)
    if not new.get("uid") and old.get("uid"):
        new["uid"] = old["uid"]


def get(obj: Obj, *path: str) -> Any:
    """The value at a path, or None."""
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
