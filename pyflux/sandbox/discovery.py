"""Discovery: group lists, resource lists, and the aggregated form of both."""

from __future__ import annotations

import base64
from hashlib import sha256

from pyflux.sandbox.api.reviews import REVIEWS
from pyflux.sandbox.registry import VERBS, Kind, Registry
from pyflux.sandbox.status import Obj

AGGREGATED = "APIGroupDiscoveryList"
_ORDER = [
    "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
    "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
    "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
    "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io",
]  # fmt: skip


def _hash(kind: Kind) -> str:
    raw = sha256(f"{kind.group}/{kind.version}/{kind.kind}".encode()).digest()
    return base64.b64encode(raw[:8]).decode()


def verbs(kind: Kind) -> list[str]:
    """The verbs of a kind's collection and objects."""
    found = [v for v in VERBS if not (v == "deletecollection" and "x" in kind.flags)]
    if kind.custom is not None:
        return ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
    return found


def _subresources(kind: Kind) -> list[tuple[str, str, str, list[str]]]:
    """(name, kind, group/version of the kind when it is another, verbs)."""
    read = ["get", "patch", "update"]
    out: list[tuple[str, str, str, list[str]]] = []
    if kind.resource == "/namespaces":
        out.append(("finalize", kind.kind, "", ["update"]))
    if kind.resource == "/pods":
        out.append(("eviction", "Eviction", "policy/v1", ["create"]))
        out.append(("log", "Pod", "", ["get"]))
    if kind.custom is not None and kind.has_status:
        out.append(("status", kind.kind, "", read))
    if kind.has_scale:
        out.append(("scale", "Scale", "autoscaling/v1", read))
    if kind.custom is None and kind.has_status:
        out.append(("status", kind.kind, "", read))
    if kind.resource == "/serviceaccounts":
        out.append(("token", "TokenRequest", "authentication.k8s.io/v1", ["create"]))
    return out


def groups(registry: Registry) -> dict[str, list[str]]:
    """group to its versions, the preferred one first; the core group is left out."""
    out: dict[str, list[str]] = {}
    for group, versions in registry.groups().items():
        if group:
            out[group] = sorted(versions, key=version_order)
    for group, _ in REVIEWS:
        out.setdefault(group, ["v1"])
    position = {g: i for i, g in enumerate(_ORDER)}
    return dict(sorted(out.items(), key=lambda item: (position.get(item[0], 99), item[0])))


def version_order(version: str) -> tuple[int, int, int, str]:
    """Sorts v2, v1, v1beta2, v1beta1, v1alpha1, others."""
    import re

    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[match.group(2)]
    return (stage, -int(match.group(1)), -int(match.group(3) or 0), version)


def group_list(registry: Registry) -> Obj:
    """GET /apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g, v) for g, v in groups(registry).items()]}


def _group(group: str, versions: list[str]) -> Obj:
    entries = [{"groupVersion": f"{group}/{v}", "version": v} for v in versions]
    return {"name": group, "versions": entries, "preferredVersion": entries[0]}


def group_object(registry: Registry, group: str) -> Obj | None:
    """GET /apis/GROUP."""
    found = groups(registry).get(group)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, found)} if found else None


def served(registry: Registry, group: str, version: str) -> bool:
    """Whether a group has this version."""
    if version in registry.groups().get(group, ()):
        return True
    return version == "v1" and any(g == group for g, _ in REVIEWS)


def resource_list(registry: Registry, group: str, version: str) -> Obj | None:
    """GET /apis/GROUP/VERSION, or /api/v1."""
    kinds = registry.groups().get(group, {}).get(version, [])
    reviews = [(p, k, n) for (g, p), (k, n, _) in REVIEWS.items() if g == group and version == "v1"]
    if not kinds and not reviews:
        return None
    rows: list[Obj] = []
    for kind in kinds:
        row: Obj = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": verbs(kind),
        }
        if kind.short:
            row["shortNames"] = list(kind.short)
        if kind.categories:
            row["categories"] = list(kind.categories)
        row["storageVersionHash"] = _hash(kind)
        rows.append(row)
        for name, other, where, allowed in _subresources(kind):
            sub: Obj = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
            if where:
                sub["group"], sub["version"] = where.split("/")
            rows.append({**sub, "kind": other, "verbs": allowed})
    rows += [
        {"name": p, "singularName": k.lower(), "namespaced": n, "kind": k, "verbs": ["create"]} for p, k, n in reviews
    ]
    if not (kinds and kinds[0].custom):
        rows.sort(key=lambda r: r["name"])
    gv = f"{group}/{version}" if group else version
    head: Obj = {"kind": "APIResourceList"} if not group else {"kind": "APIResourceList", "apiVersion": "v1"}
    return {**head, "groupVersion": gv, "resources": rows}


def aggregated(registry: Registry, core: bool, version: str = "v2") -> Obj:
    """GET /api or /apis in the aggregated form."""
    items = []
    wanted = {"": ["v1"]} if core else groups(registry)
    for group, versions in wanted.items():
        entries = [
            {"version": v, "resources": _aggregated_rows(registry, group, v), "freshness": "Current"} for v in versions
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": entries})
    return {"kind": AGGREGATED, "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {}, "items": items}


def _aggregated_rows(registry: Registry, group: str, version: str) -> list[Obj]:
    rows: list[Obj] = []
    for kind in registry.groups().get(group, {}).get(version, []):
        own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        row: Obj = {
            "resource": kind.plural,
            "responseKind": own,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "singularResource": kind.singular,
            "verbs": verbs(kind),
        }
        if kind.short:
            row["shortNames"] = list(kind.short)
        if kind.categories:
            row["categories"] = list(kind.categories)
        below = []
        for name, other, where, allowed in _subresources(kind):
            g, v = where.split("/") if where else (kind.group, kind.version)
            below.append(
                {"subresource": name, "responseKind": {"group": g, "version": v, "kind": other}, "verbs": allowed}
            )
        if below:
            row["subresources"] = below
        rows.append(row)
    for (g, plural), (name, namespaced, _) in REVIEWS.items():
        if g == group and version == "v1":
            rows.append(
                {
                    "resource": plural,
                    "responseKind": {"group": group, "version": version, "kind": name},
                    "scope": "Namespaced" if namespaced else "Cluster",
                    "singularResource": name.lower(),
                    "verbs": ["create"],
                }
            )
    return sorted(rows, key=lambda r: str(r["resource"]))
