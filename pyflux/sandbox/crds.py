"""CustomResourceDefinitions: their validation, conditions, and the kinds they add."""

from __future__ import annotations

import re
from typing import Any

from pyflux.sandbox.custom.compiling import compile_errors
from pyflux.sandbox.custom.version import CustomVersion
from pyflux.sandbox.objectmeta import label_errors, subdomain_errors
from pyflux.sandbox.registry import Kind, Registry
from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.status import Cause, Obj, duplicate, invalid_value, not_supported, required

_VERSION = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"]


def prepare_create(obj: Obj) -> None:
    """The status of a new definition."""
    stored = [v["name"] for v in obj["spec"].get("versions") or [] if v.get("storage")]
    obj["status"] = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored[:1]}


def _condition(kind: str, status: str, reason: str, message: str) -> Obj:
    return {"type": kind, "status": status, "lastTransitionTime": now(), "reason": reason, "message": message}


def established(obj: Obj) -> Obj:
    """The status once the names are accepted and the kind is served."""
    stored = list((obj.get("status") or {}).get("storedVersions") or [])
    for version in obj["spec"]["versions"]:
        if version.get("storage") and version["name"] not in stored:
            stored.append(version["name"])
    have = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or []}
    conditions = [
        _condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
        _condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    kept = []
    for condition in conditions:
        before = have.get(condition["type"])
        kept.append(before if before and before["status"] == condition["status"] else condition)
    kept += [c for t, c in have.items() if t not in ("NamesAccepted", "Established")]
    return {"conditions": kept, "acceptedNames": obj["spec"]["names"], "storedVersions": stored}


def keep_stored(obj: Obj) -> None:
    """A new storage version counts as stored from now on."""
    stored = obj.setdefault("status", {}).setdefault("storedVersions", [])
    stored += [v["name"] for v in obj["spec"].get("versions") or [] if v.get("storage") and v["name"] not in stored]


def mark_terminating(obj: Obj) -> None:
    """The condition of a definition whose objects are being deleted."""
    status = obj.setdefault("status", {})
    conditions = [c for c in status.get("conditions") or [] if c["type"] != "Terminating"]
    text = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
    conditions.append(_condition("Terminating", "True", "InstanceDeletionPending", text))
    status["conditions"] = conditions


def serve(registry: Registry, obj: Obj) -> list[Kind]:
    """Adds the kinds of an established definition to the registry; returns them."""
    spec = obj["spec"]
    group, names = spec["group"], spec["names"]
    registry.remove_custom(group, names["plural"])
    made = []
    generation = obj["metadata"].get("generation", 1)
    selecting = any(v.get("selectableFields") for v in spec["versions"])
    kept = next(v for v in spec["versions"] if v.get("storage"))
    storage = CustomVersion(group, names["kind"], kept, generation, None, selecting)
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        same = version["name"] == kept["name"]
        custom = storage if same else CustomVersion(group, names["kind"], version, generation, storage, selecting)
        subresources = version.get("subresources") or {}
        kind = Kind(
            group=group,
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            short=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            namespaced=spec["scope"] == "Namespaced",
            resource=f"{group}/{names['plural']}",
            has_status="status" in subresources,
            has_scale="scale" in subresources,
            list_kind=names.get("listKind") or names["kind"] + "List",
            custom=custom,
            scale=subresources.get("scale") or {},
        )
        registry.add(kind)
        made.append(kind)
    return made


def remove(registry: Registry, obj: Obj) -> None:
    """Stops serving a definition's kinds."""
    registry.remove_custom(obj["spec"]["group"], obj["spec"]["names"]["plural"])


def validate_definition(obj: Obj) -> list[Cause]:
    """Errors of a definition, its metadata apart."""
    out: list[Cause] = []
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    plural, group = names.get("plural", ""), spec.get("group", "")
    if obj["metadata"].get("name") != f"{plural}.{group}":
        out.append(
            invalid_value("metadata.name", obj["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group')
        )
    if not group:
        out.append(required("spec.group"))
    else:
        out += [invalid_value("spec.group", group, e) for e in subdomain_errors(group)]
        if "." not in group:
            out.append(invalid_value("spec.group", group, "should be a domain with at least one dot"))
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        if not spec.get("scope"):
            out.append(required("spec.scope"))
        out.append(not_supported("spec.scope", spec.get("scope", ""), ["Cluster", "Namespaced"]))
    if spec.get("preserveUnknownFields"):
        text = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        out.append(invalid_value("spec.preserveUnknownFields", True, text))
    out += _names(names, "spec.names")
    out += _versions(spec)
    if not (obj.get("status") or {}).get("storedVersions"):
        out.append(invalid_value("status.storedVersions", None, "must have at least one stored version"))
    return out


def _names(names: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    for key in ("plural", "singular", "kind", "listKind"):
        value = names.get(key, "")
        if not value:
            out.append(required(f"{path}.{key}"))
        else:
            found = label_errors(value.lower())
            out += [invalid_value(f"{path}.{key}", value, e) for e in found]
    return out


def _versions(spec: Obj) -> list[Cause]:
    out: list[Cause] = []
    versions = spec.get("versions") or []
    storing = [v for v in versions if v.get("storage")]
    seen: set[str] = set()
    for i, version in enumerate(versions):
        path = f"spec.versions[{i}]"
        name = version.get("name", "")
        if not _VERSION.match(name):
            text = (
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
                "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
                "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
            )
            out.append(invalid_value(f"{path}.name", name, text))
            if not i:
                out.append(invalid_value("spec.version", name, text))
        if name in seen:
            out.append(duplicate(f"{path}.name", name))
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            out.append(required(f"{path}.schema.openAPIV3Schema"))
        else:
            where = "spec.validation" if len(versions) == 1 else f"{path}.schema"
            out += _structural(schema, f"{where}.openAPIV3Schema", root=True)
            out += compile_errors(schema, f"{where}.openAPIV3Schema")
        # What a single version says stands at the top for the server.
        above = "spec" if len(versions) == 1 else path
        for j, column in enumerate(version.get("additionalPrinterColumns") or []):
            out += _column(column, f"{above}.additionalPrinterColumns[{j}]")
    if len(storing) != 1:
        out.append(
            invalid_value("spec.versions", _shown(versions), "must have exactly one version marked as storage version")
        )
    return out


def _shown(versions: list[Obj]) -> Any:
    """Versions as Go prints them; their schemas are left out, as a single one's is."""
    return [
        {
            "Name": v.get("name", ""),
            "Served": bool(v.get("served")),
            "Storage": bool(v.get("storage")),
            "Deprecated": bool(v.get("deprecated")),
            "DeprecationWarning": v.get("deprecationWarning"),
            "Schema": None,
            "Subresources": None,
            "AdditionalPrinterColumns": None,
            "SelectableFields": None,
        }
        for v in versions
    ]


def _column(column: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    if not column.get("name"):
        out.append(required(f"{path}.name"))
    if not column.get("type"):
        out.append(required(f"{path}.type", "must be one of " + ",".join(_COLUMN_TYPES)))
    elif column["type"] not in _COLUMN_TYPES:
        out.append(invalid_value(f"{path}.type", column["type"], "must be one of " + ",".join(_COLUMN_TYPES)))
    if not column.get("jsonPath"):
        out.append(required(f"{path}.JSONPath"))
    elif not column["jsonPath"].startswith("."):
        out.append(invalid_value(f"{path}.JSONPath", column["jsonPath"], "must be a simple json path starting with ."))
    return out


def _structural(schema: Obj, path: str, root: bool = False) -> list[Cause]:
    out: list[Cause] = []
    kind = schema.get("type")
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if root and kind and kind != "object":
        out.append(invalid_value(f"{path}.type", kind, "must be object at the root"))
    if not kind and not free:
        where = "must not be empty at the root" if root else "must not be empty for specified object fields"
        out.append(required(f"{path}.type", where))
    for name, child in (schema.get("properties") or {}).items():
        out += _structural(child, f"{path}.properties[{name}]")
    items = schema.get("items")
    if isinstance(items, dict):
        out += _structural(items, f"{path}.items")
    elif kind == "array":
        out.append(required(f"{path}.items", "must be specified"))
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        out += _structural(extra, f"{path}.additionalProperties")
    return out


def validate_definition_update(obj: Obj, old: Obj) -> list[Cause]:
    """Errors of a changed definition."""
    out = validate_definition(obj)
    new, before = obj["spec"], old["spec"]
    for name, a, b in (
        ("spec.group", new.get("group"), before.get("group")),
        ("spec.scope", new.get("scope"), before.get("scope")),
        ("spec.names.plural", new["names"].get("plural"), before["names"].get("plural")),
        ("spec.names.kind", new["names"].get("kind"), before["names"].get("kind")),
    ):
        if a != b:
            out.append(invalid_value(name, a, "field is immutable"))
    present = {v["name"] for v in new.get("versions") or []}
    for i, version in enumerate((obj.get("status") or {}).get("storedVersions") or []):
        if version not in present:
            where = f"status.storedVersions[{i}]"
            text = (
                f"missing from spec.versions; {version} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {version} and removes "
                f"{version} from status.storedVersions"
            )
            out.append(invalid_value(where, version, text))
    return out
