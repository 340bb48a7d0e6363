"""The kinds of Flux, one row each: where their objects are, what people call them, what the verbs do with them.

Plain classes and tuples: this module is on the way of every hot command.
"""

from __future__ import annotations

from pyflux.catalog import columns
from pyflux.catalog.resources import Resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyflux.catalog.columns import Column

SOURCE = "source.toolkit.fluxcd.io"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
HELM = "helm.toolkit.fluxcd.io"
NOTIFICATION = "notification.toolkit.fluxcd.io"
IMAGE = "image.toolkit.fluxcd.io"
EXTENSIONS = "source.extensions.fluxcd.io"

RECONCILE_ANNOTATION = "reconcile.fluxcd.io/requestedAt"
FORCE_ANNOTATION = "reconcile.fluxcd.io/forceAt"
RESET_ANNOTATION = "reconcile.fluxcd.io/resetAt"

_DAILY = ("get", "export", "suspend", "resume", "delete")
_FULL = (*_DAILY, "reconcile")
_READ = ("get", "export")


class Kind:
    """One kind.

    `human` is its name in messages ("source git"); `one` and `many` are its words on the command line
    (`suspend source git`, `get sources git`); `short` holds other names, kubectl's among them; `older` holds
    API versions that earlier releases of Flux served.
    """

    __slots__ = (
        "columns",
        "human",
        "many",
        "older",
        "one",
        "resource",
        "short",
        "shows_source",
        "static",
        "verbs",
    )

    def __init__(
        self,
        resource: Resource,
        human: str,
        one: tuple[str, ...],
        many: tuple[str, ...],
        columns: Sequence[Column],
        *,
        short: tuple[str, ...] = (),
        verbs: tuple[str, ...] = _FULL,
        static: bool = False,
        shows_source: bool = False,
        older: tuple[str, ...] = (),
    ) -> None:
        self.resource = resource
        self.human = human
        self.one = one
        self.many = many
        self.columns = tuple(columns)
        """(header, function) pairs that `get` shows after the name."""
        self.short = short
        self.verbs = verbs
        self.static = static
        """True where no controller reconciles the object: it is ready as it is."""
        self.shows_source = shows_source
        """True where `get` takes `--show-source`."""
        self.older = older

    @property
    def name(self) -> str:
        """The API's word: "GitRepository"."""
        return self.resource.kind

    @property
    def group(self) -> str:
        return self.resource.group

    @property
    def version(self) -> str:
        return self.resource.version

    @property
    def cli(self) -> str:
        """Its words in `suspend`, `export` and the like: "source git"."""
        return " ".join(self.one)


KUSTOMIZATION = Kind(
    Resource(KUSTOMIZE, "v1", "kustomizations", "Kustomization"),
    "kustomization",
    ("kustomization",),
    ("kustomizations",),
    columns.KUSTOMIZATION,
    short=("ks",),
    shows_source=True,
    older=("v1beta2", "v1beta1"),
)
HELM_RELEASE = Kind(
    Resource(HELM, "v2", "helmreleases", "HelmRelease"),
    "helmrelease",
    ("helmrelease",),
    ("helmreleases",),
    columns.HELM_RELEASE,
    short=("hr",),
    shows_source=True,
    older=("v2beta2", "v2beta1"),
)
GIT_REPOSITORY = Kind(
    Resource(SOURCE, "v1", "gitrepositories", "GitRepository"),
    "source git",
    ("source", "git"),
    ("sources", "git"),
    columns.FETCHED,
    short=("gitrepo",),
    older=("v1beta2", "v1beta1"),
)
OCI_REPOSITORY = Kind(
    Resource(SOURCE, "v1", "ocirepositories", "OCIRepository"),
    "source oci",
    ("source", "oci"),
    ("sources", "oci"),
    columns.FETCHED,
    short=("ocirepo",),
    older=("v1beta2",),
)
HELM_REPOSITORY = Kind(
    Resource(SOURCE, "v1", "helmrepositories", "HelmRepository"),
    "source helm",
    ("source", "helm"),
    ("sources", "helm"),
    columns.HELM_REPOSITORY,
    short=("helmrepo",),
    older=("v1beta2", "v1beta1"),
)
HELM_CHART = Kind(
    Resource(SOURCE, "v1", "helmcharts", "HelmChart"),
    "source chart",
    ("source", "chart"),
    ("sources", "chart"),
    columns.HELM_CHART,
    short=("hc",),
    older=("v1beta2", "v1beta1"),
)
BUCKET = Kind(
    Resource(SOURCE, "v1", "buckets", "Bucket"),
    "source bucket",
    ("source", "bucket"),
    ("sources", "bucket"),
    columns.FETCHED,
    older=("v1beta2", "v1beta1"),
)
EXTERNAL_ARTIFACT = Kind(
    Resource(SOURCE, "v1", "externalartifacts", "ExternalArtifact"),
    "source external-artifact",
    ("source", "external"),
    ("sources", "external"),
    columns.EXTERNAL_ARTIFACT,
    short=("ea",),
    verbs=_READ,
)
IMAGE_REPOSITORY = Kind(
    Resource(IMAGE, "v1", "imagerepositories", "ImageRepository"),
    "image repository",
    ("image", "repository"),
    ("images", "repository"),
    columns.IMAGE_REPOSITORY,
    short=("imgrepo", "imagerepo"),
    older=("v1beta2", "v1beta1"),
)
IMAGE_POLICY = Kind(
    Resource(IMAGE, "v1", "imagepolicies", "ImagePolicy"),
    "image policy",
    ("image", "policy"),
    ("images", "policy"),
    columns.IMAGE_POLICY,
    short=("imgpol", "imagepol"),
    older=("v1beta2", "v1beta1"),
)
IMAGE_UPDATE = Kind(
    Resource(IMAGE, "v1", "imageupdateautomations", "ImageUpdateAutomation"),
    "image update automation",
    ("image", "update"),
    ("images", "update"),
    columns.IMAGE_UPDATE,
    short=("iua", "imgupd", "imgauto"),
    older=("v1beta2", "v1beta1"),
)
ALERT = Kind(
    Resource(NOTIFICATION, "v1beta3", "alerts", "Alert"),
    "alert",
    ("alert",),
    ("alerts",),
    columns.ALERT,
    verbs=_DAILY,
    static=True,
    older=("v1beta2", "v1beta1"),
)
PROVIDER = Kind(
    Resource(NOTIFICATION, "v1beta3", "providers", "Provider"),
    "alert provider",
    ("alert-provider",),
    ("alert-providers",),
    columns.PROVIDER,
    verbs=_DAILY,
    static=True,
    older=("v1beta2", "v1beta1"),
)
RECEIVER = Kind(
    Resource(NOTIFICATION, "v1", "receivers", "Receiver"),
    "receiver",
    ("receiver",),
    ("receivers",),
    columns.PLAIN,
    older=("v1beta2", "v1beta1"),
)
ARTIFACT_GENERATOR = Kind(
    Resource(EXTENSIONS, "v1beta1", "artifactgenerators", "ArtifactGenerator"),
    "artifactgenerator",
    ("artifact", "generator"),
    ("artifacts", "generators"),
    columns.PLAIN,
    short=("ag",),
    verbs=_READ,
)

KINDS = (
    KUSTOMIZATION,
    HELM_RELEASE,
    GIT_REPOSITORY,
    OCI_REPOSITORY,
    HELM_REPOSITORY,
    HELM_CHART,
    BUCKET,
    EXTERNAL_ARTIFACT,
    IMAGE_REPOSITORY,
    IMAGE_POLICY,
    IMAGE_UPDATE,
    ALERT,
    PROVIDER,
    RECEIVER,
    ARTIFACT_GENERATOR,
)

SOURCES = (OCI_REPOSITORY, BUCKET, GIT_REPOSITORY, HELM_REPOSITORY, HELM_CHART, EXTERNAL_ARTIFACT)
"""`get sources all`, in its order."""
IMAGES = (IMAGE_REPOSITORY, IMAGE_POLICY, IMAGE_UPDATE)
"""`get images all`, in its order."""
ALL = (*SOURCES, *IMAGES, HELM_RELEASE, KUSTOMIZATION, RECEIVER, PROVIDER, ALERT)
"""`get all`, in its order."""
STATS = (
    GIT_REPOSITORY,
    OCI_REPOSITORY,
    HELM_REPOSITORY,
    HELM_CHART,
    BUCKET,
    KUSTOMIZATION,
    HELM_RELEASE,
    ALERT,
    PROVIDER,
    RECEIVER,
    IMAGE_UPDATE,
    IMAGE_POLICY,
    IMAGE_REPOSITORY,
)
"""`stats`, in its order."""

_by_name: dict[str, Kind] = {}
_by_word: dict[str, Kind] = {}
_by_path: dict[tuple[str, ...], Kind] = {}


def kind(name: str) -> Kind:
    """The kind that the API calls `name`. Raises KeyError."""
    if not _by_name:
        _by_name.update((entry.name, entry) for entry in KINDS)
    return _by_name[name]


def by_path(path: tuple[str, ...]) -> Kind:
    """The kind that a command's path names: ("get", "sources", "git"). Raises KeyError."""
    if not _by_path:
        for entry in KINDS:
            _by_path[entry.one] = _by_path[entry.many] = entry
    return _by_path[path[1:]]


def by_word(word: str) -> Kind | None:
    """The kind that a user names in one word: "ks", "GitRepository", "helmreleases.helm.toolkit.fluxcd.io"."""
    if not _by_word:
        for entry in KINDS:
            resource = entry.resource
            words = (resource.kind.lower(), resource.plural, resource.group_resource, *entry.short)
            _by_word.update((each, entry) for each in words)
            if len(entry.one) == 1:
                _by_word[entry.one[0]] = _by_word[entry.many[0]] = entry
    return _by_word.get(word.lower())
