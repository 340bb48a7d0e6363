"""Validation of pods and pod templates."""

from __future__ import annotations

from pyflux.sandbox.objectmeta import label_errors, subdomain_errors, validate_labels
from pyflux.sandbox.status import Cause, Obj, duplicate, forbidden_field, invalid_value, not_supported, required
from pyflux.sandbox.validation.quotas import container_resources

_PROTOCOLS = ["SCTP", "TCP", "UDP"]
_POLICIES = ["Always", "IfNotPresent", "Never"]
PORT_RULE = "must be between 1 and 65535, inclusive"


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


def template(value: Obj, path: str, policies: tuple[str, ...] = ("Always",)) -> list[Cause]:
    """Errors of a pod template."""
    out = validate_labels((value.get("metadata") or {}).get("labels") or {}, f"{path}.labels")
    return out + pod_spec(value.get("spec") or {}, f"{path}.spec", policies)


def pod_spec(spec: Obj, path: str, policies: tuple[str, ...]) -> list[Cause]:
    """Errors of a pod's spec."""
    out: list[Cause] = []
    volumes = _volumes(spec.get("volumes") or [], f"{path}.volumes", out)
    containers = spec.get("containers") or []
    if not containers:
        out.append(required(f"{path}.containers"))
    names: set[str] = set()
    for kind in ("containers", "initContainers"):
        for i, item in enumerate(spec.get(kind) or []):
            _container(item, f"{path}.{kind}[{i}]", names, volumes, out)
    if spec.get("restartPolicy") not in policies:
        out.append(not_supported(f"{path}.restartPolicy", spec.get("restartPolicy"), list(policies)))
    if spec.get("dnsPolicy") not in ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"):
        allowed = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
        out.append(not_supported(f"{path}.dnsPolicy", spec.get("dnsPolicy"), allowed))
    if spec.get("serviceAccountName"):
        name = spec["serviceAccountName"]
        out += [invalid_value(f"{path}.serviceAccountName", name, e) for e in subdomain_errors(name)]
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        out.append(invalid_value(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0"))
    return out


def _volumes(volumes: list[Obj], path: str, out: list[Cause]) -> set[str]:
    seen: set[str] = set()
    for i, volume in enumerate(volumes):
        name = volume.get("name", "")
        if not name:
            out.append(required(f"{path}[{i}].name"))
        else:
            out += [invalid_value(f"{path}[{i}].name", name, e) for e in label_errors(name)]
        if name in seen:
            out.append(duplicate(f"{path}[{i}].name", name))
        seen.add(name)
        if len(volume) > 2:
            second = sorted(k for k in volume if k != "name")[1]
            out.append(forbidden_field(f"{path}[{i}].{second}", "may not specify more than 1 volume type"))
    return seen


def _container(item: Obj, path: str, names: set[str], volumes: set[str], out: list[Cause]) -> None:
    name = item.get("name", "")
    if not name:
        out.append(required(f"{path}.name"))
    else:
        out += [invalid_value(f"{path}.name", name, e) for e in label_errors(name)]
        if name in names:
            out.append(duplicate(f"{path}.name", name))
        names.add(name)
    image = item.get("image", "")
    if not image:
        out.append(required(f"{path}.image"))
    elif image != image.strip():
        out.append(invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace"))
    _ports(item.get("ports") or [], f"{path}.ports", out)
    for i, variable in enumerate(item.get("env") or []):
        if not variable.get("name"):
            out.append(required(f"{path}.env[{i}].name"))
        if variable.get("value") and variable.get("valueFrom"):
            out.append(
                invalid_value(f"{path}.env[{i}].valueFrom", "", "may not be specified when `value` is not empty")
            )
    for i, mount in enumerate(item.get("volumeMounts") or []):
        where = f"{path}.volumeMounts[{i}]"
        if not mount.get("name"):
            out.append(required(f"{where}.name"))
        elif mount["name"] not in volumes:
            out.append(Cause(f"{where}.name", f'Not found: "{mount["name"]}"', "FieldValueNotFound"))
        if not mount.get("mountPath"):
            out.append(required(f"{where}.mountPath"))
    if item.get("imagePullPolicy") not in _POLICIES:
        out.append(not_supported(f"{path}.imagePullPolicy", item.get("imagePullPolicy"), _POLICIES))
    out += container_resources(item.get("resources") or {}, f"{path}.resources")


def _ports(ports: list[Obj], path: str, out: list[Cause]) -> None:
    seen: set[str] = set()
    for i, port in enumerate(ports):
        number = port.get("containerPort")
        if number is None or number == 0:
            out.append(required(f"{path}[{i}].containerPort"))
        elif not 0 < number < 65536:
            out.append(invalid_value(f"{path}[{i}].containerPort", number, PORT_RULE))
        if port.get("protocol") not in _PROTOCOLS:
            out.append(not_supported(f"{path}[{i}].protocol", port.get("protocol"), _PROTOCOLS))
        name = port.get("name")
        if name:
            if name in seen:
                out.append(duplicate(f"{path}[{i}].name", name))
            seen.add(name)
            if len(name) > 15:
                out.append(invalid_value(f"{path}[{i}].name", name, "must be no more than 15 characters"))
