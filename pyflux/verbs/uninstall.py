"""`pyflux uninstall`: components, finalizers, CRDs, namespace, in this order.

The controllers go first, so that none of them reacts to the deletion of objects: what Flux applied stays.
"""

from __future__ import annotations

from typing import Any

from pyflux.catalog import api
from pyflux.catalog.resources import Resource, built_in
from pyflux.env import Call, Env
from pyflux.errors import KubeError, NotFound, PyfluxError, Unauthorized
from pyflux.kube import connect
from pyflux.kube.client import Client
from pyflux.kube.installation import CRDS, PART_OF_FLUX, find_installation

_COMPONENTS = (
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
)
_KINDS = (
    "GitRepository",
    "OCIRepository",
    "HelmRepository",
    "HelmChart",
    "Bucket",
    "Kustomization",
    "HelmRelease",
    "Alert",
    "Provider",
    "Receiver",
    "ImagePolicy",
    "ImageRepository",
    "ImageUpdateAutomation",
    "ArtifactGenerator",
    "ExternalArtifact",
)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
PATIENCE = 3.0
"""Seconds to watch the namespace go; by then the API server knows what would keep it for ever."""


def run(env: Env, call: Call) -> None:
    """Asks, unless it is a dry run or silent. Raises KubeError, PyfluxError when something was left behind."""
    client = connect(env)
    dry_run = call.bool("dry-run")
    if not dry_run and not call.bool("silent"):
        _ask(env, client)
    removal = Removal(env, client, dry_run)
    env.log.action(f"deleting components in {env.kube.namespace} namespace")
    removal.components()
    env.log.action("deleting toolkit.fluxcd.io finalizers in all namespaces")
    removal.finalizers()
    env.log.action("deleting toolkit.fluxcd.io custom resource definitions")
    removal.definitions()
    if not call.bool("keep-namespace"):
        removal.namespace()
    if removal.failures:
        raise PyfluxError(
            f"uninstall incomplete: {removal.failures} of the deletions failed",
            hint="the reasons are above; run the command again when they are gone",
        )
    env.log.success("uninstall finished")


def _ask(env: Env, client: Client) -> None:
    from pyflux.ui.confirm import confirm

    try:
        found = find_installation(client)
    except KubeError as error:
        raise type(error)(f"cluster info unavailable: {error.message}", hint=error.hint) from error
    question = "Are you sure you want to delete Flux and its custom resource definitions"
    if found is not None and found.foreign_manager:
        tool = found.foreign_manager
        question = f"Flux is managed by {tool}! Are you sure you want to delete Flux and its CRDs using Flux CLI"
    if not confirm(env, question):
        raise PyfluxError("aborting")


class Removal:
    """Deletes step by step and goes on after a failure; `failures` counts what could not be deleted."""

    def __init__(self, env: Env, client: Client, dry_run: bool) -> None:
        self._env = env
        self._client = client
        self._dry_run = dry_run
        # flux ends these lines with a space where it is no dry run
        self._mark = "(dry run)" if dry_run else ""
        self.failures = 0

    def components(self) -> None:
        """What carries the label of Flux: in the namespace, and the access rights."""
        resources = [resource for key in _COMPONENTS if (resource := built_in(*key)) is not None]
        namespace = self._env.kube.namespace
        pairs = [(resource, namespace if resource.namespaced else "") for resource in resources]
        for resource, items in self._listed(pairs, labels=PART_OF_FLUX):
            for obj in items:
                self._delete(resource, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))

    def finalizers(self) -> None:
        """Nothing is left that would act on the finalizers of Flux objects: they are taken off."""
        kinds = {kind.kind: kind for kind in api.kinds()}
        resources = [
            Resource(kind.group, kind.version, kind.plural, kind.kind) for kind in (kinds[name] for name in _KINDS)
        ]
        for resource, items in self._listed([(resource, "") for resource in resources]):
            for obj in items:
                self._drop_finalizers(resource, obj)

    def definitions(self) -> None:
        """The CRDs, and with them all objects of their kinds."""
        for _, items in self._listed([(CRDS, "")], labels=PART_OF_FLUX):
            for obj in items:
                self._delete(CRDS, obj["metadata"]["name"])

    def namespace(self) -> None:
        """The namespace; says what it waits for when it does not go."""
        name = self._env.kube.namespace
        try:
            self._client.delete(NAMESPACES, name, dry_run=self._dry_run)
        except KubeError as error:
            self._failed(f"Namespace/{name} deletion failed", error, gone_is_fine=True)
            return
        self._env.log.success(f"Namespace/{name} deleted {self._mark}")
        if not self._dry_run:
            self._explain_if_stuck(name)

    def _listed(self, pairs: list[tuple[Resource, str]], labels: str = "") -> list[tuple[Resource, list[Any]]]:
        found: list[tuple[Resource, list[Any]]] = []
        for (resource, _), answer in zip(pairs, self._client.list_many(pairs, labels=labels), strict=True):
            if isinstance(answer, NotFound):
                continue
            if isinstance(answer, KubeError):
                self._failed(f"listing {resource.plural} failed", answer)
                continue
            found.append((resource, answer.items))
        return found

    def _delete(self, resource: Resource, name: str, namespace: str = "") -> None:
        subject = "/".join(part for part in (resource.kind, namespace, name) if part)
        try:
            self._client.delete(resource, name, namespace, dry_run=self._dry_run)
        except KubeError as error:
            self._failed(f"{subject} deletion failed", error, gone_is_fine=True)
            return
        self._env.log.success(f"{subject} deleted {self._mark}")

    def _drop_finalizers(self, resource: Resource, obj: dict[str, Any]) -> None:
        meta = obj["metadata"]
        subject = f"{resource.kind}/{meta['namespace']}/{meta['name']}"
        if meta.get("finalizers"):
            patch = {"metadata": {"finalizers": None}}
            try:
                self._client.patch(resource, meta["name"], meta["namespace"], patch, dry_run=self._dry_run)
            except KubeError as error:
                self._failed(f"{subject} removing finalizers failed", error, gone_is_fine=True)
                return
        self._env.log.success(f"{subject} finalizers deleted {self._mark}")

    def _failed(self, what: str, error: KubeError, *, gone_is_fine: bool = False) -> None:
        if isinstance(error, Unauthorized):
            raise error
        self._env.log.failure(f"{what}: {error.message}")
        if not (gone_is_fine and isinstance(error, NotFound)):
            self.failures += 1

    def _explain_if_stuck(self, name: str) -> None:
        from pyflux.kube.staged import namespace_blockers

        env = self._env
        deadline = env.monotonic() + min(PATIENCE, env.kube.timeout)
        pause = 0.2
        while True:
            try:
                namespace = self._client.get(NAMESPACES, name)
            except KubeError:
                return
            blockers = namespace_blockers(namespace)
            if blockers or env.monotonic() >= deadline:
                break
            env.sleep(pause)
            pause = min(pause * 2, 1.0)
        for reason in blockers:
            env.log.warning(f"Namespace/{name} is stuck: {reason}")
