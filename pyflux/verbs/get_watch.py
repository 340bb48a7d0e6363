"""`pyflux get --watch`: what is there, then every change as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.errors import TimedOut
from pyflux.ui.table import table

if TYPE_CHECKING:
    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env
    from pyflux.kube.client import Client
    from pyflux.verbs.get_view import View


def run(env: Env, client: Client, kind: Kind, name: str, view: View) -> None:
    """Prints a row an event until `--timeout` is over, which is an error as in flux. Raises TimedOut, KubeError."""
    header = view.headers(kind) if view.header else []
    events = client.follow(kind.resource, view.namespace, name=name, labels=view.labels, timeout=env.kube.timeout)
    for _, obj in events:
        env.write(table(header, view.rows(kind, view.choose(kind, [obj]))))
        env.stdout.flush()
        header = []
    raise TimedOut("timed out waiting for the condition")
