"""What pyflux's controllers leave behind, beside what the official ones leave: objects, statuses, events."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e import pairs
from tests.e2e.pairs import Pair, condition, wait_until
from tests.e2e.world import SOURCE, World, config_map, deployment

pytestmark = pytest.mark.real

Obj = dict[str, Any]
_NAMESPACE = "fidelity"
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DURATION = re.compile(r"\b(\d+h)?(\d+m)?\d+(\.\d+)?(ms|µs|s)\b")
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
_COMMIT = re.compile(r"sha1:[0-9a-f]{40}")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FOLDER = re.compile(r"/[\w./-]*/(?=absent|apps|broken)")
_OWN = frozenset(("uid", "resourceVersion", "creationTimestamp", "time", "generation", "selfLink"))
# tar.gz of another compressor: other bytes, other digests of artifacts
_ARTIFACT = frozenset(("digest", "size", "path", "url"))


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[World, World]]:
    """The official controllers and pyflux's, each on a real API server of its own, with the same repository."""
    reason = pairs.missing(pairs.REAL_OFFICIAL)
    if reason:
        pytest.skip(reason)
    with ExitStack() as stack:
        worlds = []
        for name in (pairs.REAL_OFFICIAL, pairs.REAL_OURS):
            world = World(stack.enter_context(pairs.started(name)), _NAMESPACE)
            world.create()
            worlds.append(world)
        yield worlds[0], worlds[1]


def clean(value: Any, key: str = "") -> Any:
    """The value without what no two runs share."""
    if isinstance(value, dict):
        return {
            name: clean(item, name)
            for name, item in value.items()
            if name not in _OWN and not (key == "artifact" and name in _ARTIFACT)
        }
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, str):
        text = _UID.sub("UID", _COMMIT.sub("sha1:COMMIT", value))
        text = _ADDRESS.sub("ADDRESS", _TIMES.sub("TIME", text))
        return _FOLDER.sub("FOLDER/", _DURATION.sub("DURATION", text))
    return value


def everywhere(both: tuple[World, World], action: Any) -> None:
    for world in both:
        action(world)


def same(both: tuple[World, World], read: Any) -> None:
    differences = compare(both, read)
    assert not differences, differences


def compare(both: tuple[World, World], read: Any) -> str:
    """The differences as a text; empty where there are none."""
    official, ours = (json.dumps(clean(read(world)), indent=1, sort_keys=True).splitlines() for world in both)
    return "\n".join(difflib.unified_diff(official, ours, "official", "ours", lineterm="", n=6))


MORE = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: NAMESPACE}
spec:
  serviceName: web
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set}}
    spec:
      initContainers: [{name: init, image: 'x:1'}]
      containers:
      - name: main
        image: x:1
        ports: [{containerPort: 80}]
        livenessProbe: {httpGet: {path: /, port: 80}}
        env: [{name: A, value: b}, {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
      volumes: [{name: v, emptyDir: {}}, {name: w, configMap: {name: web}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {app: daemon}}
  template:
    metadata: {labels: {app: daemon}}
    spec: {containers: [{name: main, image: 'x:1'}], nodeSelector: {none: such}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: web, namespace: NAMESPACE}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: NAMESPACE}
spec:
  rules:
  - host: a.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: NAMESPACE}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: NAMESPACE}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 1
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: web, namespace: NAMESPACE}
spec: {hard: {pods: "100"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: web, namespace: NAMESPACE}
spec: {limits: [{type: Container, max: {memory: 1Gi}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: NAMESPACE}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: NAMESPACE}]
---
apiVersion: v1
kind: Namespace
metadata: {name: fidelity-other}
---
apiVersion: batch/v1
kind: Job
metadata: {name: web, namespace: NAMESPACE}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: 'x:1'}]}}}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: fidelity-first}
value: 10
"""


def fill(world: World) -> None:
    namespace = world.namespace
    world.commit(
        {
            "apps/cm.yaml": config_map("web", namespace, a="${color:=red}"),
            "apps/deploy.yaml": deployment("web", namespace),
            "apps/svc.yaml": f"apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: {namespace}}}\n"
            "spec: {selector: {app: web}, ports: [{port: 80}]}\n",
            "apps/secret.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: web, namespace: {namespace}}}\n"
            "stringData: {a: b}\n",
            "apps/sa.yaml": f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: web, namespace: {namespace}}}\n",
            "apps/role.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
            "metadata: {name: 'fidelity:reader'}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
            "apps/job.yaml": f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: web, namespace: {namespace}}}\n"
            "spec:\n  schedule: '0 0 1 1 *'\n  jobTemplate:\n    spec:\n      template:\n        spec:\n"
            "          restartPolicy: Never\n          containers: [{name: main, image: 'x:1'}]\n",
            "apps/netpol.yaml": f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            f"metadata: {{name: web, namespace: {namespace}}}\nspec: {{podSelector: {{}}, policyTypes: [Ingress]}}\n",
            "apps/more.yaml": MORE.replace("NAMESPACE", namespace),
            "broken/bad.yaml": "apiVersion: v1\n kind: x\n",
            "invalid/svc.yaml": f"apiVersion: v1\nkind: Service\nmetadata: {{name: bad, namespace: {namespace}}}\n"
            "spec: {ports: [{port: 99999}]}\n",
        },
        "The first commit",
    )


APPLIED = (
    ("v1", "ConfigMap", "web"),
    ("apps/v1", "Deployment", "web"),
    ("v1", "Service", "web"),
    ("v1", "Secret", "web"),
    ("v1", "ServiceAccount", "web"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "fidelity:reader"),
    ("batch/v1", "CronJob", "web"),
    ("networking.k8s.io/v1", "NetworkPolicy", "web"),
    ("apps/v1", "StatefulSet", "web"),
    ("apps/v1", "DaemonSet", "web"),
    ("v1", "PersistentVolumeClaim", "web"),
    ("networking.k8s.io/v1", "Ingress", "web"),
    ("policy/v1", "PodDisruptionBudget", "web"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "web"),
    ("v1", "ResourceQuota", "web"),
    ("v1", "LimitRange", "web"),
    ("rbac.authorization.k8s.io/v1", "Role", "web"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "web"),
    ("v1", "Namespace", "fidelity-other"),
    ("batch/v1", "Job", "web"),
    ("scheduling.k8s.io/v1", "PriorityClass", "fidelity-first"),
)
CHECKS = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": _NAMESPACE}]
CLUSTER_WIDE = ("ClusterRole", "Namespace", "PriorityClass")


def applied(world: World, api_version: str, kind: str, name: str) -> Any:
    """An applied object without its status and without the fields of other managers."""
    obj = world.pair.get(api_version, kind, name, "" if kind in CLUSTER_WIDE else world.namespace)
    assert obj is not None, f"{kind} {name} is not there"
    managed = [entry for entry in obj["metadata"]["managedFields"] if entry["manager"] == "kustomize-controller"]
    for field in ("annotations", "finalizers"):
        obj["metadata"].pop(field, None)
    obj["metadata"]["managedFields"] = managed
    for field in ("clusterIP", "clusterIPs", "volumeName"):
        obj.get("spec", {}).pop(field, None)
    obj.pop("status", None)
    return obj


def status_of(world: World, name: str) -> Any:
    obj = world.kustomization(name)
    for entry in obj["status"].get("history") or []:
        entry["totalReconciliations"] = 1
    return {"status": obj["status"], "finalizers": obj["metadata"].get("finalizers")}


def test_a_sync_leaves_the_same_behind(both: tuple[World, World]) -> None:
    everywhere(both, fill)
    everywhere(both, lambda world: world.add_source())
    everywhere(
        both, lambda world: world.add("apps", "./apps", healthChecks=CHECKS, postBuild={"substitute": {"x": "y"}})
    )
    everywhere(both, lambda world: world.ready("apps", timeout=120))
    found = {
        identity[1]: compare(both, lambda world, identity=identity: applied(world, *identity)) for identity in APPLIED
    }
    assert not any(found.values()), "\n".join(f"{kind}\n{text}" for kind, text in found.items() if text)
    same(both, lambda world: status_of(world, "apps"))
    same(both, lambda world: world.pair.source(SOURCE, world.namespace)["status"])


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("broken", "./broken", "MalformedYAML"),
        ("absent", "./absent", "path not found"),
        ("invalid", "./invalid", "dry-run failed"),
    ],
)
def test_a_failure_leaves_the_same_behind(both: tuple[World, World], name: str, path: str, text: str) -> None:
    everywhere(both, lambda world: world.add(name, path))
    everywhere(both, lambda world: world.failed(name, text))
    same(both, lambda world: status_of(world, name))


def test_a_source_that_fails_has_the_same_conditions(both: tuple[World, World]) -> None:
    """Reasons and shape; the Git libraries word the cause in their own ways."""

    def add(world: World) -> None:
        spec = {"interval": "1h", "url": world.pair.git.url_of("absent"), "ref": {"branch": "main"}}
        meta = {"name": "absent", "namespace": world.namespace}
        kind = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}
        world.pair.apply({**kind, "metadata": meta, "spec": spec})

    def failed(world: World) -> None:
        def test() -> bool:
            return condition(world.pair.source("absent", world.namespace), "Ready").get("status") == "False"

        wait_until("the source failed", test)

    def read(world: World) -> Any:
        found = world.pair.source("absent", world.namespace)["status"]
        for entry in found["conditions"]:
            entry["message"] = entry["message"].partition(":")[0]
        return found

    everywhere(both, add)
    everywhere(both, failed)
    # between two attempts; one that is under way shows other conditions
    wait_until("the same conditions", lambda: not compare(both, read), 30)


def test_the_same_events_are_left(both: tuple[World, World]) -> None:
    def read(world: World) -> Any:
        found = set()
        for name in ("apps", "invalid", "broken"):
            for event in world.pair.events(world.namespace, name):
                source = event["source"]["component"]
                found.add((name, event["type"], event["reason"], clean(event["message"]), source))
        for event in world.pair.events(world.namespace, SOURCE):
            message = clean(event["message"])
            found.add((SOURCE, event["type"], event["reason"], message, event["source"]["component"]))
        return sorted(map(list, found))

    everywhere(both, settle_events)
    same(both, read)


def settle_events(world: World) -> None:
    wait_until("the last event", lambda: _finished(world.pair), 30)


def _finished(pair: Pair) -> bool:
    return any("Reconciliation finished" in event["message"] for event in pair.events(_NAMESPACE, "apps"))
