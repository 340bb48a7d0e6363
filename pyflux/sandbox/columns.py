"""The columns of `kubectl get` for built-in kinds, as rows."""

# ruff: noqa: E501 - a row a column
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyflux.sandbox.ages import age, human
from pyflux.sandbox.objectmeta import get
from pyflux.sandbox.schema.scalars import parse_time
from pyflux.sandbox.status import Obj

Cell = Callable[[Obj], Any]


@dataclass(frozen=True)
class Column:
    """One column; priority 1 shows with `-o wide` only."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    help: str = ""


def _path(*path: str, default: Any = "<none>") -> Cell:
    def cell(obj: Obj) -> Any:
        value = get(obj, *path)
        return default if value in (None, "") else value

    return cell


def _count(*path: str) -> Cell:
    return lambda obj: get(obj, *path) or 0


def _size(*names: str) -> Cell:
    return lambda obj: sum(len(obj.get(n) or ()) for n in names)


def _age(obj: Obj) -> str:
    return age(get(obj, "metadata", "creationTimestamp"))


def _selector(value: Obj | None) -> str:
    if not value:
        return "<none>"
    parts = [f"{k}={v}" for k, v in sorted((value.get("matchLabels") or {}).items())]
    for e in value.get("matchExpressions") or []:
        values = ",".join(sorted(e.get("values") or []))
        parts.append({"In": f"{e['key']} in ({values})", "NotIn": f"{e['key']} notin ({values})",
                      "Exists": e["key"], "DoesNotExist": f"!{e['key']}"}[e["operator"]])  # fmt: skip
    return ",".join(parts) or "<none>"


def _labels(value: dict[str, str] | None) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted((value or {}).items())) or "<none>"


def _containers(*path: str) -> list[Column]:
    def each(key: str) -> Cell:
        return lambda obj: ",".join(c.get(key, "") for c in get(obj, *path, "containers") or [])

    return [Column("Containers", each("name"), priority=1), Column("Images", each("image"), priority=1)]


NAME = Column("Name", _path("metadata", "name"), format="name")
AGE = Column("Age", _age)
_POD = ("spec", "template", "spec")


def _pod_ready(obj: Obj) -> str:
    states = get(obj, "status", "containerStatuses") or []
    return f"{sum(bool(s.get('ready')) for s in states)}/{len(get(obj, 'spec', 'containers') or [])}"


def _pod_status(obj: Obj) -> str:
    if get(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    return str(get(obj, "status", "reason") or get(obj, "status", "phase") or "")


def _service_ports(obj: Obj) -> str:
    out = []
    for port in get(obj, "spec", "ports") or []:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        out.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(out) or "<none>"


def _external(obj: Obj) -> str:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    given = get(obj, "status", "loadBalancer", "ingress") or []
    found = [i.get("ip") or i.get("hostname") for i in given] + (spec.get("externalIPs") or [])
    if found:
        return ",".join(found)
    return "<pending>" if spec.get("type") == "LoadBalancer" else "<none>"


def _deployment_ready(obj: Obj) -> str:
    return f"{get(obj, 'status', 'readyReplicas') or 0}/{get(obj, 'spec', 'replicas') or 0}"


def _job_done(obj: Obj) -> str:
    wanted = get(obj, "spec", "completions")
    done = get(obj, "status", "succeeded") or 0
    return f"{done}/{wanted}" if wanted is not None else f"{done}/1 of {get(obj, 'spec', 'parallelism')}"


def _job_status(obj: Obj) -> str:
    for condition in get(obj, "status", "conditions") or []:
        if condition.get("status") == "True" and condition["type"] in ("Complete", "Failed", "Suspended"):
            return str(condition["type"])
    if get(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    return "Running"


def _job_duration(obj: Obj) -> str:
    start, end = get(obj, "status", "startTime"), get(obj, "status", "completionTime")
    if not start:
        return ""
    if not end:
        return age(start)
    return human(int((parse_time(end) - parse_time(start)).total_seconds()))


def _hosts(obj: Obj) -> str:
    return ",".join(r.get("host", "*") for r in get(obj, "spec", "rules") or []) or "*"


def _role(obj: Obj) -> str:
    return f"{get(obj, 'roleRef', 'kind')}/{get(obj, 'roleRef', 'name')}"


def _subjects(kind: str) -> Cell:
    def cell(obj: Obj) -> str:
        found = [s for s in obj.get("subjects") or [] if s.get("kind") == kind]
        return ", ".join(
            f"{s.get('namespace', '')}/{s['name']}" if kind == "ServiceAccount" else s["name"] for s in found
        )

    return cell


def _modes(modes: list[str] | None) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(short.get(m, m) for m in modes or [])


def _claim_modes(obj: Obj) -> str:
    return _modes(get(obj, "status", "accessModes")) if get(obj, "spec", "volumeName") else ""


def _bound_claim(obj: Obj) -> str:
    claim = get(obj, "spec", "claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _claim_capacity(obj: Obj) -> str:
    return get(obj, "status", "capacity", "storage") or "" if get(obj, "spec", "volumeName") else ""


def _claim_phase(obj: Obj) -> str:
    return "Terminating" if get(obj, "metadata", "deletionTimestamp") else get(obj, "status", "phase") or ""


def _event_object(obj: Obj) -> str:
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _event_seen(obj: Obj) -> str:
    last = (
        obj.get("lastTimestamp")
        or obj.get("deprecatedLastTimestamp")
        or get(obj, "series", "lastObservedTime")
        or obj.get("eventTime")
    )
    return age(last)


def _node_status(obj: Obj) -> str:
    for condition in get(obj, "status", "conditions") or []:
        if condition["type"] == "Ready":
            return "Ready" if condition["status"] == "True" else "NotReady"
    return "Unknown"


def _metrics(obj: Obj) -> str:
    """Current and wanted value of the first two metrics of an autoscaler."""
    wanted = get(obj, "spec", "metrics") or []
    found = get(obj, "status", "currentMetrics") or []
    shown = []
    for i, metric in enumerate(wanted[:2]):
        kind = metric.get("type", "")
        key = kind[:1].lower() + kind[1:]
        source = metric.get(key) or {}
        target = source.get("target") or {}
        current = get(found[i], key, "current") or {} if i < len(found) else {}
        name = f"{source.get('name')}: " if kind in ("Resource", "ContainerResource") else ""
        field = next((f for f in ("averageUtilization", "averageValue", "value") if target.get(f) is not None), "value")
        unit = "%" if field == "averageUtilization" else ""
        have = current.get(field)
        tail = " (avg)" if field == "averageValue" and kind in ("Object", "External") else ""
        shown.append(f"{name}{'<unknown>' if have is None else f'{have}{unit}'}/{target.get(field)}{unit}{tail}")
    text = ", ".join(shown) or "<none>"
    return f"{text} + {len(wanted) - 2} more..." if len(wanted) > 2 else text


def _scaled(obj: Obj) -> str:
    target = get(obj, "spec", "scaleTargetRef") or {}
    return f"{target.get('kind')}/{target.get('name')}"


def _parameters(obj: Obj) -> str:
    held = get(obj, "spec", "parameters")
    if not held:
        return "<none>"
    group = f".{held['apiGroup']}" if held.get("apiGroup") else ""
    return f"{held.get('kind')}{group}/{held.get('name')}"


def _param_kind(obj: Obj) -> str:
    held = get(obj, "spec", "paramKind")
    return f"{held.get('apiVersion')}/{held.get('kind')}" if held else "<unset>"


def _param_ref(obj: Obj) -> str:
    held = get(obj, "spec", "paramRef")
    if not held:
        return "<unset>"
    space = held.get("namespace")
    return f"{space}/{held.get('name', '*')}" if space else str(held.get("name", "*"))


def _flag(*path: str) -> Cell:
    return lambda obj: bool(get(obj, *path))


def _text(value: Any, default: str) -> str:
    return default if value is None else str(value)


COLUMNS: dict[str, list[Column]] = {
    "": [NAME, Column("Created At", _path("metadata", "creationTimestamp"), type="date")],
    "/configmaps": [NAME, Column("Data", _size("data", "binaryData")), AGE],
    "/secrets": [NAME, Column("Type", _path("type")), Column("Data", _size("data")), AGE],
    "/namespaces": [NAME, Column("Status", _path("status", "phase")), AGE],
    "/serviceaccounts": [NAME, AGE],
    "/nodes": [NAME, Column("Status", _node_status), Column("Roles", lambda o: "<none>"), AGE,
               Column("Version", _path("status", "nodeInfo", "kubeletVersion", default=""))],
    "/pods": [NAME, Column("Ready", _pod_ready), Column("Status", _pod_status),
              Column("Restarts", lambda o: str(sum(s.get("restartCount", 0) for s in get(o, "status", "containerStatuses") or []))),
              AGE, Column("IP", _path("status", "podIP"), priority=1), Column("Node", _path("spec", "nodeName"), priority=1),
              Column("Nominated Node", _path("status", "nominatedNodeName"), priority=1),
              Column("Readiness Gates", lambda o: "<none>", priority=1)],
    "/services": [NAME, Column("Type", _path("spec", "type")), Column("Cluster-IP", _path("spec", "clusterIP")),
                  Column("External-IP", _external), Column("Port(s)", _service_ports), AGE,
                  Column("Selector", lambda o: _labels(get(o, "spec", "selector")), priority=1)],
    "/persistentvolumeclaims": [NAME, Column("Status", _claim_phase), Column("Volume", _path("spec", "volumeName", default="")),
                                Column("Capacity", _claim_capacity), Column("Access Modes", _claim_modes),
                                Column("StorageClass", _path("spec", "storageClassName", default="")),
                                Column("VolumeAttributesClass", lambda o: _text(get(o, "spec", "volumeAttributesClassName"), "<unset>")),
                                AGE, Column("VolumeMode", _path("spec", "volumeMode", default="<unset>"), priority=1)],
    "/persistentvolumes": [NAME, Column("Capacity", _path("spec", "capacity", "storage", default="")), Column("Access Modes", lambda o: _modes(get(o, "spec", "accessModes"))),
                           Column("Reclaim Policy", _path("spec", "persistentVolumeReclaimPolicy", default="")), Column("Status", _claim_phase),
                           Column("Claim", _bound_claim), Column("StorageClass", _path("spec", "storageClassName", default="")),
                           Column("VolumeAttributesClass", lambda o: _text(get(o, "spec", "volumeAttributesClassName"), "<unset>")),
                           Column("Reason", _path("status", "reason", default="")), AGE, Column("VolumeMode", _path("spec", "volumeMode", default="<unset>"), priority=1)],
    "/events": [Column("Last Seen", _event_seen), Column("Type", _path("type", default="")), Column("Reason", _path("reason", default="")),
                Column("Object", _event_object), Column("Subobject", lambda o: get(o, "involvedObject", "fieldPath") or "", priority=1),
                Column("Source", lambda o: get(o, "source", "component") or o.get("reportingComponent") or "", priority=1),
                Column("Message", lambda o: (o.get("message") or o.get("note") or "").strip()),
                Column("First Seen", lambda o: age(o.get("firstTimestamp") or o.get("eventTime")), priority=1),
                Column("Count", lambda o: o.get("count") or 1, priority=1),
                Column("Name", _path("metadata", "name"), priority=1)],
    "/resourcequotas": [NAME, Column("Request", lambda o: ""), Column("Limit", lambda o: ""), AGE],
    "/limitranges": [NAME, Column("Created At", _path("metadata", "creationTimestamp"), type="date")],
    "apps/deployments": [NAME, Column("Ready", _deployment_ready), Column("Up-to-date", _count("status", "updatedReplicas")),
                         Column("Available", _count("status", "availableReplicas")), AGE, *_containers(*_POD),
                         Column("Selector", lambda o: _selector(get(o, "spec", "selector")), priority=1)],
    "apps/replicasets": [NAME, Column("Desired", _count("spec", "replicas"), type="integer"),
                         Column("Current", _count("status", "replicas"), type="integer"),
                         Column("Ready", _count("status", "readyReplicas"), type="integer"), AGE, *_containers(*_POD),
                         Column("Selector", lambda o: _selector(get(o, "spec", "selector")), priority=1)],
    "apps/statefulsets": [NAME, Column("Ready", _deployment_ready), AGE, *_containers(*_POD)],
    "apps/daemonsets": [NAME, Column("Desired", _count("status", "desiredNumberScheduled"), type="integer"),
                        Column("Current", _count("status", "currentNumberScheduled"), type="integer"),
                        Column("Ready", _count("status", "numberReady"), type="integer"),
                        Column("Up-to-date", _count("status", "updatedNumberScheduled"), type="integer"),
                        Column("Available", _count("status", "numberAvailable"), type="integer"),
                        Column("Node Selector", lambda o: _labels(get(o, *_POD, "nodeSelector"))), AGE, *_containers(*_POD),
                        Column("Selector", lambda o: _selector(get(o, "spec", "selector")), priority=1)],
    "apps/controllerrevisions": [NAME, Column("Controller", lambda o: next((f"{r['kind'].lower()}.{r['apiVersion'].split('/')[0]}/{r['name']}" for r in get(o, "metadata", "ownerReferences") or [] if r.get("controller")), "<none>")),
                                 Column("Revision", _count("revision"), type="integer"), AGE],
    "autoscaling/horizontalpodautoscalers": [NAME, Column("Reference", _scaled), Column("Targets", _metrics),
                                             Column("MinPods", lambda o: _text(get(o, "spec", "minReplicas"), "<unset>")),
                                             Column("MaxPods", _count("spec", "maxReplicas")), Column("Replicas", _count("status", "currentReplicas")), AGE],
    "batch/jobs": [NAME, Column("Status", _job_status), Column("Completions", _job_done), Column("Duration", _job_duration), AGE,
                   *_containers(*_POD), Column("Selector", lambda o: _selector(get(o, "spec", "selector")), priority=1)],
    "batch/cronjobs": [NAME, Column("Schedule", _path("spec", "schedule")), Column("Timezone", _path("spec", "timeZone")),
                       Column("Suspend", lambda o: str(bool(get(o, "spec", "suspend"))), type="boolean"), Column("Active", lambda o: len(get(o, "status", "active") or []), type="integer"),
                       Column("Last Schedule", lambda o: age(get(o, "status", "lastScheduleTime")) if get(o, "status", "lastScheduleTime") else "<none>"),
                       AGE, *_containers("spec", "jobTemplate", *_POD),
                       Column("Selector", lambda o: _selector(get(o, "spec", "jobTemplate", "spec", "selector")), priority=1)],
    "networking.k8s.io/ingresses": [NAME, Column("Class", _path("spec", "ingressClassName")), Column("Hosts", _hosts),
                                    Column("Address", lambda o: ",".join(i.get("ip") or i.get("hostname") or "" for i in get(o, "status", "loadBalancer", "ingress") or [])),
                                    Column("Ports", lambda o: "80, 443" if get(o, "spec", "tls") else "80"), AGE],
    "networking.k8s.io/ingressclasses": [NAME, Column("Controller", _path("spec", "controller")), Column("Parameters", _parameters), AGE],
    "networking.k8s.io/networkpolicies": [NAME, Column("Pod-Selector", lambda o: _selector(get(o, "spec", "podSelector"))), AGE],
    "policy/poddisruptionbudgets": [NAME, Column("Min Available", lambda o: _text(get(o, "spec", "minAvailable"), "N/A")),
                                    Column("Max Unavailable", lambda o: _text(get(o, "spec", "maxUnavailable"), "N/A")),
                                    Column("Allowed Disruptions", _count("status", "disruptionsAllowed"), type="integer"), AGE],
    "rbac.authorization.k8s.io/roles": [NAME, Column("Created At", _path("metadata", "creationTimestamp"), type="date")],
    "rbac.authorization.k8s.io/clusterroles": [NAME, Column("Created At", _path("metadata", "creationTimestamp"), type="date")],
    "rbac.authorization.k8s.io/rolebindings": [NAME, Column("Role", _role), AGE, Column("Users", _subjects("User"), priority=1),
                                               Column("Groups", _subjects("Group"), priority=1), Column("ServiceAccounts", _subjects("ServiceAccount"), priority=1)],
    "scheduling.k8s.io/priorityclasses": [NAME, Column("Value", _count("value"), type="integer"), Column("Global-Default", lambda o: bool(o.get("globalDefault")), type="boolean"),
                                          AGE, Column("PreemptionPolicy", _path("preemptionPolicy"))],
    "storage.k8s.io/storageclasses": [NAME, Column("Provisioner", _path("provisioner")), Column("ReclaimPolicy", _path("reclaimPolicy")),
                                      Column("VolumeBindingMode", _path("volumeBindingMode")), Column("AllowVolumeExpansion", lambda o: bool(o.get("allowVolumeExpansion"))), AGE],
    "coordination.k8s.io/leases": [NAME, Column("Holder", _path("spec", "holderIdentity", default="")), AGE],
    "apiextensions.k8s.io/customresourcedefinitions": [NAME, Column("Created At", _path("metadata", "creationTimestamp"), type="date")],
}  # fmt: skip
_WEBHOOKS = [NAME, Column("Webhooks", _size("webhooks"), type="integer"), AGE]
COLUMNS |= {
    "admissionregistration.k8s.io/validatingwebhookconfigurations": _WEBHOOKS,
    "admissionregistration.k8s.io/mutatingwebhookconfigurations": _WEBHOOKS,
    "admissionregistration.k8s.io/validatingadmissionpolicies": [NAME, Column("Validations", lambda o: len(get(o, "spec", "validations") or ()), type="integer"),
                                                                 Column("ParamKind", _param_kind), AGE],
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": [NAME, Column("PolicyName", _path("spec", "policyName")), Column("ParamRef", _param_ref), AGE],
    "node.k8s.io/runtimeclasses": [NAME, Column("Handler", _path("handler")), AGE],
    "storage.k8s.io/csidrivers": [NAME, Column("AttachRequired", _flag("spec", "attachRequired"), type="boolean"), Column("PodInfoOnMount", _flag("spec", "podInfoOnMount"), type="boolean"),
                                  Column("StorageCapacity", _flag("spec", "storageCapacity"), type="boolean"),
                                  Column("TokenRequests", lambda o: ",".join(t.get("audience", "") for t in get(o, "spec", "tokenRequests") or []) or "<unset>"),
                                  Column("RequiresRepublish", _flag("spec", "requiresRepublish"), type="boolean"),
                                  Column("Modes", lambda o: ",".join(get(o, "spec", "volumeLifecycleModes") or []) or "<none>"), AGE],
}  # fmt: skip
COLUMNS["rbac.authorization.k8s.io/clusterrolebindings"] = COLUMNS["rbac.authorization.k8s.io/rolebindings"]
COLUMNS["events.k8s.io/events"] = COLUMNS["/events"]
