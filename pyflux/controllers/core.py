"""What the reconcilers share: options, the outcome of one reconciliation, durations and annotations of objects."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pyflux.catalog.duration import format_duration, parse_duration

if TYPE_CHECKING:
    from pyflux.controllers.queue import Key, WorkQueue
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FINALIZER = "finalizers.fluxcd.io"
COMPONENTS = ("source", "kustomize", "helm")


@dataclass(frozen=True)
class Options:
    """How the controllers run. Times in seconds."""

    storage_path: str
    """Folder for artifacts and unpacked checkouts; made where it is missing."""
    storage_addr: str = "127.0.0.1:0"
    """Where artifacts are served; port 0 takes a free one."""
    storage_adv_addr: str = ""
    """Host and port in artifact URLs, where they differ from `storage_addr`."""
    components: tuple[str, ...] = COMPONENTS
    namespace: str = ""
    """The one namespace to look after; empty for all."""
    concurrent: int = 4
    alone: bool = False
    """No other Flux controllers run in the cluster: say so on objects of kinds that are not reconciled."""
    allow_remote_bases: bool = False
    allow_file_urls: bool = False
    """Whether a GitRepository may name a repository on this machine: file:///path."""
    cross_namespace_refs: bool = True
    default_service_account: str = ""
    strict_substitution: bool = True
    jitter: float = 0.05
    """Part of an interval by which its length varies."""
    requeue_dependency: float = 30.0
    retention: float = 60.0
    """Age at which artifacts that are no longer advertised are removed."""
    labels: str = field(default="")
    """Label selector of the objects to look after; empty for all."""


class Result(NamedTuple):
    """What a reconciliation asks of the queue: again after `after` seconds, or after a growing pause when it failed."""

    after: float | None = None
    failed: bool = False


DONE = Result()


class Controller(Protocol):
    """One kind's reconciler. `reconcile` runs in several threads at once, each with a client of its own."""

    name: str
    kind: str
    queue: WorkQueue

    def reconcile(self, client: Client, key: Key) -> Result: ...


def seconds(text: object, default: float = 0.0) -> float:
    """Seconds of a Go duration such as "1m30s"; `default` for what is none."""
    try:
        return parse_duration(str(text)) / 1e9 if text else default
    except ValueError:
        return default


def go_duration(length: float) -> str:
    """Seconds as Go prints a duration."""
    return format_duration(round(length * 1e9))


def jittered(length: float, part: float) -> float:
    """A length that varies by `part` around `length`, so that equal intervals do not fall together."""
    return length * random.uniform(1 - part, 1 + part) if part else length  # noqa: S311 - no secret


def requested_at(obj: Obj) -> str:
    """The value of the annotation by which a user asks for a reconciliation."""
    return str((obj["metadata"].get("annotations") or {}).get(REQUESTED_AT) or "")


def wants_work(before: Obj | None, after: Obj | None) -> bool:
    """True for a change that asks for a reconciliation: a new object, a new generation, a request, a deletion."""
    if after is None:
        return False
    if before is None:
        return True
    old, new = before["metadata"], after["metadata"]
    return (
        old.get("generation") != new.get("generation")
        or old.get("uid") != new.get("uid")
        or bool(new.get("deletionTimestamp")) != bool(old.get("deletionTimestamp"))
        or requested(before, after)
    )


def requested(before: Obj | None, after: Obj | None) -> bool:
    """True when the change is a user's request to reconcile now."""
    if before is None or after is None:
        return False
    return bool(requested_at(after)) and requested_at(after) != requested_at(before)


def title(obj: Obj) -> str:
    """Kind/namespace/name, for logs."""
    metadata = obj["metadata"]
    return f"{obj['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
