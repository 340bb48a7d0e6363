"""`pyflux logs`: what the controllers write, one line an entry."""

from __future__ import annotations

import json
import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING

from pyflux.catalog.gotime import parse
from pyflux.catalog.resources import Resource
from pyflux.errors import KubeError, PyfluxError, UsageError
from pyflux.kube import connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]
    Job = tuple[str, dict[str, str]]
    """Path and query of a pod's log."""
    Inbox = Queue[str | KubeError | ValueError | None]

_AHEAD = 1000
"""Entries of a log that are read before they can be printed."""
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
    client = connect(env, failed="kubernetes configuration load failed: ")
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
    if not _read(env, client, jobs, keep, follow=call.bool("follow")):
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


def _read(env: Env, client: Client, jobs: Sequence[Job], keep: Filter, *, follow: bool) -> bool:
    """Reads all logs at once and prints them one after the other or, following, as entries come.

    False where a log could not be read. As in flux, that is no failure while others are followed.
    """
    shared: Inbox = Queue(_AHEAD)
    boxes: list[Inbox] = [shared if follow else Queue(_AHEAD) for _ in jobs]
    for job, box in zip(jobs, boxes, strict=True):
        threading.Thread(target=_collect, args=(client.fork(), job, keep, box), daemon=True).start()
    deadline = env.monotonic() + env.kube.timeout
    complete = True
    for box in boxes:
        try:
            while (item := box.get(timeout=max(0.0, deadline - env.monotonic()))) is not None:
                if isinstance(item, str):
                    env.write(item)
                    if follow:
                        env.stdout.flush()
                elif isinstance(item, KubeError):
                    env.log.plain(f"failed getting logs: {item.message}")
                    complete = False
                else:
                    env.log.failure(f"parse error: {item}")
        except Empty:
            # time is up
            break
    return complete or (follow and len(jobs) > 1)


def _collect(client: Client, job: Job, keep: Filter, box: Inbox) -> None:
    """Puts the wanted entries of one log into `box`, then what went wrong, then None."""
    path, query = job
    try:
        for line in client.stream(path, query):
            text = keep.line(line.decode("utf-8", "replace").rstrip("\r"))
            if text:
                box.put(text)
    except (KubeError, ValueError) as error:
        box.put(error)
    finally:
        box.put(None)
