"""Validation of volumes, claims and storage classes."""

from __future__ import annotations

from pyflux.sandbox.objectmeta import qualified_name_errors, subdomain_errors
from pyflux.sandbox.schema.scalars import quantity_value
from pyflux.sandbox.status import Cause, Obj, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.pods import NEEDED
from pyflux.sandbox.validation.selecting import selector

_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
_VOLUME_MODES = ["Block", "Filesystem"]
_CLAIM_FIXED = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_IMMUTABLE = "field is immutable"
# Everything else in a volume's spec is its source.
_VOLUME_FIELDS = frozenset((
    "capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions",
    "volumeMode", "nodeAffinity", "volumeAttributesClassName",
))  # fmt: skip


def claim(obj: Obj) -> list[Cause]:
    """Errors of a PersistentVolumeClaim."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    modes = spec.get("accessModes") or []
    if not modes:
        out.append(required("spec.accessModes", "at least 1 access mode is required"))
    out += selector(spec.get("selector"), "spec.selector")
    out += [not_supported("spec.accessModes", m, _MODES) for m in modes if m not in _MODES]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        out.append(forbidden_field("spec.accessModes", "may not use ReadWriteOncePod with other access modes"))
    value = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if value is None:
        out.append(required("spec.resources[storage]"))
    elif quantity_value(value) <= 0:
        out.append(invalid_value("spec.resources[storage]", value, "must be greater than zero"))
    name = spec.get("storageClassName")
    if name:
        out += [invalid_value("spec.storageClassName", name, e) for e in subdomain_errors(name)]
    mode = spec.get("volumeMode")
    if mode is not None and mode not in _VOLUME_MODES:
        out.append(not_supported("spec.volumeMode", mode, _VOLUME_MODES))
    return out


def claim_update(obj: Obj, old: Obj) -> list[Cause]:
    """A claim's spec never changes but for its size."""

    def fixed(spec: Obj) -> Obj:
        return {k: v for k, v in spec.items() if k not in ("resources", "volumeAttributesClassName")}

    bound = (old.get("status") or {}).get("phase") == "Bound"
    before = dict(old["spec"])
    if not bound and obj["spec"].get("resources") != before.get("resources"):
        return [forbidden_field("spec", _CLAIM_FIXED)]
    if not before.get("volumeName"):
        before["volumeName"] = obj["spec"].get("volumeName")
    new = {"volumeName": None, **obj["spec"]}
    if {"volumeName": None, **fixed(before)} == fixed(new):
        return []
    return [forbidden_field("spec", _CLAIM_FIXED)]


def volume(obj: Obj) -> list[Cause]:
    """Errors of a PersistentVolume."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    if not spec.get("accessModes"):
        out.append(required("spec.accessModes"))
    out += [not_supported("spec.accessModes", m, _MODES) for m in spec.get("accessModes") or [] if m not in _MODES]
    capacity = spec.get("capacity") or {}
    if not capacity:
        out.append(required("spec.capacity"))
    if list(capacity) != ["storage"]:
        out.append(not_supported("spec.capacity", capacity or None, ["storage"]))
    for name, value in capacity.items():
        if quantity_value(value) <= 0:
            out.append(invalid_value(f"spec.capacity[{name}]", value, "must be greater than zero"))
    sources = sorted(k for k in spec if k not in _VOLUME_FIELDS)
    if not sources:
        out.append(required("spec", "must specify a volume type"))
    for source in sources[:1]:
        out += [required(f"spec.{source}.{k}") for k in NEEDED.get(source, ()) if not spec[source].get(k)]
    for source in sources[1:]:
        out.append(forbidden_field(f"spec.{source}", "may not specify more than 1 volume type"))
    mode = spec.get("volumeMode")
    if mode is not None and mode not in _VOLUME_MODES:
        out.append(not_supported("spec.volumeMode", mode, _VOLUME_MODES))
    return out


def volume_update(obj: Obj, old: Obj) -> list[Cause]:
    """A volume's source never changes."""
    new, before = (
        {k: v for k, v in (o.get("spec") or {}).items() if k not in _VOLUME_FIELDS} for o in (obj, old)
    )  # fmt: skip
    if new == before:
        return []
    text = "spec.persistentvolumesource is immutable after creation"
    return [forbidden_field("spec.persistentvolumesource", text)]


def storage_class(obj: Obj) -> list[Cause]:
    """Errors of a StorageClass."""
    out: list[Cause] = []
    provisioner = obj.get("provisioner", "")
    if not provisioner:
        out.append(required("provisioner"))
    else:
        out += [invalid_value("provisioner", provisioner, e) for e in qualified_name_errors(provisioner.lower())]
    policies = ["Delete", "Retain"]
    if obj.get("reclaimPolicy") not in (*policies, ""):
        out.append(not_supported("reclaimPolicy", obj.get("reclaimPolicy"), policies))
    modes = ["Immediate", "WaitForFirstConsumer"]
    if obj.get("volumeBindingMode") not in modes:
        out.append(not_supported("volumeBindingMode", obj.get("volumeBindingMode"), modes))
    return out


def storage_class_update(obj: Obj, old: Obj) -> list[Cause]:
    """A StorageClass never changes but for its metadata."""
    return [
        invalid_value(key, obj.get(key), _IMMUTABLE)
        for key in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
        if obj.get(key) != old.get(key)
    ]
