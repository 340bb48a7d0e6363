"""Which of a chart's subcharts its values turn on, by Helm's rules of conditions and tags."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.errors import PyfluxError
from pyflux.render.artifact import unpack
from pyflux.render.values import merge
from pyflux.ui.yamlin import YamlError, load

if TYPE_CHECKING:
    Obj = dict[str, Any]

Chain = tuple[str, ...]
"""The names of charts from below the top one to a subchart."""
_DEEPEST = 20


class Chart(NamedTuple):
    """A chart: its name, its own values, what it says of its dependencies, and the subcharts that it holds."""

    name: str
    values: Obj
    dependencies: list[Obj]
    held: list[Chart]


class SubchartsUnreadable(PyfluxError):
    """A chart's folders cannot be followed."""


def enabled(path: str, values: Obj) -> set[Chain]:
    """The charts that are turned on in the archive or folder `path`, the top one as (). Raises PyfluxError."""
    with tempfile.TemporaryDirectory(prefix="subcharts-") as scratch:
        top = _read(_folder(path, scratch), scratch, 0)
    found: set[Chain] = {()}
    _follow(top, _coalesced(top, values), {}, (), found)
    return found


def chain_of(filename: str) -> Chain:
    """The chart that a file belongs to, by the path that Helm gives it: top/charts/one/crds/file.yaml."""
    parts = filename.split("/")
    chain: list[str] = []
    while len(parts) > 2 and parts[1] == "charts":
        chain.append(parts[2])
        parts = parts[2:]
    return tuple(chain)


# -- reading


def _folder(path: str, scratch: str) -> str:
    """The folder of a chart, unpacked where it is an archive."""
    if os.path.isdir(path):
        return path
    target = tempfile.mkdtemp(dir=scratch)
    with open(path, "rb") as file:
        unpack(file, target)
    inside = [name for name in os.listdir(target) if os.path.isfile(os.path.join(target, name, "Chart.yaml"))]
    if len(inside) != 1:
        raise SubchartsUnreadable(f"{os.path.basename(path)} does not hold one chart")
    return os.path.join(target, inside[0])


def _yaml(folder: str, name: str) -> Obj:
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found = load(file.read(), strict=False)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, YamlError) as why:
        raise SubchartsUnreadable(f"cannot load {name} of a chart: {why}") from None
    return found if isinstance(found, dict) else {}


def _read(folder: str, scratch: str, depth: int) -> Chart:
    if depth > _DEEPEST:
        raise SubchartsUnreadable(f"subcharts are nested deeper than {_DEEPEST}")
    metadata = _yaml(folder, "Chart.yaml")
    listed = metadata.get("dependencies") or _yaml(folder, "requirements.yaml").get("dependencies") or []
    place, held = os.path.join(folder, "charts"), []
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
        full = os.path.join(place, name)
        if name.startswith(("_", ".")) or not (os.path.isdir(full) or name.endswith(".tgz")):
            continue
        held.append(_read(_folder(full, scratch), scratch, depth + 1))
    dependencies = [one for one in listed if isinstance(one, dict) and one.get("name")]
    return Chart(str(metadata.get("name") or ""), _yaml(folder, "values.yaml"), dependencies, held)


# -- deciding


def _used(chart: Chart) -> list[tuple[str, Chart, Obj]]:
    """The subcharts by the names that values have for them, with what the chart says of each."""
    used = []
    for one in chart.held:
        listed = [entry for entry in chart.dependencies if str(entry["name"]) == one.name]
        used += [(str(entry.get("alias") or one.name), one, entry) for entry in listed]
        if not listed:
            used.append((one.name, one, {}))
    return used


def _coalesced(chart: Chart, values: Obj) -> Obj:
    """Values over the defaults of a chart and of all that are below it."""
    result = merge(chart.values, values)
    for name, one, _ in _used(chart):
        given = result.get(name)
        if given is None or isinstance(given, dict):
            result[name] = _coalesced(one, given or {})
    return result


def _follow(chart: Chart, values: Obj, tags: Obj, chain: Chain, found: set[Chain]) -> None:
    own = values.get("tags")
    tags = {**(own if isinstance(own, dict) else {}), **tags}
    for name, one, entry in _used(chart):
        if not _is_on(entry, values, tags):
            continue
        below = (*chain, one.name)
        found.add(below)
        inner = values.get(name)
        _follow(one, inner if isinstance(inner, dict) else {}, tags, below, found)


def _is_on(entry: Obj, values: Obj, tags: Obj) -> bool:
    """The first condition that is true or false decides, then the tags; a chart is on where nothing is said."""
    for condition in str(entry.get("condition") or "").strip().split(","):
        value: Any = values
        for key in condition.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return value
    said = [tags[tag] for tag in entry.get("tags") or [] if isinstance(tags.get(tag), bool)]
    return not said or any(said)
