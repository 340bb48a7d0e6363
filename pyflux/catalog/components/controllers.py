"""The objects of one controller, from its row: CRDs, account, services and Deployment, without any option."""

from __future__ import annotations

from typing import Any

from pyflux.catalog import api
from pyflux.catalog.components.release import NOTIFICATION, Component

PART_OF = {"app.kubernetes.io/part-of": "flux"}


def component_objects(component: Component) -> list[dict[str, Any]]:
    """The objects of `component` as a release's file has them, in its order."""
    objects = [api.crd(group, kind) for group, kind in component.crds]
    objects.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": component.name}})
    objects += [_service(component, name, port) for name, port in component.services]
    objects.append(_deployment(component))
    for obj in objects:
        labels = obj["metadata"].setdefault("labels", {})
        labels.update(_labels(component))
    return objects


def _labels(component: Component) -> dict[str, str]:
    return {"app.kubernetes.io/component": component.name, **PART_OF}


def _service(component: Component, name: str, port: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"labels": {"control-plane": component.service_control_plane}, "name": name},
        "spec": {
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port}],
            "selector": {"app": component.name},
            "type": "ClusterIP",
        },
    }


def _deployment(component: Component) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "replicas": 1,
        "selector": {"matchLabels": {"app": component.name}},
        "template": {
            "metadata": {
                "annotations": {"prometheus.io/port": "8080", "prometheus.io/scrape": "true"},
                "labels": {"app": component.name, **_labels(component)},
            },
            "spec": _pod(component),
        },
    }
    if component.stores_artifacts:
        # two pods must not write to one storage
        spec["strategy"] = {"type": "Recreate"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"labels": {"control-plane": "controller"}, "name": component.name},
        "spec": spec,
    }


def _pod(component: Component) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "containers": [_container(component)],
        "securityContext": {"fsGroup": 1337},
        "serviceAccountName": component.name,
        "terminationGracePeriodSeconds": component.grace,
        "volumes": [{"emptyDir": {}, "name": name} for name, _ in component.volumes],
    }
    if component.critical:
        pod["priorityClassName"] = "system-cluster-critical"
    return pod


def _container(component: Component) -> dict[str, Any]:
    # what serves artifacts is ready when it serves them
    ready = ("/", "http") if component.stores_artifacts else ("/readyz", "healthz")
    return {
        "args": _args(component),
        "env": _env(component),
        "image": f"fluxcd/{component.name}:{component.version}",
        "imagePullPolicy": "IfNotPresent",
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "healthz"}},
        "name": "manager",
        "ports": [{"containerPort": port, "name": name, "protocol": "TCP"} for name, port in component.ports],
        "readinessProbe": {"httpGet": {"path": ready[0], "port": ready[1]}},
        "resources": {
            "limits": {"cpu": "1000m", "memory": "1Gi"},
            "requests": {"cpu": component.cpu, "memory": "64Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"mountPath": path, "name": name} for name, path in component.volumes],
    }


def _args(component: Component) -> list[str]:
    """The order counts: options replace arguments by their place."""
    events = f"--events-addr=http://{NOTIFICATION}.flux-system.svc.cluster.local./"
    args = [events] if component.sends_events else []
    args += ["--watch-all-namespaces", "--log-level=info", "--log-encoding=json", "--enable-leader-election"]
    if component.stores_artifacts:
        address = f"{component.name}.$(RUNTIME_NAMESPACE).svc.cluster.local."
        args += ["--storage-path=/data", f"--storage-adv-addr={address}"]
    return args


def _env(component: Component) -> list[dict[str, Any]]:
    memory = {"resourceFieldRef": {"containerName": "manager", "resource": "limits.memory"}}
    return [
        {"name": "RUNTIME_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        *({"name": name, "value": value} for name, value in component.env),
        {"name": "GOMEMLIMIT", "valueFrom": memory},
    ]
