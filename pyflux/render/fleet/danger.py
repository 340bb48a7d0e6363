"""Rules that mark a change as dangerous: each has a name for `--fail-on`, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyflux.render.fleet.model import Obj, Unit


class Danger(NamedTuple):
    """A rule that a change breaks, and the reason in words."""

    rule: str
    reason: str


RULES = {
    "data-loss": "a volume, its claim, a Namespace, a CustomResourceDefinition or a StatefulSet is removed",
    "immutable": "a field changes that the API server does not let change",
    "rbac-widened": "a role allows more than before, or more subjects get one",
    "privileged": "a pod gains power over its node",
    "replicas-to-zero": "a workload is scaled to nothing",
    "suspended": "the Kustomization or HelmRelease, or one above it, is suspended: the change does not roll out",
    "orphaned": "the object leaves the repository but stays in the cluster, since prune is off",
}
"""Name to what it means."""

_DATA = {
    "PersistentVolumeClaim": "its volume goes with it",
    "PersistentVolume": "its volume may go with it",
    "Namespace": "everything in it goes with it",
    "CustomResourceDefinition": "every object of its kind goes with it",
    "StatefulSet": "its pods go, and its claims may",
}
_IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"),
    "Job": ("spec.selector", "spec.template", "spec.completions"),
    "Service": ("spec.clusterIP",),
    "PersistentVolumeClaim": ("spec.storageClassName", "spec.accessModes", "spec.volumeName", "spec.selector"),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "IngressClass": ("spec.controller",),
}
_SCALED = frozenset(("Deployment", "StatefulSet", "ReplicaSet"))


def judge(action: str, old: Obj | None, new: Obj | None, unit: Unit) -> list[Danger]:
    """Every rule that a change breaks."""
    found: list[Danger] = []
    if old is not None and new is None:
        if action == "orphaned":
            found.append(Danger("orphaned", "prune is off, so it stays in the cluster unmanaged"))
        elif old.get("kind") in _DATA:
            found.append(Danger("data-loss", _DATA[str(old["kind"])]))
    for rule in _CHECKS:
        found += rule(old, new)
    above: Unit | None = unit
    while above is not None:
        if above.suspended:
            found.append(Danger("suspended", f"{above.title} is suspended"))
            break
        above = above.parent
    return found


def at(obj: Obj | None, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    value: Any = obj
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _immutable(old: Obj | None, new: Obj | None) -> Iterator[Danger]:
    if old is None or new is None:
        return
    for path in _IMMUTABLE.get(str(new.get("kind", "")), ()):
        before, after = at(old, path), at(new, path)
        if before != after and before is not None and not (after is None and path == "spec.clusterIP"):
            yield Danger("immutable", f"{path} cannot be changed; the object has to be recreated")
    if old.get("immutable") and any(old.get(key) != new.get(key) for key in ("data", "stringData", "binaryData")):
        yield Danger("immutable", "the object is marked immutable")


def _rbac(old: Obj | None, new: Obj | None) -> Iterator[Danger]:
    kind = (new or {}).get("kind")
    if new is None or kind not in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
        return
    if kind in ("Role", "ClusterRole"):
        before = set(_grants(old))
        more = [grant for grant in _grants(new) if not any(_covers(held, grant) for held in before)]
        if more:
            yield Danger("rbac-widened", "it also allows " + ", ".join(_show_grant(grant) for grant in more[:3]))
        return
    had = {_subject(subject) for subject in at(old, "subjects") or []}
    gains = sorted({_subject(subject) for subject in new.get("subjects") or []} - had)
    if gains:
        yield Danger("rbac-widened", f"{', '.join(gains[:3])} gets {at(new, 'roleRef.kind')} {at(new, 'roleRef.name')}")


Grant = tuple[str, str, str]


def _grants(obj: Obj | None) -> Iterator[Grant]:
    for rule in (obj or {}).get("rules") or []:
        for verb in rule.get("verbs") or []:
            for url in rule.get("nonResourceURLs") or []:
                yield "url", str(url), str(verb)
            for group in rule.get("apiGroups") or ([""] if rule.get("resources") else []):
                for resource in rule.get("resources") or []:
                    names = rule.get("resourceNames") or [""]
                    for name in names:
                        yield str(group), f"{resource}/{name}" if name else str(resource), str(verb)


def _covers(held: Grant, wanted: Grant) -> bool:
    return all(
        have in ("*", want) or (index == 1 and want.startswith(have + "/"))
        for index, (have, want) in enumerate(zip(held, wanted, strict=True))
    )


def _show_grant(grant: Grant) -> str:
    group, resource, verb = grant
    return f"{verb} {resource}" + (f".{group}" if group not in ("", "url") else "")


def _subject(subject: Obj) -> str:
    where = f"{subject['namespace']}/" if subject.get("namespace") else ""
    return f"{subject.get('kind', '')} {where}{subject.get('name', '')}"


def pod_spec(obj: Obj | None) -> Obj:
    """The pod spec of a workload or Pod; empty for anything else."""
    kind = (obj or {}).get("kind")
    path = {
        "Pod": "spec",
        "CronJob": "spec.jobTemplate.spec.template.spec",
        "Deployment": "spec.template.spec",
        "StatefulSet": "spec.template.spec",
        "DaemonSet": "spec.template.spec",
        "ReplicaSet": "spec.template.spec",
        "Job": "spec.template.spec",
    }.get(str(kind), "")
    found = at(obj, path) if path else None
    return found if isinstance(found, dict) else {}


def containers(obj: Obj | None) -> Iterator[Obj]:
    """Every container of a workload, init and ephemeral ones too."""
    spec = pod_spec(obj)
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(field) or []:
            if isinstance(container, dict):
                yield container


def images(obj: Obj | None) -> dict[str, str]:
    """Container name to image of a workload."""
    return {str(c.get("name", "")): str(c.get("image", "")) for c in containers(obj)}


def _powers(obj: Obj | None) -> Iterator[str]:
    spec = pod_spec(obj)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for volume in spec.get("volumes") or []:
        if isinstance(volume, dict) and volume.get("hostPath"):
            yield f"the node's {volume['hostPath'].get('path', 'files')}"
    for container in containers(obj):
        context = container.get("securityContext") or {}
        name = container.get("name", "")
        if context.get("privileged"):
            yield f"privileged container {name}"
        if context.get("allowPrivilegeEscalation"):
            yield f"privilege escalation in {name}"
        if context.get("runAsUser") == 0:
            yield f"root in {name}"
        for capability in (context.get("capabilities") or {}).get("add") or []:
            yield f"capability {capability} in {name}"


def _privileged(old: Obj | None, new: Obj | None) -> Iterator[Danger]:
    gained = [power for power in _powers(new) if power not in set(_powers(old))]
    if gained:
        yield Danger("privileged", "it gains " + ", ".join(gained[:3]))


def _scaled_down(old: Obj | None, new: Obj | None) -> Iterator[Danger]:
    if new is None or new.get("kind") not in _SCALED or at(new, "spec.replicas") != 0:
        return
    if old is not None and at(old, "spec.replicas") != 0:
        yield Danger("replicas-to-zero", "all its pods go")


_CHECKS: tuple[Callable[[Obj | None, Obj | None], Iterator[Danger]], ...] = (
    _immutable,
    _rbac,
    _privileged,
    _scaled_down,
)
