"""Puts the rooms together: cluster, repository, components and the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.bootstrap.steps import Bootstrap, Hooks
from pyflux.errors import KubeError, PyfluxError
from pyflux.kube import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.bootstrap.plan import Plan
    from pyflux.bootstrap.secret import SourceSecret
    from pyflux.env import Env
    from pyflux.git.workcopy import WorkCopy
    from pyflux.kube.client import Client


def open_cluster(env: Env, *, force: bool) -> Client:
    """The cluster, after asking whether to take over what another tool installed. Raises PyfluxError."""
    from pyflux.kube.installation import find_installation

    client = connect(env)
    if force:
        return client
    try:
        found = find_installation(client)
    except KubeError as error:
        raise type(error)(f"cluster info unavailable: {error.message}", hint=error.hint) from error
    if found is not None and found.foreign_manager:
        from pyflux.ui.confirm import confirm

        tool = found.foreign_manager
        env.log.plain(f"Flux {found.version} has been installed on this cluster with {tool}!")
        if not confirm(env, f"Are you sure you want to override the {tool} installation"):
            raise PyfluxError("bootstrap cancelled", hint="--force takes it over without asking")
    return client


def hooks(
    env: Env,
    client: Client | None,
    plan: Plan,
    manifests: str,
    publish: Callable[[SourceSecret], None],
    **more: Any,
) -> Hooks:
    """The parts that the steps get from elsewhere; `more` are fields of `Hooks`.

    Without a client, `healthy` must not be called.
    """
    from pyflux.catalog.components import to_yaml

    def components() -> list[dict[str, Any]]:
        from pyflux.bootstrap.manifests import allow_local_urls
        from pyflux.verbs.install.manifests import install_objects

        objects = install_objects(env, plan.install, manifests)
        if plan.sync.url.startswith("file://"):
            allow_local_urls(objects)
        return objects

    def text(objects: list[dict[str, Any]]) -> str:
        from pyflux.ui.yamlout import dump

        return to_yaml(objects, plan.install, dump)

    def healthy() -> bool:
        from pyflux.verbs.components import assess

        assert client is not None
        return assess(env, client, plan.install.components, poll=0.5)

    return Hooks(components, text, healthy, publish, **more)


def run_steps(
    env: Env,
    client: Client,
    work: WorkCopy,
    plan: Plan,
    *,
    manifests: str = "",
    publish: Callable[[SourceSecret], None],
) -> None:
    """The whole run; the fetched repository is removed in the end."""
    try:
        Bootstrap(env, client, work, plan, hooks(env, client, plan, manifests, publish)).run()
    finally:
        work.close()
