"""`pyflux stats`: how many objects of each kind run, fail and are suspended, and what their artifacts weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.catalog import columns, kinds
from pyflux.errors import KubeError, NoMatch, SilentExit, Unauthorized
from pyflux.kube import connect
from pyflux.ui.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]

HEADER = ["Reconcilers", "Running", "Failing", "Suspended", "Storage"]


def run(env: Env, call: Call) -> None:
    """`stats`."""
    if call.strings("contexts"):
        from pyflux.verbs.contexts import gather

        found, failed = gather(env, call, rows)
        lines = [[context, *row] for context, part in found for row in part]
        if found:
            env.write(table(["Context", *HEADER], lines))
        if failed:
            raise SilentExit("")
        return
    env.write(table(HEADER, rows(env, call)))


def rows(env: Env, call: Call) -> list[list[str]]:
    """The table's rows. A kind that the cluster does not have counts as none of it, and so does, with a warning, one
    that cannot be listed."""
    namespace = "" if call.bool("all-namespaces") else env.kube.namespace
    answers = connect(env).list_many([(kind.resource, namespace) for kind in kinds.STATS])
    found = []
    refused = [answer for answer in answers if isinstance(answer, KubeError) and not isinstance(answer, NoMatch)]
    for answer in refused:
        if isinstance(answer, Unauthorized):
            raise answer
    if refused:
        many = "1 kind is" if len(refused) == 1 else f"{len(refused)} kinds are"
        env.log.warning(f"{many} not counted: {refused[0].message}")
    for kind, listed in zip(kinds.STATS, answers, strict=True):
        found.append([kind.name, *_figures([] if isinstance(listed, KubeError) else listed.items)])
    return found


def _figures(objects: Sequence[Obj]) -> list[str]:
    suspended = failing = size = 0
    for obj in objects:
        suspended += bool((obj.get("spec") or {}).get("suspend"))
        failing += any(
            found.get("type") == "Ready" and found.get("status") == "False" for found in columns.conditions(obj)
        )
        size += int(columns.artifact(obj).get("size") or 0)
    return [str(len(objects) - suspended), str(failing), str(suspended), format_size(size)]


def format_size(size: int) -> str:
    """Bytes for people: 1234 → "1.2 KiB"; "-" for none."""
    if size == 0:
        return "-"
    if size < 1024:
        return f"{size} B"
    unit, rest = 0, size
    while rest >= 1024 * 1024:
        rest //= 1024
        unit += 1
    return f"{size / 1024 ** (unit + 1):.1f} {'KMGTPE'[unit]}iB"
