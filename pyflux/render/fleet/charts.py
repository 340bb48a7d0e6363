"""A chart in a checkout as source-controller packs it: less links and what the source leaves out, with dependencies."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.catalog.semver import Constraint, Version
from pyflux.errors import PyfluxError
from pyflux.render.fleet.copying import Tree
from pyflux.render.fleet.snapshot import normal
from pyflux.ui.yamlin import YamlError, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.render.fleet.snapshot import Snapshot
    from pyflux.render.ignore import Ignore

    Obj = dict[str, Any]
    Fetch = Callable[[str, str, str], str]
    """(repository, name, version) to the archive of a chart; raises Unavailable"""

_FILE = "file://"
_CHART, _REQUIREMENTS = "Chart.yaml", "requirements.yaml"


class Prepared(NamedTuple):
    """A chart as source-controller would pack it."""

    path: str
    reads: list[str]
    """What was read of the source."""
    is_whole: bool
    """False where a dependency came from elsewhere."""


def prepared(source: Snapshot, below: str, rules: Ignore, fetch: Fetch, scratch: str | None) -> Prepared | None:
    """The folder or archive of the chart at `below` in the source, a copy in `scratch` where it must differ.

    None where there is nothing. Raises PyfluxError for one that the source's artifact does not hold.
    """
    folder = source.folder
    path = os.path.join(folder, below) if below else folder
    reads = [below]
    source.need(below)
    # before anything is read, so that a change from now on will show
    source.identity(below)
    if not os.path.exists(path):
        return None
    below = below or "."
    if not _is_held(folder, below, rules):
        raise PyfluxError(
            f"chart {below} is not in the source's artifact: an ignore rule or a symbolic link leaves it out"
        )
    if os.path.isfile(path):
        return Prepared(path, reads, is_whole=True)
    tree = Tree(folder, rules, below)
    missing = _missing(tree, below)
    if not missing and _is_whole(tree, below):
        return Prepared(path, reads, is_whole=True)
    copy = os.path.join(tempfile.mkdtemp(prefix="chart-", dir=scratch), os.path.basename(path))
    _copy(tree, below, copy)
    for dependency in missing:
        try:
            local = _local(dependency, below)
            if local is not None:
                reads.append(normal(local))
                source.need(normal(local))
                source.identity(normal(local))
            _add(dependency, folder, below, rules, fetch, os.path.join(copy, "charts"))
        except _Missing as why:
            name = dependency.get("alias") or dependency.get("name")
            raise PyfluxError(f"failed to add dependency '{name}': {why.message}") from None
    return Prepared(copy, reads, is_whole=all(_local(dependency, below) is not None for dependency in missing))


def in_artifact(folder: str) -> str:
    """The chart in an artifact that holds one: the folder itself, or the one in it."""
    inner = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    return inner[0] if len(inner) == 1 and not os.path.exists(os.path.join(folder, _CHART)) else folder


class _Missing(PyfluxError):
    """A dependency that is nowhere."""


def _is_held(folder: str, below: str, rules: Ignore) -> bool:
    parts = [] if below == "." else below.split("/")
    for depth in range(1, len(parts) + 1):
        part = "/".join(parts[:depth])
        full = os.path.join(folder, part)
        if os.path.islink(full) or rules.excludes(part, os.path.isdir(full)):
            return False
    return True


def _is_whole(tree: Tree, below: str) -> bool:
    """Whether the artifact holds the folder as it is."""
    for here, folders, files in os.walk(os.path.join(tree.root, below)):
        for name in (*folders, *files):
            path = os.path.relpath(os.path.join(here, name), tree.root)
            if path not in tree.files and path not in tree.folders:
                return False
    return True


def _copy(tree: Tree, below: str, target: str) -> None:
    os.makedirs(target, exist_ok=True)
    for path in tree.below("" if below == "." else below):
        full = os.path.join(target, os.path.relpath(path, below))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        shutil.copyfile(os.path.join(tree.root, path), full)


def _read(tree: Tree, path: str) -> Obj:
    """A YAML mapping; empty where there is none, which is Helm's to tell."""
    if path not in tree.files:
        return {}
    try:
        with open(os.path.join(tree.root, path), "rb") as file:
            found = load(file.read(), strict=False)
    except (OSError, YamlError):
        return {}
    return found if isinstance(found, dict) else {}


def _missing(tree: Tree, below: str) -> list[Obj]:
    """The dependencies that are not among the charts in the chart."""
    inside = os.path.normpath(below)
    listed = _read(tree, os.path.join(inside, _CHART).removeprefix("./")).get("dependencies")
    if listed is None:
        listed = _read(tree, os.path.join(inside, _REQUIREMENTS).removeprefix("./")).get("dependencies")
    wanted = [entry for entry in listed or [] if isinstance(entry, dict)] if isinstance(listed, list) else []
    there = os.path.join(inside, "charts").removeprefix("./")
    names = {
        str(_read(tree, path).get("name")) for path in tree.files if os.path.dirname(os.path.dirname(path)) == there
    }
    archives = [
        os.path.basename(path) for path in tree.files if os.path.dirname(path) == there and path.endswith(".tgz")
    ]
    return [
        entry
        for entry in wanted
        if str(entry.get("name")) not in names
        and not any(name.startswith(f"{entry.get('name')}-") for name in archives)
    ]


def _local(dependency: Obj, below: str) -> str | None:
    """The path in the source of a dependency that lies there; None for another one."""
    place = str(dependency.get("repository") or "")
    path = os.path.normpath(os.path.join(below, place.removeprefix(_FILE)))
    return path if place.startswith(_FILE) and not path.startswith(("..", "/")) else None


def _add(dependency: Obj, folder: str, below: str, rules: Ignore, fetch: Fetch, target: str) -> None:
    name, version = str(dependency.get("name") or ""), str(dependency.get("version") or "")
    place = str(dependency.get("repository") or "")
    if not place.startswith(_FILE):
        if not place:
            raise _Missing("it names no repository and is not among the chart's own charts")
        archive = fetch(place, name, version)
        os.makedirs(target, exist_ok=True)
        shutil.copyfile(archive, os.path.join(target, f"{name}.tgz"))
        return
    path = _local(dependency, below)
    if path is None or not os.path.isdir(os.path.join(folder, path)) or not _is_held(folder, path, rules):
        path = os.path.normpath(os.path.join(below, place.removeprefix(_FILE)))
        raise _Missing(f"no chart found at '{path}' (reference '{place}')")
    tree = Tree(folder, rules, path)
    found = Version.parse(str(_read(tree, os.path.join(path, _CHART)).get("version") or ""))
    try:
        fits = found is not None and Constraint.parse(version or "*").allows(found)
    except ValueError:
        raise _Missing(f"invalid version/constraint format '{version}'") from None
    if not fits:
        raise _Missing(f"can't get a valid version for constraint '{version}'")
    _copy(tree, path, os.path.join(target, name))
