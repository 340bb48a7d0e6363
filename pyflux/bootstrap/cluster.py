"""What bootstrap looks up and applies in the cluster."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.bootstrap.plan import KUSTOMIZATION_NAMES
from pyflux.catalog.kinds import kind
from pyflux.errors import NotFound, PyfluxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyflux.bootstrap.plan import SyncOptions
    from pyflux.env import Env
    from pyflux.git.workcopy import WorkCopy
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_REQUIRED = ("source-controller", "kustomize-controller")


def must_install(client: Client, namespace: str) -> bool:
    """Whether the components have to be applied from here: Flux does not yet manage itself, or is incomplete."""
    try:
        found = client.get(kind("Kustomization").resource, namespace, namespace)
    except NotFound:
        return True
    if not (found.get("status") or {}).get("lastAppliedRevision"):
        return True
    from pyflux.catalog.resources import built_in

    deployments = built_in("apps/v1", "Deployment")
    assert deployments is not None
    answers = client.get_many([(deployments, name, namespace) for name in _REQUIRED])
    return any(isinstance(answer, NotFound) for answer in answers)


def read_secret(client: Client, name: str, namespace: str) -> dict[str, str] | None:
    """A secret's entries as text; None where there is no such secret."""
    import base64

    from pyflux.catalog.resources import built_in

    resource = built_in("v1", "Secret")
    assert resource is not None
    try:
        found = client.get(resource, name, namespace)
    except NotFound:
        return None
    data = found.get("data") or {}
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}


def check_sync_path(client: Client, options: SyncOptions) -> None:
    """Raises PyfluxError when the cluster syncs with another path of the repository already."""
    try:
        found = client.get(kind("Kustomization").resource, options.name, options.namespace)
    except NotFound:
        return
    current = str((found.get("spec") or {}).get("path") or "")
    if _normal(options.path) != _normal(current):
        raise PyfluxError(
            f'sync path configuration ("{options.path}") would overwrite path ("{current}") of existing Kustomization',
            hint=f"use --path={current}, or delete the Kustomization {options.namespace}/{options.name} first",
        )


def _normal(path: str) -> str:
    if len(path) > 2:
        path = path.removesuffix("/")
    return "./" + path.removeprefix("./")


def repository_objects(
    work: WorkCopy, folder: str, generated: str, parts: Iterable[Obj], files: Mapping[str, str]
) -> list[Obj]:
    """The objects of the folder that bootstrap writes, as the cluster is to have them.

    `generated` is the kustomization.yaml that bootstrap would write; where the repository has another one, the
    user's, kustomize builds it. `parts` are the objects of bootstrap's own files; `files` (name to text) are those
    that will be in the folder and may not be yet, though the user's kustomization names them.
    """
    own = next((data for name in KUSTOMIZATION_NAMES if (data := work.read(f"{folder}/{name}")) is not None), None)
    if own is None or own.decode(errors="replace") == generated:
        return list(parts)
    from pyflux.render.kustomize import build
    from pyflux.ui.yamlin import load_all

    with tempfile.TemporaryDirectory(prefix="pyflux-bootstrap-") as scratch:
        root = os.path.join(scratch, "repository")
        os.mkdir(root)
        work.checkout(root)
        for name, text in files.items():
            path = os.path.join(root, folder, name)
            if not os.path.exists(path):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
        # the user applies their own repository here: remote bases are as good as with kubectl apply -k
        built = build(root, folder, {}, allow_remote=True)
    return [obj for obj in load_all(built) if obj]


def apply(env: Env, client: Client, objects: list[Obj]) -> None:
    """Applies CRDs and namespaces, waits for them, then applies the rest. Raises KubeError."""
    from pyflux.kube.staged import apply_staged

    apply_staged(env, client, objects)
