"""Defaults of pods and pod templates."""

from __future__ import annotations

import re

from pyflux.sandbox.status import Obj

_VOLUME_SOURCES_WITH_MODE = {"secret": 420, "configMap": 420, "downwardAPI": 420, "projected": 420}
_RBD = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_SCALE_IO = {"storageMode": "ThinProvisioned", "fsType": "xfs"}
_AZURE_DISK = {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False}
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@[A-Za-z0-9+._-]+:[0-9a-fA-F]{{32,}})?\Z"
)
_TAG = re.compile(r":([^/:@]+)(@.*)?$")


def pull_policy(image: str) -> str:
    """Always for `latest` and untagged images; what is no image's name has no tag."""
    if not _IMAGE.match(image):
        return "IfNotPresent"
    if "@" in image and not _TAG.search(image.split("@")[0]):
        return "IfNotPresent"
    found = _TAG.search(image)
    return "Always" if found is None or found.group(1) == "latest" else "IfNotPresent"


def _http(action: Obj | None) -> None:
    if action is not None:
        action.setdefault("path", "/")
        action.setdefault("scheme", "HTTP")


def _probe(probe: Obj | None) -> None:
    if probe is None:
        return
    for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        probe.setdefault(key, value)
    _http(probe.get("httpGet"))
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def container(item: Obj) -> None:
    """Defaults of one container."""
    item.setdefault("imagePullPolicy", pull_policy(item.get("image", "")))
    item.setdefault("terminationMessagePath", "/dev/termination-log")
    item.setdefault("terminationMessagePolicy", "File")
    for port in item.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for variable in item.get("env") or []:
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        _probe(item.get(name))
    for hook in ("postStart", "preStop"):
        _http(((item.get("lifecycle") or {}).get(hook) or {}).get("httpGet"))


def _field_refs(items: list[Obj] | None) -> None:
    for item in items or []:
        if "fieldRef" in item:
            item["fieldRef"].setdefault("apiVersion", "v1")


def volume(item: Obj) -> None:
    """Defaults of one volume."""
    if len(item) == 1:
        item["emptyDir"] = {}
    for source, mode in _VOLUME_SOURCES_WITH_MODE.items():
        if source in item:
            item[source].setdefault("defaultMode", mode)
    _field_refs((item.get("downwardAPI") or {}).get("items"))
    for source in (item.get("projected") or {}).get("sources") or []:
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        _field_refs((source.get("downwardAPI") or {}).get("items"))
    for name, values in (("rbd", _RBD), ("scaleIO", _SCALE_IO), ("azureDisk", _AZURE_DISK)):
        if name in item:
            for key, value in values.items():
                item[name].setdefault(key, value)
    if "iscsi" in item:
        item["iscsi"].setdefault("iscsiInterface", "default")
    if "hostPath" in item:
        item["hostPath"].setdefault("type", "")
    if "image" in item:
        image = item["image"]
        image.setdefault("pullPolicy", pull_policy(image.get("reference", "")))
    claim = ((item.get("ephemeral") or {}).get("volumeClaimTemplate") or {}).get("spec")
    if claim is not None:
        claim.setdefault("volumeMode", "Filesystem")


def pod_spec(spec: Obj) -> None:
    """Defaults of a pod's spec, in a pod or a template."""
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("schedulerName", "default-scheduler")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for item in spec.get(kind) or []:
            container(item)
    for item in spec.get("volumes") or []:
        volume(item)


def template(owner: Obj) -> None:
    """Defaults of `template` in a workload's spec."""
    held = owner.get("template")
    if held is not None and isinstance(held.get("spec"), dict):
        pod_spec(held["spec"])


def pod(obj: Obj) -> None:
    """Defaults of a Pod."""
    spec = obj.setdefault("spec", {})
    for kind in ("containers", "initContainers"):
        for item in spec.get(kind) or []:
            limits = (item.get("resources") or {}).get("limits")
            if limits:
                requests = item["resources"].setdefault("requests", {})
                for key, value in limits.items():
                    requests.setdefault(key, value)
            if spec.get("hostNetwork"):
                for port in item.get("ports") or []:
                    port.setdefault("hostPort", port.get("containerPort"))
    spec.setdefault("enableServiceLinks", True)
    pod_spec(spec)


def pod_template(obj: Obj) -> None:
    """Defaults of a PodTemplate."""
    template(obj)
