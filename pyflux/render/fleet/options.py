"""How a checkout is built, and where what it does not hold comes from."""

from __future__ import annotations

import os
from functools import cache as cached
from typing import TYPE_CHECKING

from pyflux.render.fleet.model import Obj, ObjectId, Unavailable, Unit, id_of, show_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.snapshot import Snapshot
    from pyflux.render.sops import Sops


class Place:
    """Where things outside the checkout come from: callbacks of the verb, which may use the network.

    `source(obj, index)` gives the folder of a GitRepository, OCIRepository, Bucket or ExternalArtifact;
    `chart(release, source, index)` the folder or archive of a HelmRelease's chart; `dependency(repository, name,
    version)` the archive of a chart that another one depends on. All raise Unavailable.
    """

    def __init__(
        self,
        source: Callable[[Obj, Mapping[ObjectId, Obj]], str] | None = None,
        chart: Callable[[Obj, Mapping[ObjectId, Obj]], str] | None = None,
        dependency: Callable[[str, str, str], str] | None = None,
    ) -> None:
        self.source = source or _no_source
        self.chart = chart or _no_chart
        self.dependency = dependency or _no_dependency


def _no_source(obj: Obj, index: Mapping[ObjectId, Obj]) -> str:
    raise Unavailable(f"{show_id(id_of(obj))} is not this repository")


def _no_chart(release: Obj, index: Mapping[ObjectId, Obj]) -> str:
    raise Unavailable("its chart is not in this repository")


def _no_dependency(repository: str, name: str, version: str) -> str:
    raise Unavailable(f"chart {name} of {repository} is not in this repository")


class Options:
    """How to build a checkout."""

    def __init__(
        self,
        checkout: Snapshot,
        cache: Cache,
        *,
        path: str = "",
        place: Place | None = None,
        remotes: Callable[[], Sequence[str]] = tuple,
        local: Mapping[ObjectId, str] | None = None,
        workers: int = 0,
        progress: Callable[[Unit], None] | None = None,
        helm: bool = True,
        sops: Sops | None = None,
        seen: set[str] | None = None,
        scratch: str | None = None,
    ) -> None:
        self.checkout = checkout
        self.cache = cache
        self.path = path
        self.place = place or Place()
        self.remotes = cached(remotes)
        """The addresses of this repository; they may take a look at its configuration."""
        self.local = dict(local or {})
        """Folders that stand in for sources, by the source's id."""
        self.workers = workers or min(8, (os.cpu_count() or 1) + 1)
        self.progress = progress or (lambda _unit: None)
        self.helm = helm
        self.sops = sops
        """Decrypts what Kustomizations with `spec.decryption` hold; None leaves it encrypted."""
        self.decrypted = set() if seen is None else seen
        """What it has decrypted so far."""
        self.scratch = scratch
        """A folder for what has to be written out, removed by its owner."""
