"""`pyflux delete`: takes objects out of the cluster, after a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.catalog import kinds
from pyflux.errors import PyfluxError
from pyflux.kube import connect
from pyflux.ui.confirm import confirm
from pyflux.verbs import targets

if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env
    from pyflux.kube.client import Client
    from pyflux.verbs.targets import Target


def run(env: Env, call: Call) -> None:
    """`delete KIND name`."""
    kind = kinds.by_path(call.path)
    if not call.args:
        raise PyfluxError(f"{kind.human} name is required")
    _delete(env, connect(env), kind, call.args[0], silent=call.bool("silent"))


def run_named(env: Env, call: Call, wanted: list[Target]) -> None:
    """`delete KIND/NAME …`: objects of any kinds, one question each."""
    for target in wanted:
        targets.need(target.kind, "delete")
    client = connect(env)
    for target in wanted:
        _delete(env, client, target.kind, target.name, silent=call.bool("silent"))


def _delete(env: Env, client: Client, kind: Kind, name: str, *, silent: bool) -> None:
    namespace = env.kube.namespace
    targets.fetch(client, kind, name, namespace)
    if not silent and not confirm(env, f"Are you sure you want to delete this {kind.human}"):
        raise PyfluxError("aborting")
    env.log.action(f"deleting {kind.human} {name} in {namespace} namespace")
    client.delete(kind.resource, name, namespace)
    env.log.success(f"{kind.human} deleted")
