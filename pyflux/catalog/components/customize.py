"""What the options of an installation change in the objects of a release, embedded or from its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyflux.catalog.components.rbac import DEFAULT_NAMESPACE
from pyflux.catalog.components.release import NOTIFICATION, VERSION

Object = dict[str, Any]

DEFAULT_COMPONENTS = ("source-controller", "kustomize-controller", "helm-controller", NOTIFICATION)
EXTRA_COMPONENTS = ("image-reflector-controller", "image-automation-controller", "source-watcher")
_STORES = ("source-controller", "source-watcher")
_CLUSTER_KINDS = ("Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding")


@dataclass(frozen=True)
class InstallOptions:
    """What an installation looks like; `components` is the whole list, in the order of the manifests."""

    namespace: str = DEFAULT_NAMESPACE
    components: tuple[str, ...] = DEFAULT_COMPONENTS
    version: str = VERSION
    registry: str = "ghcr.io/fluxcd"
    image_pull_secret: str = ""
    watch_all_namespaces: bool = True
    network_policy: bool = True
    log_level: str = "info"
    cluster_domain: str = "cluster.local"
    toleration_keys: tuple[str, ...] = ()

    @property
    def events_address(self) -> str:
        """Where the controllers send events; empty without a notification-controller.

        The domain is written out in full, with its last dot, so that proxies set by suffix leave it alone.
        """
        if NOTIFICATION not in self.components:
            return ""
        return f"http://{NOTIFICATION}.$(RUNTIME_NAMESPACE).svc.{self.cluster_domain}./"


def customize(
    policies: list[Object], rbac: list[Object], components: dict[str, list[Object]], options: InstallOptions
) -> list[Object]:
    """The objects to install, changed in place: namespace, policies, access rights, then each component's."""
    objects = [_namespace(options)]
    if options.network_policy:
        objects += policies
    objects += _with_suffix(rbac, options.namespace)
    for name in options.components:
        objects += components[name]
    for obj in objects:
        _place(obj, options)
        if obj["kind"] == "Deployment":
            _deployment(obj, options)
    return objects


def _namespace(options: InstallOptions) -> Object:
    labels = {
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"labels": labels, "name": options.namespace},
    }


def _with_suffix(rbac: list[Object], namespace: str) -> list[Object]:
    """Cluster-wide names carry the namespace, so that two installations do not share them."""
    names = {obj["metadata"]["name"] for obj in rbac if obj["kind"] == "ClusterRole"}
    for obj in rbac:
        obj["metadata"]["name"] += f"-{namespace}"
        role = obj.get("roleRef")
        if role and role["name"] in names:
            role["name"] += f"-{namespace}"
        for subject in obj.get("subjects", []):
            if subject.get("namespace") == DEFAULT_NAMESPACE:
                subject["namespace"] = namespace
    return rbac


def _place(obj: Object, options: InstallOptions) -> None:
    metadata = obj["metadata"]
    if obj["kind"] not in _CLUSTER_KINDS:
        metadata["namespace"] = options.namespace
    metadata.setdefault("labels", {}).update(_install_labels(options))


def _install_labels(options: InstallOptions) -> dict[str, str]:
    return {
        "app.kubernetes.io/instance": options.namespace,
        "app.kubernetes.io/version": options.version,
        "app.kubernetes.io/part-of": "flux",
    }


def _deployment(obj: Object, options: InstallOptions) -> None:
    name = obj["metadata"]["name"]
    template = obj["spec"]["template"]
    template["metadata"].setdefault("labels", {}).update(_install_labels(options))
    pod = template["spec"]
    pod.setdefault("nodeSelector", {})["kubernetes.io/os"] = "linux"
    if options.image_pull_secret:
        pod["imagePullSecrets"] = [{"name": options.image_pull_secret}]
    if options.toleration_keys:
        pod["tolerations"] = [{"key": key, "operator": "Exists"} for key in options.toleration_keys]
    for container in pod["containers"]:
        container["image"] = _image(container["image"], options)
    if name in options.components:
        _arguments(name, pod["containers"][0]["args"], options)


def _image(image: str, options: InstallOptions) -> str:
    repository, separator, tag = image.partition(":")
    name = repository.removeprefix("fluxcd/")
    if options.registry and name in options.components and name != repository:
        return f"{options.registry}/{name}{separator}{tag}"
    return image


def _arguments(name: str, args: list[str], options: InstallOptions) -> None:
    """Replaces the arguments at the places where every release has them."""
    common = [
        f"--watch-all-namespaces={'true' if options.watch_all_namespaces else 'false'}",
        f"--log-level={options.log_level}",
    ]
    if name != NOTIFICATION:
        common.insert(0, f"--events-addr={options.events_address}")
    args[: len(common)] = common
    if name in _STORES:
        args[6] = f"--storage-adv-addr={name}.$(RUNTIME_NAMESPACE).svc.{options.cluster_domain}."
    if name in ("kustomize-controller", "helm-controller"):
        # the appliers accept ExternalArtifacts only where something makes them
        args += ["--feature-gates=ExternalArtifact=true"] * options.components.count("source-watcher")
