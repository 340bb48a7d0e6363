"""Checks a built repository as a test runner would: units render, Flux objects are valid, references hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyflux.catalog import api
from pyflux.render.fleet.model import (
    HELM_RELEASE,
    KUSTOMIZATION,
    Cluster,
    Obj,
    ObjectId,
    Unit,
    id_of,
    is_kustomization,
    is_release,
    show_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Case:
    """One thing that was checked."""

    cluster: str
    name: str
    """Such as `Kustomization/flux-system/apps`."""
    outcome: str
    reasons: list[str] = field(default_factory=list)
    seconds: float = 0.0


def check(clusters: Sequence[Cluster]) -> list[Case]:
    """A case for every unit and for every other Flux object that is not valid."""
    return [case for cluster in clusters for case in _cluster(cluster)]


def _cluster(cluster: Cluster) -> Iterator[Case]:
    cycles = _cycles(cluster)
    for unit in cluster.ordered():
        reasons = [*_invalid(unit.obj), *unit.problems, *_references(unit, cluster)]
        if unit.id in cycles:
            reasons.append(f"dependsOn goes round in a circle: {cycles[unit.id]}")
        if unit.error:
            reasons.insert(0, unit.error)
        if unit.skipped and not reasons:
            yield Case(cluster.path, unit.title, SKIPPED, [unit.skipped], unit.seconds)
        else:
            yield Case(cluster.path, unit.title, FAILED if reasons else PASSED, reasons, unit.seconds)
    for unit in cluster.ordered():
        for obj in unit.indexed:
            if is_kustomization(obj) or is_release(obj):
                continue
            reasons = [*_invalid(obj), *_source_problems(obj, cluster)]
            if reasons:
                yield Case(cluster.path, f"{show_id(id_of(obj))} in {unit.title}", FAILED, reasons)


def _invalid(obj: Obj) -> list[str]:
    return [str(problem) for problem in api.validate(obj)]


def _references(unit: Unit, cluster: Cluster) -> Iterator[str]:
    for dependency in unit.spec.get("dependsOn") or []:
        wanted = (unit.kind, str(dependency.get("namespace") or unit.namespace), str(dependency.get("name", "")))
        if wanted not in cluster.units:
            yield f"dependsOn: {show_id(wanted)} is not in the repository"
    if unit.kind == HELM_RELEASE:
        for reference in unit.spec.get("valuesFrom") or []:
            target = (str(reference.get("kind", "")), unit.namespace, str(reference.get("name", "")))
            if target not in cluster.index and not reference.get("optional"):
                yield f"valuesFrom: {show_id(target)} is not in the repository"


def _source_problems(obj: Obj, cluster: Cluster) -> Iterator[str]:
    """A HelmChart or ImageUpdateAutomation whose source is nowhere."""
    spec, namespace = obj.get("spec") or {}, id_of(obj)[1]
    if obj.get("kind") in ("HelmChart", "ImageUpdateAutomation") and ".fluxcd.io/" in str(obj.get("apiVersion")):
        reference = spec.get("sourceRef") or {}
        wanted = (
            str(reference.get("kind", "")),
            str(reference.get("namespace") or namespace),
            str(reference.get("name", "")),
        )
        if wanted not in cluster.index:
            yield f"sourceRef: {show_id(wanted)} is not in the repository"


def _cycles(cluster: Cluster) -> dict[ObjectId, str]:
    """Units in a dependsOn cycle, with the cycle in words."""
    found: dict[ObjectId, str] = {}
    state: dict[ObjectId, int] = {}
    for start in cluster.units:
        stack: list[tuple[ObjectId, Iterator[ObjectId]]] = []
        if state.get(start):
            continue
        state[start] = 1
        stack.append((start, iter(_dependencies(cluster, start))))
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                stack.pop()
            elif state.get(following) == 1:
                names = [show_id(entry) for entry, _ in stack]
                ring = names[names.index(show_id(following)) :]
                for entry, _ in stack[len(names) - len(ring) :]:
                    found[entry] = " → ".join([*ring, ring[0]])
            elif not state.get(following):
                state[following] = 1
                stack.append((following, iter(_dependencies(cluster, following))))
    return found


def _dependencies(cluster: Cluster, identity: ObjectId) -> list[ObjectId]:
    unit = cluster.units[identity]
    listed = [
        (unit.kind, str(d.get("namespace") or unit.namespace), str(d.get("name", "")))
        for d in unit.spec.get("dependsOn") or []
    ]
    return [dependency for dependency in listed if dependency in cluster.units]


def junit(cases: Sequence[Case]) -> str:
    """The cases as JUnit XML, one suite a cluster."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("testsuites", name="pyflux")
    for path in dict.fromkeys(case.cluster for case in cases):
        mine = [case for case in cases if case.cluster == path]
        suite = SubElement(
            root,
            "testsuite",
            name=path,
            tests=str(len(mine)),
            failures=str(sum(case.outcome == FAILED for case in mine)),
            skipped=str(sum(case.outcome == SKIPPED for case in mine)),
            time=f"{sum(case.seconds for case in mine):.3f}",
        )
        for case in mine:
            element = SubElement(suite, "testcase", classname=path, name=case.name, time=f"{case.seconds:.3f}")
            if case.outcome == FAILED:
                SubElement(element, "failure", message=_plain(case.reasons[0])).text = _plain("\n".join(case.reasons))
            elif case.outcome == SKIPPED:
                SubElement(element, "skipped", message=_plain(case.reasons[0]))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _plain(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(char if char >= " " or char in "\n\t" else "?" for char in text)


def edges(cluster: Cluster) -> list[tuple[ObjectId, ObjectId, str]]:
    """(from, to, what) for the graph: a unit applies another, depends on one, or builds from a source."""
    found: list[tuple[ObjectId, ObjectId, str]] = []
    for unit in cluster.ordered():
        if unit.parent is not None:
            found.append((unit.parent.id, unit.id, "applies"))
        found += [(unit.id, dependency, "dependsOn") for dependency in _dependencies(cluster, unit.id)]
        source = source_of(unit)
        if source is not None:
            found.append((unit.id, source, "source"))
    return found


def source_of(unit: Unit) -> ObjectId | None:
    """The source a unit builds from."""
    spec = unit.spec
    if unit.kind == KUSTOMIZATION:
        reference = spec.get("sourceRef") or {}
    else:
        reference = ((spec.get("chart") or {}).get("spec") or {}).get("sourceRef") or spec.get("chartRef") or {}
    if not reference.get("name"):
        return None
    return str(reference.get("kind", "")), str(reference.get("namespace") or unit.namespace), str(reference["name"])
