"""What pyflux builds is what the official controllers apply: object by object, feature by feature."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.real.cluster import Json, RealCluster
from tests.real.render_world import World, identity, namespace_of, owned_by_helm, read_cases, world

KUSTOMIZE, HELM = "kustomize-controller", "helm-controller"
_MISSING = RealCluster.missing(
    *("registry", "s3", "source-controller", KUSTOMIZE, HELM),
    *(f"crds/{name}" for name in ("source-controller", KUSTOMIZE, HELM)),
    light=True,
)
pytestmark = [pytest.mark.real, pytest.mark.timeout(900), pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "")]

KUSTOMIZATIONS = read_cases("kustomization")
RELEASES = read_cases("helmrelease")


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    pytest.importorskip("helm_python", reason="the extra helm is not installed")
    with world(tmp_path_factory.mktemp("render"), KUSTOMIZATIONS, RELEASES) as running:
        yield running


def place(case: Json, group: str, plural: str) -> str:
    return f"/apis/{group}/namespaces/{namespace_of(case)}/{plural}/{case['name']}"


def refused(world: World, case: Json, kind: str) -> None:
    """Where the controller refuses a case, pyflux does, and says the same."""
    title = f"{kind}/{namespace_of(case)}/{case['name']}"
    assert title not in world.built
    assert case["fails"] in world.failed[title]


@pytest.mark.parametrize("case", KUSTOMIZATIONS, ids=[case["name"] for case in KUSTOMIZATIONS])
def test_kustomization(case: Json, synced: World) -> None:
    item = synced.settled(place(case, "kustomize.toolkit.fluxcd.io/v1", "kustomizations"), case.get("fails", ""))
    if case.get("fails"):
        refused(synced, case, "Kustomization")
        return
    built = synced.built.get(f"Kustomization/{namespace_of(case)}/{case['name']}", [])
    inventory = [entry["id"] for entry in (item["status"].get("inventory") or {}).get("entries") or []]
    assert sorted(identity(obj) for obj in built) == sorted(inventory)
    for obj in built:
        if (obj["metadata"].get("annotations") or {}).get("kustomize.toolkit.fluxcd.io/reconcile") == "disabled":
            # in the inventory, and not applied
            assert synced.cluster.request("GET", synced.cluster.path_of(obj))[0] == 404
        else:
            assert synced.changes(obj, KUSTOMIZE) == {}, identity(obj)


@pytest.mark.parametrize("case", RELEASES, ids=[case["name"] for case in RELEASES])
def test_release(case: Json, synced: World) -> None:
    item = synced.settled(place(case, "helm.toolkit.fluxcd.io/v2", "helmreleases"), case.get("fails", ""))
    if case.get("fails"):
        refused(synced, case, "HelmRelease")
        return
    built = synced.built[f"HelmRelease/{namespace_of(case)}/{case['name']}"]
    plain, hooks = synced.release(item)
    if "Revision" in json.dumps(item["spec"].get("chart")):
        # a version that holds the commit: what is built offline does without
        plain, hooks = (json.loads(re.sub(r"_[0-9a-f]{12}", "", json.dumps(objects))) for objects in (plain, hooks))
    if item["spec"]["install"].get("disableHooks"):
        hooks = []
    definitions = [obj for obj in built if obj["kind"] == "CustomResourceDefinition"]
    ours = {identity(obj): obj for obj in built if obj not in definitions}
    assert ours == {identity(obj): obj for obj in [*plain, *hooks]}
    for obj in definitions:
        assert synced.changes(obj, HELM) == {}, identity(obj)
    for obj in plain:
        marked = owned_by_helm(ours[identity(obj)], item["status"]["history"][0])
        changes = synced.changes(marked, HELM)
        if "Revision" in json.dumps(item["spec"].get("chart")):
            changes.pop("/metadata/labels/helm.sh/chart", None)
        assert changes == {}, identity(obj)
    policy = item["spec"]["install"].get("crds") or "Create"
    assert [obj["metadata"]["name"] for obj in definitions] == (
        ["balls.play.example.com"] if "crds" in case["name"] and policy != "Skip" else []
    )


def test_every_unit_is_built_or_refused(synced: World) -> None:
    refusals = {case["name"] for case in [*KUSTOMIZATIONS, *RELEASES] if case.get("fails")}
    assert {title.rpartition("/")[2] for title in synced.failed} == refusals
    assert synced.code == 1
    assert not [line for line in synced.warned if "was not rendered" in line]
