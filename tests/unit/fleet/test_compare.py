"""What changes between two builds, and what of it is dangerous."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyflux.render.fleet import danger
from pyflux.render.fleet.check import FAILED, PASSED, check, junit
from pyflux.render.fleet.compare import Comparison, Noise, compare, mask
from pyflux.render.fleet.model import Unit
from pyflux.verbs.fleet import report

from .conftest import Repository, kustomization

Make = Callable[[str], Repository]


def difference(one: Repository, other: Repository, noise: Noise | None = None) -> Comparison:
    (found,) = compare(one.build_all(), other.build_all(), noise)
    return found


def test_nothing_changes(repository: Repository, another: Make) -> None:
    assert difference(repository, another("two")).changes == []


def test_a_value_of_a_config_map_reaches_the_image(repository: Repository, another: Make) -> None:
    two = another("two")
    two.put("config/settings.yaml", (two.root / "config/settings.yaml").read_text().replace("1.0.0", "2.0.0"))
    found = difference(repository, two)
    assert [(change.title, change.action) for change in found.changes] == [
        ("ConfigMap/flux-system/settings", "changed"),
        ("Deployment/web/web", "changed"),
    ]
    assert found.images == [
        ("Deployment/web/web web", "registry.example.com/web:1.0.0", "registry.example.com/web:2.0.0")
    ]
    text = report.unified([found], 0)
    assert "-      - image: registry.example.com/web:1.0.0\n+      - image: registry.example.com/web:2.0.0\n" in text
    assert report.summary(found) == "2 changed"


def test_a_removed_kustomization_prunes_all_below_it(repository: Repository, another: Make) -> None:
    two = another("two")
    (two.root / "clusters/prod/apps.yaml").unlink()
    found = difference(repository, two)
    assert {(change.title, change.action) for change in found.changes} == {
        ("Kustomization/flux-system/apps", "removed"),
        ("Deployment/web/web", "removed"),
    }


def test_without_prune_objects_are_orphaned(repository: Repository, another: Make) -> None:
    two = another("two")
    for side in (repository, two):
        side.put("clusters/prod/apps.yaml", kustomization("apps", "./apps").replace("prune: true", "prune: false"))
    (two.root / "apps/web.yaml").unlink()
    two.put("apps/other.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")
    changes = {change.title: change for change in difference(repository, two).changes}
    assert changes["Deployment/web/web"].action == "orphaned"
    assert [found.rule for found in changes["Deployment/web/web"].dangers] == ["orphaned"]


def test_a_unit_that_does_not_build_is_a_failure_and_not_a_removal(repository: Repository, another: Make) -> None:
    two = another("two")
    two.put("apps/web.yaml", "a: [1\n")
    found = difference(repository, two)
    assert found.changes == []
    assert "Kustomization/flux-system/apps does not build after" in found.failures[0]


def test_noise_is_left_out(repository: Repository, another: Make) -> None:
    two = another("two")
    two.put("config/settings.yaml", (two.root / "config/settings.yaml").read_text().replace("1.0.0", "2.0.0"))
    noise = Noise(ignore=["ConfigMap/*", "Deployment/web/*:/spec/template/spec/containers/*/image"])
    assert difference(repository, two, noise).changes == []


def test_secrets_are_masked_but_changes_show() -> None:
    one = mask({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": "hunter2"}})
    two = mask({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": "hunter3"}})
    assert "hunter" not in str(one)
    assert one != two


def workload(**changes: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "x", **changes.pop("container", {})}
    template = {"spec": {"containers": [container], **changes.pop("pod", {})}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template, **changes}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def role(*verbs: str) -> dict[str, Any]:
    return {
        "kind": "Role",
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": [*verbs]}],
    }


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (workload(), workload(replicas=0), ["replicas-to-zero"]),
        (workload(), workload(selector={"matchLabels": {"a": "c"}}), ["immutable"]),
        (workload(), workload(container={"securityContext": {"privileged": True}}), ["privileged"]),
        (workload(), workload(pod={"hostNetwork": True}), ["privileged"]),
        (workload(pod={"hostNetwork": True}), workload(pod={"hostNetwork": True, "x": 1}), []),
        (role("get"), role("get", "delete"), ["rbac-widened"]),
        (role("*"), role("get"), []),
        ({"kind": "PersistentVolumeClaim", "metadata": {"name": "p"}}, None, ["data-loss"]),
        ({"kind": "Namespace", "metadata": {"name": "n"}}, None, ["data-loss"]),
        ({"kind": "ConfigMap", "metadata": {"name": "n"}}, None, []),
    ],
)
def test_dangers(old: dict[str, Any] | None, new: dict[str, Any] | None, rules: list[str]) -> None:
    unit = Unit({"kind": "Kustomization", "metadata": {"name": "a", "namespace": "b"}}, None)
    action = "removed" if new is None else "changed"
    found = danger.judge(action, old, new, unit)
    assert [entry.rule for entry in found] == rules
    assert all(entry.rule in danger.RULES and entry.reason for entry in found)


def test_a_suspended_parent_is_marked(repository: Repository, another: Make) -> None:
    two = another("two")
    for side in (repository, two):
        text = (
            (side.root / "clusters/prod/apps.yaml").read_text().replace("prune: true", "prune: true\n  suspend: true")
        )
        side.put("clusters/prod/apps.yaml", text)
    two.put(
        "apps/web.yaml", (two.root / "apps/web.yaml").read_text().replace(":=1", ":=1").replace("app: web", "app: w")
    )
    (change,) = difference(repository, two).changes
    assert [found.rule for found in change.dangers] == ["immutable", "suspended"]


def test_check_reports_cycles_missing_references_and_invalid_objects(repository: Repository) -> None:
    cluster = repository.build()
    assert {case.outcome for case in check([cluster])} == {PASSED}
    repository.put("clusters/prod/config.yaml", kustomization("config", "./config", "  dependsOn: [{name: apps}]\n"))
    repository.put(
        "clusters/prod/b.yaml", kustomization("b", "./config", "  dependsOn: [{name: nope}]\n  timeout: soon\n")
    )
    cases = {case.name: case for case in check([repository.build()])}
    assert "goes round in a circle" in cases["Kustomization/flux-system/apps"].reasons[0]
    reasons = "\n".join(cases["Kustomization/flux-system/b"].reasons)
    assert "dependsOn: Kustomization/flux-system/nope is not in the repository" in reasons
    assert "spec.timeout" in reasons
    assert cases["Kustomization/flux-system/b"].outcome == FAILED
    assert 'failures="3"' in junit(list(cases.values()))


def test_reports_hold_markup_from_the_repository_as_text(repository: Repository, another: Make) -> None:
    two = another("two")
    two.put("config/settings.yaml", (two.root / "config/settings.yaml").read_text().replace("1.0.0", "<script>```"))
    found = difference(repository, two)
    page = report.as_html([found], 0)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "````diff" in report.markdown([found], 0)
    assert "more lines" in report.unified([found], 3)


def test_kinds_of_two_groups_with_one_name(repository: Repository, another: Make) -> None:
    """The second of two objects does not stand before the first."""
    things = "".join(
        f"---\napiVersion: {group}.example.com/v1\nkind: Service\nmetadata: {{name: web, namespace: web}}\n"
        f"spec: {{size: {size}}}\n"
        for group, size in (("a", 1), ("b", 2))
    )
    two = another("two")
    repository.put("apps/things.yaml", things)
    two.put("apps/things.yaml", things.replace("size: 1", "size: 3"))
    (change,) = difference(repository, two).changes
    assert (change.title, change.action) == ("Service/web/web", "changed")
    assert "-  size: 1\n+  size: 3\n" in change.diff()


def test_what_another_unit_still_has_is_not_removed(repository: Repository, another: Make) -> None:
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: web}\n"
    two = another("two")
    for side in (repository, two):
        side.put("clusters/prod/both.yaml", kustomization("both", "./both"))
        side.put("both/claim.yaml", claim)
    repository.put("apps/claim.yaml", claim)
    for found in (difference(repository, two), difference(two, repository)):
        ((title, action),) = [(change.title, change.action) for change in found.changes]
        assert (title, action) == ("PersistentVolumeClaim/web/data", "changed")
        assert list(found.dangers()) == []
