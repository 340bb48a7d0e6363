"""What changes between two builds of a repository: objects created, changed and removed, images, and dangers."""

from __future__ import annotations

import copy
import difflib
import fnmatch
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyflux.render.fleet import danger
from pyflux.render.fleet.model import Cluster, Obj, ObjectId, Unit, decrypted, id_of, show_id
from pyflux.render.sopsmask import hide
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CREATED, CHANGED, REMOVED = "created", "changed", "removed"
ORPHANED = "orphaned"
"""Removed from the repository, but left in the cluster since its Kustomization does not prune."""


@dataclass
class Change:
    """One object that differs. Values of Secrets are masked in `old` and `new`."""

    id: ObjectId
    action: str
    unit: str
    """The Kustomization or HelmRelease that applies it (or did)."""
    old: Obj | None
    new: Obj | None
    dangers: list[danger.Danger] = field(default_factory=list)

    @property
    def title(self) -> str:
        return show_id(self.id)

    def diff(self) -> str:
        """The unified difference of the two objects as YAML."""
        before = dump(self.old).splitlines(keepends=True) if self.old is not None else []
        after = dump(self.new).splitlines(keepends=True) if self.new is not None else []
        lines = difflib.unified_diff(before, after, f"a/{self.title}", f"b/{self.title}")
        return "".join(lines)


@dataclass
class Comparison:
    """One cluster before and after."""

    cluster: str
    changes: list[Change] = field(default_factory=list)
    images: list[tuple[str, str, str]] = field(default_factory=list)
    """(object, image before, image after), empty where there was or is none."""
    failures: list[str] = field(default_factory=list)
    """Units that do not build after the change (or did not before), so that nothing can be said of them."""
    skipped: list[str] = field(default_factory=list)

    def dangers(self) -> Iterator[tuple[Change, danger.Danger]]:
        for change in self.changes:
            for found in change.dangers:
                yield change, found


class Noise:
    """What to leave out: label and annotation names to strip, and objects or fields to ignore.

    An ignore rule is `Kind/namespace/name` with shell wildcards, optionally `:/json/pointer` for one field.
    """

    def __init__(self, strip: Sequence[str] = (), ignore: Sequence[str] = ()) -> None:
        self.strip = list(strip)
        self.objects: list[str] = []
        self.fields: list[tuple[str, list[str]]] = []
        for rule in ignore:
            pattern, _, pointer = rule.partition(":")
            if pointer:
                parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.lstrip("/").split("/")]
                self.fields.append((pattern, parts))
            else:
                self.objects.append(pattern)

    def ignores(self, identity: ObjectId) -> bool:
        return any(fnmatch.fnmatchcase(show_id(identity), pattern) for pattern in self.objects)

    def clean(self, obj: Obj) -> Obj:
        """A copy without what is stripped or ignored."""
        cleaned = copy.deepcopy(obj)
        for pattern, parts in self.fields:
            if fnmatch.fnmatchcase(show_id(id_of(obj)), pattern):
                _remove(cleaned, parts)
        if self.strip:
            self._strip(cleaned)
        return cleaned

    def _strip(self, value: Any) -> None:
        """Labels and annotations are stripped wherever there is metadata, also in pod templates."""
        if isinstance(value, dict):
            meta = value.get("metadata")
            for key in ("labels", "annotations"):
                held = meta.get(key) if isinstance(meta, dict) else None
                if isinstance(meta, dict) and isinstance(held, dict):
                    for name in self.strip:
                        held.pop(name, None)
                    if not held:
                        del meta[key]
            for inner in value.values():
                self._strip(inner)
        elif isinstance(value, list):
            for inner in value:
                self._strip(inner)


def _remove(value: Any, parts: Sequence[str]) -> None:
    head, rest = parts[0], parts[1:]
    targets = []
    if isinstance(value, dict):
        targets = list(value) if head == "*" else [head] if head in value else []
    elif isinstance(value, list):
        every = range(len(value) - 1, -1, -1)
        targets = list(every) if head == "*" else [int(head)] if head.isdigit() and int(head) < len(value) else []
    for target in targets:
        if rest:
            _remove(value[target], rest)
        else:
            del value[target]


def mask(obj: Obj, hidden: Sequence[str] = ()) -> Obj:
    """A copy of a Secret with each value replaced by a short fingerprint.

    Of anything else as it is, but for texts with one of the `hidden` ones in them.
    """
    if obj.get("kind") != "Secret" or obj.get("apiVersion") != "v1":
        return obj if not hidden else hide(obj, hidden)
    masked = dict(obj)
    # the name salts the fingerprint: equal values of two Secrets do not show as equal
    salt = show_id(id_of(obj))
    for key in ("data", "stringData"):
        if isinstance(obj.get(key), dict):
            masked[key] = {
                name: f"*** ({hashlib.sha256(f'{salt}/{name}={value}'.encode()).hexdigest()[:8]})"
                for name, value in obj[key].items()
            }
    return masked


def compare(old: Sequence[Cluster], new: Sequence[Cluster], noise: Noise | None = None) -> list[Comparison]:
    """Each cluster of either side against its counterpart, by entry point."""
    before = {cluster.path: cluster for cluster in old}
    after = {cluster.path: cluster for cluster in new}
    rules = noise or Noise()
    hidden = decrypted((*old, *new))
    return [
        _compare(path, before.get(path) or Cluster(path), after.get(path) or Cluster(path), rules, hidden)
        for path in sorted({*before, *after})
    ]


Located = dict[tuple[ObjectId, str], tuple[Unit, Obj]]
"""By id and API group: kinds of two groups may have one name."""


def _compare(path: str, old: Cluster, new: Cluster, noise: Noise, hidden: Sequence[str]) -> Comparison:
    result = Comparison(path)
    blind, equal = _blind(old, new, result), _equal(old, new)
    before, after = _located(old, blind | equal), _located(new, blind | equal)
    lone = before.keys() ^ after.keys()
    if lone:
        # what one unit loses or gains, one that did not change may have all the time
        for place, found in _located(new, new.units.keys() - (equal - blind)).items():
            if place in lone:
                before.setdefault(place, found)
                after.setdefault(place, found)
    for place in sorted({*before, *after}, key=lambda found: (found[0][1], found[0][0], found[0][2], found[1])):
        identity = place[0]
        if noise.ignores(identity):
            continue
        change = _change(identity, before.get(place), after.get(place), new, noise, hidden)
        if change is not None:
            result.changes.append(change)
            result.images += _images(change)
    return result


def _blind(old: Cluster, new: Cluster, result: Comparison) -> set[ObjectId]:
    """Units that cannot be compared since one side does not render, with what lies below them."""
    blind: set[ObjectId] = set()
    for side, cluster in (("before", old), ("after", new)):
        for unit in cluster.ordered():
            if unit.error:
                result.failures.append(f"{unit.title} does not build {side}: {unit.error}")
                blind.add(unit.id)
            elif unit.skipped and side == "after":
                result.skipped.append(f"{unit.title}: {unit.skipped}")
                blind.add(unit.id)
            elif unit.skipped:
                blind.add(unit.id)
    for cluster in (old, new):
        for unit in cluster.units.values():
            parent = unit.parent
            while parent is not None:
                if parent.id in blind:
                    blind.add(unit.id)
                parent = parent.parent
    return blind


def _equal(old: Cluster, new: Cluster) -> set[ObjectId]:
    """Units that render the same content on both sides: their objects need not be looked at."""
    return {
        identity
        for identity, unit in old.units.items()
        if unit.key and identity in new.units and new.units[identity].key == unit.key
    }


def _located(cluster: Cluster, passed: set[ObjectId]) -> Located:
    return {
        (id_of(obj), str(obj.get("apiVersion") or "").rpartition("/")[0]): (unit, obj)
        for unit in cluster.units.values()
        if unit.id not in passed
        for obj in unit.objects
        if "helm.sh/hook" not in ((obj.get("metadata") or {}).get("annotations") or {})
    }


def _change(
    identity: ObjectId,
    old: tuple[Unit, Obj] | None,
    new: tuple[Unit, Obj] | None,
    cluster: Cluster,
    noise: Noise,
    hidden: Sequence[str],
) -> Change | None:
    if old is not None and new is not None and old[1] == new[1]:
        # nearly every object of a repository: not worth a copy
        return None
    before = noise.clean(old[1]) if old is not None else None
    after = noise.clean(new[1]) if new is not None else None
    if before == after:
        return None
    found = new or old
    assert found is not None
    unit = found[0]
    if old is None:
        action = CREATED
    elif new is not None:
        action = CHANGED
    else:
        action = REMOVED if prunes(old[0], old[1], cluster) else ORPHANED
    change = Change(
        identity,
        action,
        unit.title,
        mask(before, hidden) if before is not None else None,
        mask(after, hidden) if after is not None else None,
    )
    found_dangers = danger.judge(action, old[1] if old else None, new[1] if new else None, unit)
    change.dangers = [danger.Danger(rule, hide(reason, hidden)) for rule, reason in found_dangers]
    return change


def prunes(unit: Unit, obj: Obj, cluster: Cluster) -> bool:
    """Whether an object that leaves the repository leaves the cluster too: by the unit's last known settings."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    labels = (obj.get("metadata") or {}).get("labels") or {}
    if "disabled" in (
        annotations.get("kustomize.toolkit.fluxcd.io/prune"),
        labels.get("kustomize.toolkit.fluxcd.io/prune"),
    ):
        return False
    current = cluster.units.get(unit.id, unit)
    if unit.kind == "HelmRelease":
        return annotations.get("helm.sh/resource-policy") != "keep"
    if unit.id not in cluster.units:
        policy = unit.spec.get("deletionPolicy") or "MirrorPrune"
        return policy == "Delete" or (policy == "MirrorPrune" and bool(unit.spec.get("prune")))
    return bool(current.spec.get("prune"))


def _images(change: Change) -> Iterable[tuple[str, str, str]]:
    before = danger.images(change.old) if change.old is not None else {}
    after = danger.images(change.new) if change.new is not None else {}
    for name in sorted({*before, *after}):
        if before.get(name, "") != after.get(name, ""):
            yield f"{change.title} {name}", before.get(name, ""), after.get(name, "")
