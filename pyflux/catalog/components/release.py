"""The components of the embedded Flux release: what each controller is made of, one row a controller."""

from __future__ import annotations

from dataclasses import dataclass

from pyflux import FLUX_VERSION

VERSION = f"v{FLUX_VERSION}"
NOTIFICATION = "notification-controller"


@dataclass(frozen=True)
class Component:
    """One controller.

    `crds` are (group, kind) pairs in the order of the release; `services` maps a Service to the port it sends
    to; `volumes` maps a volume to where it is mounted; `grace` is in seconds.
    """

    name: str
    version: str
    crds: tuple[tuple[str, str], ...]
    ports: tuple[tuple[str, int], ...] = (("http-prom", 8080), ("healthz", 9440))
    services: tuple[tuple[str, str], ...] = ()
    service_control_plane: str = "controller"
    volumes: tuple[tuple[str, str], ...] = (("temp", "/tmp"),)  # noqa: S108  a path inside the container
    cpu: str = "100m"
    grace: int = 10
    critical: bool = False
    stores_artifacts: bool = False
    sends_events: bool = True
    env: tuple[tuple[str, str], ...] = ()


def _group(group: str, *kinds: str) -> tuple[tuple[str, str], ...]:
    return tuple((group, kind) for kind in kinds)


_HTTP = (("http", 9090), ("http-prom", 8080), ("healthz", 9440))
_STORE = (("data", "/data"), ("tmp", "/tmp"))  # noqa: S108

COMPONENTS: tuple[Component, ...] = (
    Component(
        name="source-controller",
        version="v1.9.4",
        crds=_group(
            "source.toolkit.fluxcd.io",
            "Bucket",
            "ExternalArtifact",
            "GitRepository",
            "HelmChart",
            "HelmRepository",
            "OCIRepository",
        ),
        ports=_HTTP,
        services=(("source-controller", "http"),),
        volumes=_STORE,
        cpu="50m",
        critical=True,
        stores_artifacts=True,
        env=(("TUF_ROOT", "/tmp/.sigstore"),),  # noqa: S108
    ),
    Component(
        name="kustomize-controller",
        version="v1.9.4",
        crds=_group("kustomize.toolkit.fluxcd.io", "Kustomization"),
        grace=60,
        critical=True,
    ),
    Component(
        name="helm-controller",
        version="v1.6.3",
        crds=_group("helm.toolkit.fluxcd.io", "HelmRelease"),
        grace=600,
        critical=True,
    ),
    Component(
        name=NOTIFICATION,
        version="v1.9.3",
        crds=_group("notification.toolkit.fluxcd.io", "Alert", "Provider", "Receiver"),
        ports=(("http", 9090), ("http-webhook", 9292), ("http-prom", 8080), ("healthz", 9440)),
        services=((NOTIFICATION, "http"), ("webhook-receiver", "http-webhook")),
        sends_events=False,
    ),
    Component(
        name="image-reflector-controller",
        version="v1.2.4",
        crds=_group("image.toolkit.fluxcd.io", "ImagePolicy", "ImageRepository"),
        volumes=(("temp", "/tmp"), ("data", "/data")),  # noqa: S108
    ),
    Component(
        name="image-automation-controller",
        version="v1.2.4",
        crds=_group("image.toolkit.fluxcd.io", "ImageUpdateAutomation"),
    ),
    Component(
        name="source-watcher",
        version="v2.2.3",
        crds=_group("source.extensions.fluxcd.io", "ArtifactGenerator"),
        ports=_HTTP,
        services=(("source-watcher", "http"),),
        service_control_plane="source-watcher",
        volumes=_STORE,
        cpu="50m",
        critical=True,
        stores_artifacts=True,
    ),
)
