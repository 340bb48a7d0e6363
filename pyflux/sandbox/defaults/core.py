"""Defaults of everything that is neither a pod nor a workload."""

from __future__ import annotations

from typing import Any

from pyflux.sandbox.status import Obj


def _set(spec: Obj, **values: Any) -> None:
    for key, value in values.items():
        spec.setdefault(key, value)


def service(obj: Obj) -> None:
    """Defaults of a Service (cluster addresses are allocated later)."""
    spec = obj.setdefault("spec", {})
    _set(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        if "timeoutSeconds" not in (config.get("clientIP") or {}):
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port")
    outside = spec["type"] in ("NodePort", "LoadBalancer") or (
        spec["type"] == "ClusterIP" and bool(spec.get("externalIPs"))
    )
    if outside:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def secret(obj: Obj) -> None:
    """Default type of a Secret, and its write-only stringData."""
    obj.setdefault("type", "Opaque")
    text = obj.pop("stringData", None)
    if text:
        import base64

        data = obj.setdefault("data", {})
        for key, value in text.items():
            data[key] = base64.b64encode(value.encode()).decode()


def namespace(obj: Obj) -> None:
    """The name label and phase of a Namespace."""
    name = obj["metadata"].get("name")
    if name:
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    obj.setdefault("status", {}).setdefault("phase", "Active")


def persistent_volume(obj: Obj) -> None:
    """Defaults of a PersistentVolume."""
    spec = obj.setdefault("spec", {})
    _set(spec, persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def persistent_volume_claim(obj: Obj) -> None:
    """Defaults of a PersistentVolumeClaim."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    for key in ("dataSource", "dataSourceRef"):
        if key in spec:
            spec[key].setdefault("apiGroup", None)
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def endpoints(obj: Obj) -> None:
    """Default protocol of Endpoints' ports."""
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or []:
            port.setdefault("protocol", "TCP")


def endpoint_slice(obj: Obj) -> None:
    """Default name and protocol of an EndpointSlice's ports."""
    for port in obj.get("ports") or []:
        _set(port, name="", protocol="TCP")


def limit_range(obj: Obj) -> None:
    """Container limits derived from each other."""
    for item in (obj.get("spec") or {}).get("limits") or []:
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        if default:
            item["default"] = default
        if request:
            item["defaultRequest"] = request


def node(obj: Obj) -> None:
    """Allocatable is the capacity unless said otherwise."""
    status = obj.setdefault("status", {})
    if "capacity" in status:
        status.setdefault("allocatable", dict(status["capacity"]))


def network_policy(obj: Obj) -> None:
    """Policy types and protocols of a NetworkPolicy."""
    spec = obj.setdefault("spec", {})
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in (rule or {}).get("ports") or []:
            port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def ingress(obj: Obj) -> None:
    """A resource as backend always tells its group."""
    spec = obj.get("spec") or {}
    paths = [p for r in spec.get("rules") or [] for p in (r.get("http") or {}).get("paths") or []]
    for backend in (spec.get("defaultBackend"), *(p.get("backend") for p in paths)):
        if backend and backend.get("resource") is not None:
            backend["resource"].setdefault("apiGroup", None)


def ingress_class(obj: Obj) -> None:
    """Default scope of an IngressClass's parameters."""
    parameters = (obj.get("spec") or {}).get("parameters")
    if parameters is not None:
        parameters.setdefault("scope", "Cluster")


def role_binding(obj: Obj) -> None:
    """API groups of a binding's references."""
    group = "rbac.authorization.k8s.io"
    reference = obj.setdefault("roleRef", {})
    if not reference.get("apiGroup"):
        reference["apiGroup"] = group
    for subject in obj.get("subjects") or []:
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", group)


def storage_class(obj: Obj) -> None:
    """Defaults of a StorageClass."""
    _set(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def csi_driver(obj: Obj) -> None:
    """Defaults of a CSIDriver."""
    _set(
        obj.setdefault("spec", {}), attachRequired=True, podInfoOnMount=False, storageCapacity=False,
        fsGroupPolicy="ReadWriteOnceWithFSType", volumeLifecycleModes=["Persistent"], requiresRepublish=False,
        seLinuxMount=False,
    )  # fmt: skip


def priority_class(obj: Obj) -> None:
    """Default preemption policy of a PriorityClass."""
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _match(owner: Obj) -> None:
    _set(owner, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for rule in [*(owner.get("rules") or []), *(owner.get("resourceRules") or [])]:
        rule.setdefault("scope", "*")


def webhooks(obj: Obj) -> None:
    """Defaults of validating webhooks."""
    for hook in obj.get("webhooks") or []:
        _set(hook, failurePolicy="Fail", timeoutSeconds=10)
        _match(hook)
        target = (hook.get("clientConfig") or {}).get("service")
        if target is not None:
            target.setdefault("port", 443)


def mutating_webhooks(obj: Obj) -> None:
    """Defaults of mutating webhooks."""
    webhooks(obj)
    for hook in obj.get("webhooks") or []:
        hook.setdefault("reinvocationPolicy", "Never")


def admission_policy(obj: Obj) -> None:
    """Defaults of a ValidatingAdmissionPolicy."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    if "matchConstraints" in spec:
        _match(spec["matchConstraints"])


def admission_binding(obj: Obj) -> None:
    """Defaults of a ValidatingAdmissionPolicyBinding."""
    spec = obj.setdefault("spec", {})
    if "matchResources" in spec:
        _match(spec["matchResources"])


def api_service(obj: Obj) -> None:
    """Default port of an APIService."""
    target = (obj.get("spec") or {}).get("service")
    if target is not None:
        target.setdefault("port", 443)


def definition(obj: Obj) -> None:
    """Defaults of a CustomResourceDefinition."""
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind", "")
    names.setdefault("singular", kind.lower())
    if kind:
        names.setdefault("listKind", kind + "List")
    spec.setdefault("conversion", {"strategy": "None"})
    status = obj.setdefault("status", {})
    if not status.get("storedVersions"):
        stored = [v["name"] for v in spec.get("versions") or [] if v.get("storage")]
        status["storedVersions"] = stored[:1] or None
