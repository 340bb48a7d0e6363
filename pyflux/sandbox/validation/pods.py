"""Validation of pods and pod templates."""

from __future__ import annotations

from pyflux.sandbox.objectmeta import label_errors, subdomain_errors, validate_labels
from pyflux.sandbox.status import Cause, Obj, duplicate, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation import scheduling
from pyflux.sandbox.validation.containers import container, user_errors

_DNS = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
NEEDED = {
    "configMap": ("name",),
    "secret": ("secretName",),
    "hostPath": ("path",),
    "persistentVolumeClaim": ("claimName",),
    "nfs": ("server", "path"),
    "csi": ("driver",),
}
"""What a volume's source cannot be without."""


def pod(obj: Obj) -> list[Cause]:
    """Errors of a Pod."""
    return pod_spec(obj["spec"], "spec", ("Always", "OnFailure", "Never"))


def pod_update(obj: Obj, old: Obj) -> list[Cause]:
    """A pod's spec hardly changes: images, deadlines, tolerations and gates only."""
    new, before = _mutable_removed(obj["spec"]), _mutable_removed(old["spec"])
    if new == before:
        return []
    text = (
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    )
    return [forbidden_field("spec", text)]


def _mutable_removed(spec: Obj) -> Obj:
    skipped = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")
    out = {k: v for k, v in spec.items() if k not in skipped}
    for key in ("containers", "initContainers"):
        if key in out:
            out[key] = [{k: v for k, v in c.items() if k != "image"} for c in out[key]]
    return out


def template(
    value: Obj, path: str, policies: tuple[str, ...] = ("Always",), claims: tuple[str, ...] = ()
) -> list[Cause]:
    """Errors of a pod template; `claims` are names of volumes that come from elsewhere."""
    out = validate_labels((value.get("metadata") or {}).get("labels") or {}, f"{path}.labels")
    return out + pod_spec(value.get("spec") or {}, f"{path}.spec", policies, claims)


def pod_spec(spec: Obj, path: str, policies: tuple[str, ...], claims: tuple[str, ...] = ()) -> list[Cause]:
    """Errors of a pod's spec."""
    out: list[Cause] = []
    volumes = _volumes(spec.get("volumes") or [], f"{path}.volumes", out) | set(claims)
    if not spec.get("containers"):
        out.append(required(f"{path}.containers"))
    names: set[str] = set()
    for kind in ("containers", "initContainers"):
        for i, item in enumerate(spec.get(kind) or []):
            out += container(item, f"{path}.{kind}[{i}]", names, volumes, bool(spec.get("hostNetwork")))
    if spec.get("restartPolicy") not in policies:
        out.append(not_supported(f"{path}.restartPolicy", spec.get("restartPolicy"), list(policies)))
    if spec.get("dnsPolicy") not in _DNS:
        out.append(not_supported(f"{path}.dnsPolicy", spec.get("dnsPolicy"), _DNS))
    out += validate_labels(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    context = spec.get("securityContext") or {}
    out += user_errors(context, f"{path}.securityContext", ("fsGroup", "runAsUser", "runAsGroup"))
    out += scheduling.affinity(spec.get("affinity") or {}, f"{path}.affinity")
    out += scheduling.spread(spec.get("topologySpreadConstraints") or [], f"{path}.topologySpreadConstraints")
    if spec.get("serviceAccountName"):
        name = spec["serviceAccountName"]
        out += [invalid_value(f"{path}.serviceAccountName", name, e) for e in subdomain_errors(name)]
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 0 < deadline < 2**31:
        out.append(
            invalid_value(f"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
        )
    out += scheduling.tolerations(spec.get("tolerations") or [], f"{path}.tolerations")
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        out.append(invalid_value(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0"))
    return out


def _volumes(volumes: list[Obj], path: str, out: list[Cause]) -> set[str]:
    seen: set[str] = set()
    for i, volume in enumerate(volumes):
        name = volume.get("name", "")
        sources = sorted(k for k in volume if k != "name")
        for second in sources[1:2]:
            out.append(forbidden_field(f"{path}[{i}].{second}", "may not specify more than 1 volume type"))
        for source in sources[:1]:
            for key in NEEDED.get(source, ()):
                if not volume[source].get(key):
                    out.append(required(f"{path}[{i}].{source}.{key}"))
        if not name:
            out.append(required(f"{path}[{i}].name"))
        else:
            out += [invalid_value(f"{path}[{i}].name", name, e) for e in label_errors(name)]
        if name in seen:
            out.append(duplicate(f"{path}[{i}].name", name))
        seen.add(name)
    return seen
