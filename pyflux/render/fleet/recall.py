"""What a unit rendered to when it was last asked for so and read the same: found without reading anything again.

A request is all that decides about a unit but for files; files and folders are told by their identities. Which ones a
request reads is remembered from the last time: a change that makes it read others changes one of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.render.fleet.model import is_indexed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.model import Obj
    from pyflux.render.fleet.snapshot import Snapshot

_MAX_READS = 4
"""Ways of a request that are remembered: it may read other files on another branch."""


class Rendered(NamedTuple):
    """What a unit renders to."""

    key: str
    """Where its objects are in the cache; equal for equal content."""
    total: int
    """How many objects."""
    indexed: list[Obj]
    """Those of its objects that others refer to, or that are units themselves."""
    objects: list[Obj] | None = None
    """All of them; None where they are in the cache only."""


def rendered(key: str, objects: list[Obj]) -> Rendered:
    """The objects of a unit, just made."""
    return Rendered(key, len(objects), [obj for obj in objects if is_indexed(obj)], objects)


def recalled(cache: Cache, request: str, snapshot: Snapshot) -> Rendered | None:
    """What a request rendered to with the files as they are now; None where nobody knows."""
    known = cache.get(cache.key("reads", request))
    for reads in known if isinstance(known, list) else []:
        key = _key(cache, request, snapshot, reads)
        found = cache.get(key) if key else None
        if isinstance(found, dict) and cache.has(found["key"]):
            return Rendered(found["key"], found["total"], found["indexed"])
    return None


def remember(cache: Cache, request: str, snapshot: Snapshot, reads: Iterable[str], made: Rendered) -> None:
    """Remembers what a request read and rendered to."""
    listed = sorted(reads)
    key = _key(cache, request, snapshot, listed)
    if not key:
        return
    place = cache.key("reads", request)
    known: Any = cache.get(place)
    others = [reads for reads in known if reads != listed] if isinstance(known, list) else []
    if not isinstance(known, list) or known[:1] != [listed]:
        cache.put(place, [listed, *others][:_MAX_READS])
    cache.put(key, {"key": made.key, "total": made.total, "indexed": made.indexed})


def _key(cache: Cache, request: str, snapshot: Snapshot, reads: list[str]) -> str:
    identities = [snapshot.identity(path) for path in reads]
    if None in identities:
        return ""
    return cache.key(
        "render", request, contents=[(path, found or "") for path, found in zip(reads, identities, strict=True)]
    )


def reads_of(files: Iterable[str], folders: Iterable[str]) -> list[str]:
    """The outermost folders, and the files that lie in none of them."""
    outer: list[str] = []
    for folder in sorted(folders):
        if not any(_lies_in(folder, other) for other in outer):
            outer.append(folder)
    return [*outer, *(path for path in files if not any(_lies_in(path, folder) for folder in outer))]


def _lies_in(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")
