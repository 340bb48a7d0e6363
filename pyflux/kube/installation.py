"""What a cluster says about the Flux that is installed in it, read from the labels of one CRD."""

from __future__ import annotations

from typing import NamedTuple

from pyflux.catalog.resources import Resource
from pyflux.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.kube.client import Client

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
PART_OF_FLUX = "app.kubernetes.io/part-of=flux"
_WITNESS = "gitrepositories.source.toolkit.fluxcd.io"


class Installation(NamedTuple):
    """`bootstrapped`: Flux manages itself from Git. `manager`: the tool that installed it, when not flux itself."""

    version: str = ""
    bootstrapped: bool = False
    manager: str = ""
    part_of: str = ""

    @property
    def distribution(self) -> str:
        """Such as `flux-v2.9.4`; empty where the CRD does not say."""
        return f"{self.part_of}-{self.version}" if self.part_of else self.version

    @property
    def foreign_manager(self) -> str:
        """The other tool that manages this installation; empty where flux does."""
        return "" if self.manager == "flux" else self.manager


def find_installation(client: Client) -> Installation | None:
    """The installation in the cluster, None where Flux is not installed. Raises KubeError."""
    try:
        crd = client.get(CRDS, _WITNESS)
    except NotFound:
        return None
    labels = crd["metadata"].get("labels") or {}
    return Installation(
        version=labels.get("app.kubernetes.io/version", ""),
        bootstrapped="kustomize.toolkit.fluxcd.io/namespace" in labels,
        manager=labels.get("app.kubernetes.io/managed-by", ""),
        part_of=labels.get("app.kubernetes.io/part-of", ""),
    )
