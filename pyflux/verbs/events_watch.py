"""`pyflux events --watch`: events as they come, of one or several streams."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pyflux.errors import KubeError
from pyflux.ui.table import table
from pyflux.verbs.events import _EVENTS, header, row, wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.env import Env
    from pyflux.kube.client import Client
    from pyflux.verbs.events import Query

    Obj = dict[str, Any]


def watch(env: Env, client: Client, queries: Sequence[Query], types: Sequence[str], show_namespace: bool) -> None:
    """Prints until `--timeout` is over. The first query's errors are raised, those of the others are said."""
    lock = threading.Lock()
    titles = [header(show_namespace)]

    def follow(own: Client, query: Query) -> None:
        for kind, event in own.follow(_EVENTS, query.namespace, fields=query.fields, timeout=env.kube.timeout):
            if kind == "DELETED" or not wanted(event, types):
                continue
            with lock:
                # the header goes before the first row only
                env.write(table(titles.pop() if titles else (), [row(env, event, show_namespace)]))
                env.stdout.flush()

    def beside(own: Client, query: Query) -> None:
        try:
            follow(own, query)
        except KubeError as error:
            env.log.failure(f"error watching events: {error.message}")

    for query in queries[1:]:
        threading.Thread(target=beside, args=(client.fork(), query), daemon=True).start()
    follow(client, queries[0])
