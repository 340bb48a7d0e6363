"""`pyflux logs`: what the controllers write, one line an entry."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from pyflux.catalog.gotime import parse
from pyflux.catalog.resources import Resource
from pyflux.errors import KubeError, PyfluxError, UsageError
from pyflux.kube import connect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
_PODS = Resource("", "v1", "pods", "Pod")
_PART_OF_FLUX = "app.kubernetes.io/part-of=flux"
_CONTAINER = "manager"


class Filter:
    """Which entries to print: the flags of one `logs`."""

    def __init__(self, *, level: str = "", kind: str = "", name: str = "", namespace: str = "") -> None:
        self.level = level
        self.kind = kind.lower()
        self.name = name.lower()
        self.namespace = namespace.lower()
        """Empty for all namespaces."""

    def line(self, text: str) -> str:
        """The text to print for one line of a log; empty where it is not wanted. Raises ValueError."""
        if not text.startswith("{"):
            return ""
        entry = json.loads(text)
        if not isinstance(entry, dict):
            raise ValueError("json: cannot read the entry")
        name, namespace = _text(entry, "name"), _text(entry, "namespace")
        own_kind, controller_kind = _text(entry, "reconciler kind"), _text(entry, "controllerKind")
        if self.level and self.level != _text(entry, "level"):
            return ""
        if self.kind and self.kind not in (own_kind.lower(), controller_kind.lower()):
            return ""
        if self.name and self.name != name.lower():
            return ""
        if self.namespace and self.namespace != namespace.lower():
            return ""
        what = own_kind or controller_kind
        if name:
            what += f"/{name}.{namespace}"
        return f"{_text(entry, 'ts')} {_text(entry, 'level')} {what} - {_text(entry, 'msg')} {_text(entry, 'error')}\n"


def _text(entry: Obj, key: str) -> str:
    value = entry.get(key)
    return "" if value is None else str(value)


def run(env: Env, call: Call) -> None:
    """`logs`."""
    if call.args:
        raise UsageError("no argument required")
    client = connect(env)
    namespace = call.str("flux-namespace")
    pods = find_pods(client, namespace)
    query = _query(call)
    keep = Filter(
        level=call.str("level"),
        kind=call.str("kind"),
        name=call.str("name"),
        namespace="" if call.bool("all-namespaces") else env.kube.namespace,
    )
    jobs = [(f"{_PODS.path(namespace, pod['metadata']['name'])}/log", _for_pod(query, pod)) for pod in pods]
    if _read(env, client, jobs, keep, side_by_side=call.bool("follow")):
        return
    raise PyfluxError("failed to collect logs from all Flux pods")


def _query(call: Call) -> dict[str, str]:
    query = {"follow": "true"} if call.bool("follow") else {}
    if call.int("tail") > -1:
        query["tailLines"] = str(call.int("tail"))
    moment, seconds = call.str("since-time"), call.seconds("since")
    if moment and seconds:
        raise UsageError("at most one of `sinceTime` or `sinceDuration` may be specified")
    if moment:
        if parse(moment) is None:
            raise UsageError(f"{moment} is not a valid (RFC3339) time")
        query["sinceTime"] = moment
    if seconds:
        query["sinceSeconds"] = str(int(seconds + 0.5))
    return query


def _for_pod(query: dict[str, str], pod: Obj) -> dict[str, str]:
    several = len((pod.get("spec") or {}).get("containers") or []) > 1
    return {**query, "container": _CONTAINER} if several else query


def find_pods(client: Client, namespace: str) -> list[Obj]:
    """One pod of each Flux deployment, a running one where there is one. Raises PyfluxError for none."""
    found = []
    for deployment in client.list(_DEPLOYMENTS, namespace, labels=_PART_OF_FLUX).items:
        labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = client.list(_PODS, namespace, labels=selector).items
        if pods:
            found.append(min(pods, key=_rank))
    if not found:
        raise PyfluxError(f'no Flux pods found in namespace "{namespace}"')
    return found


def _rank(pod: Obj) -> tuple[bool, bool, bool, int, float]:
    """Sorts first the pod whose log says most: scheduled, running, ready, few restarts, newest."""
    status = pod.get("status") or {}
    ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or [])
    restarts = sum(int(each.get("restartCount") or 0) for each in status.get("containerStatuses") or [])
    created = parse(str(pod["metadata"].get("creationTimestamp", ""))) or 0.0
    return (
        not (pod.get("spec") or {}).get("nodeName"),
        status.get("phase") != "Running",
        not ready,
        restarts,
        -created,
    )


def _read(
    env: Env, client: Client, jobs: list[tuple[str, dict[str, str]]], keep: Filter, *, side_by_side: bool
) -> bool:
    """Prints the entries of all logs, one log after the other or as they come; False where one could not be read."""
    lock = threading.Lock()
    failures: list[str] = []

    def show(own: Client, path: str, query: dict[str, str]) -> None:
        try:
            _print(env, own.stream(path, query), keep, lock)
        except KubeError as error:
            with lock:
                env.log.plain(f"failed getting logs: {error.message}")
                failures.append(path)

    if not side_by_side or len(jobs) == 1:
        for path, query in jobs:
            show(client, path, query)
        return not failures
    threads = [threading.Thread(target=show, args=(client.fork(), path, query), daemon=True) for path, query in jobs]
    for thread in threads:
        thread.start()
    deadline = env.monotonic() + env.kube.timeout
    for thread in threads:
        thread.join(max(0.0, deadline - env.monotonic()))
    # as in flux, a log that cannot be followed is said and is no failure of the others
    return True


def _print(env: Env, lines: Iterable[bytes], keep: Filter, lock: threading.Lock) -> None:
    for line in lines:
        try:
            text = keep.line(line.decode("utf-8", "replace").rstrip("\r"))
        except ValueError as error:
            with lock:
                env.log.failure(f"parse error: {error}")
            return
        if text:
            with lock:
                env.write(text)
                env.stdout.flush()
