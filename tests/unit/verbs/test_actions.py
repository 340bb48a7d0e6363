"""`suspend`, `resume`, `reconcile`, `delete`: what is sent, what is said, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pyflux.catalog import kinds

ACTED = [kind for kind in kinds.KINDS if "suspend" in kind.verbs]
RECONCILED = [kind for kind in kinds.KINDS if "reconcile" in kind.verbs]
ASKED = "reconcile.fluxcd.io/requestedAt"


def controller(status: dict[str, Any] | None = None, ready: str = "True", stalled: str = "") -> Callable[[Any], None]:
    """Answers every request at once, as a controller would."""

    def act(obj: dict[str, Any]) -> None:
        if obj.get("spec", {}).get("suspend"):
            return
        asked = obj["metadata"].get("annotations", {}).get(ASKED, "")
        generation = obj["metadata"]["generation"]
        stamp = "2026-03-04T05:06:07Z"
        conditions = [{"type": "Ready", "status": ready, "message": "words", "lastTransitionTime": stamp}]
        if stalled:
            conditions.append({"type": "Stalled", "status": "True", "message": stalled, "lastTransitionTime": stamp})
        obj["status"] = {
            **(status or {}),
            "observedGeneration": generation,
            "lastHandledReconcileAt": asked,
            "conditions": conditions,
        }

    return act


@pytest.mark.parametrize("kind", ACTED, ids=lambda kind: kind.name)
def test_each_kind_is_suspended_and_resumed(kind: Any, api: Any, run: Any, make: Any) -> None:
    api.add(make(kind.name, "one", {"some": "thing"}))
    found = run("suspend", *kind.one, "one")
    assert found == (
        0,
        "",
        f"► suspending {kind.human} one in flux-system namespace\n✔ {kind.human} suspended\n",
    )
    assert api.find(kind.name, "one")["spec"] == {"some": "thing", "suspend": True}
    run("suspend", *kind.one, "one")
    assert api.bodies[-1][2] == {}
    api.on_patch = controller()
    found = run("resume", *kind.one, "one")
    assert found.code == 0
    assert found.err.startswith(f"► resuming {kind.human} one in flux-system namespace\n✔ {kind.human} resumed\n")
    assert f"◎ waiting for {kind.name} reconciliation\n✔ {kind.name} one reconciliation completed\n" in found.err
    assert api.find(kind.name, "one")["spec"] == {"some": "thing"}
    assert run("suspend", *kind.one).err == f"✗ {kind.human} name is required\n"
    assert run("resume", *kind.one).err == f"✗ {kind.human} name is required\n"


def test_suspend_says_what_is_missing_and_goes_on(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "b"))
    found = run("suspend", "ks", "a", "b", "b")
    assert found.code == 0
    assert found.err == (
        "✗ Kustomization a not found in flux-system namespace\n"
        "► suspending kustomization b in flux-system namespace\n✔ kustomization suspended\n"
    )
    api.refuse["/apis/kustomize"] = (403, "no")
    assert run("suspend", "ks", "b").err == "✗ failed suspending Kustomization b in flux-system namespace: no\n"


def test_all_of_a_namespace_and_those_with_labels(api: Any, run: Any, make: Any) -> None:
    api.add(
        make("Kustomization", "a", labels={"team": "x"}),
        make("Kustomization", "b"),
        make("Kustomization", "c", namespace="apps", labels={"team": "x"}),
    )
    run("suspend", "ks", "-l", "team=x")
    assert [suspended(api, name) for name in ("a", "b")] == [True, False]
    assert not suspended(api, "c", "apps")
    run("suspend", "ks", "--all")
    assert suspended(api, "b")
    assert run("suspend", "ks", "--all", "-n", "empty").err == "✗ no objects found\n"
    assert run("resume", "ks", "--all", "-n", "empty").code == 0


def suspended(api: Any, name: str, namespace: str = "flux-system") -> bool:
    return bool(api.find("Kustomization", name, namespace)["spec"].get("suspend"))


def test_all_namespaces_only_after_a_yes(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"), make("Kustomization", "c", namespace="apps"))
    assert "needs --all or --label-selector" in run("suspend", "ks", "-A").err
    refused = run("suspend", "ks", "-A", "--all")
    assert refused.code == 1
    assert "refusing to suspend 2 Kustomization objects in 2 namespaces" in refused.err
    assert not suspended(api, "a")
    done = run("suspend", "ks", "-A", "--all", "--silent")
    assert done.code == 0
    assert "► suspending kustomization c in apps namespace" in done.err
    assert suspended(api, "a")
    assert suspended(api, "c", "apps")


def test_objects_of_different_kinds(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"), make("HelmRelease", "b"))
    assert run("suspend", "ks/a", "hr/b").code == 0
    assert suspended(api, "a")
    assert run("suspend", "ks/a", "hr/nope").code == 1
    assert run("suspend", "ExternalArtifact/x").err == "✗ ExternalArtifact objects cannot be suspended\n"
    api.on_patch = controller()
    assert run("resume", "ks/a", "hr/b", "--wait").code == 0
    assert not suspended(api, "a")


def test_resume_waits_for_one_object_and_for_several_only_when_told(api: Any, run: Any, make: Any) -> None:
    for name in ("a", "b"):
        api.add(make("Kustomization", name, {"suspend": True}))
    assert "waiting" not in run("resume", "ks", "a", "b", "--timeout=3s").err
    assert "waiting" not in run("resume", "ks", "a", "--wait=false", "--timeout=3s").err
    late = run("resume", "ks", "a", "--timeout=3s")
    assert late.code == 1
    assert late.err.endswith(
        "✗ Kustomization a reconciliation failed: context deadline exceeded\n"
        "✗ reconciliation failed for 1 Kustomization(s)\n"
    )
    api.on_patch = controller({"lastAppliedRevision": "main@sha1:abc"})
    done = run("resume", "ks", "b", "a", "--wait")
    assert done.code == 0
    assert done.err.endswith(
        "✔ Kustomization a reconciliation completed\n✔ applied revision main@sha1:abc\n"
        "✔ Kustomization b reconciliation completed\n✔ applied revision main@sha1:abc\n"
    )


def test_resume_does_not_take_an_old_status_for_a_new_one(api: Any, run: Any, make: Any, cond: Any) -> None:
    old = {"observedGeneration": 1, "conditions": [cond("True", "from before", observedGeneration=1)]}
    api.add(make("Kustomization", "a", {"suspend": True}, old))
    assert "context deadline exceeded" in run("resume", "ks", "a", "--timeout=3s").err


def test_resume_fails_fast_when_the_object_says_it_is_stuck(api: Any, run: Any, make: Any) -> None:
    api.add(make("GitRepository", "g", {"suspend": True}))
    api.on_patch = controller(ready="False", stalled="bad URL")
    found = run("resume", "source", "git", "g")
    assert found.code == 1
    assert "✗ GitRepository g reconciliation failed: bad URL\n" in found.err


@pytest.mark.parametrize("kind", RECONCILED, ids=lambda kind: kind.name)
def test_each_kind_is_reconciled(kind: Any, api: Any, run: Any, make: Any) -> None:
    api.add(make(kind.name, "one"))
    api.on_patch = controller({"artifact": {"revision": "r1"}, "latestRef": {"name": "n", "tag": "t"}})
    found = run("reconcile", *kind.one, "one")
    assert found.code == 0, found.err
    assert found.err.startswith(
        f"► annotating {kind.name} one in flux-system namespace\n✔ {kind.name} annotated\n"
        f"◎ waiting for {kind.name} reconciliation\n✔ "
    )
    assert list(api.bodies[-1][2]["metadata"]["annotations"]) == [ASKED]
    assert run("reconcile", *kind.one).err == f"✗ {kind.name} name is required\n"


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("Kustomization", {"lastAppliedRevision": "main@sha1:1"}, "applied revision main@sha1:1"),
        ("HelmRelease", {"history": [{"chartVersion": "1.0.0"}]}, "applied revision 1.0.0"),
        ("GitRepository", {"artifact": {"revision": "x"}}, "fetched revision x"),
        ("ImageRepository", {"lastScanResult": {"tagCount": 7}}, "scan fetched 7 tags"),
        (
            "ImagePolicy",
            {"latestRef": {"name": "a/b", "tag": "1", "digest": "sha256:c"}},
            "selected ref a/b:1@sha256:c",
        ),
        ("ImageUpdateAutomation", {}, "words"),
        ("Receiver", {}, "Receiver reconciliation completed"),
    ],
)
def test_success_names_the_revision(
    kind: str, status: dict[str, Any], text: str, api: Any, run: Any, make: Any
) -> None:
    api.add(make(kind, "one"))
    api.on_patch = controller(status)
    assert run("reconcile", *kinds.kind(kind).one, "one").err.endswith(f"✔ {text}\n")


def test_force_and_reset_are_asked_with_the_same_stamp(api: Any, run: Any, make: Any) -> None:
    api.add(make("HelmRelease", "h"))
    api.on_patch = controller()
    run("reconcile", "hr", "h", "--force", "--reset")
    notes = api.bodies[-1][2]["metadata"]["annotations"]
    assert set(notes) == {ASKED, "reconcile.fluxcd.io/forceAt", "reconcile.fluxcd.io/resetAt"}
    assert len(set(notes.values())) == 1


def test_reconcile_refuses_and_fails(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "off", {"suspend": True}), make("Kustomization", "k"), make("Bucket", "b"))
    api.add(make("HelmRepository", "oci", {"type": "oci"}))
    assert run("reconcile", "ks", "off").err == "✗ resource is suspended\n"
    assert run("reconcile", "source", "helm", "oci").err == "✔ reconciliation not supported by the object\n"
    assert run("reconcile", "ks", "nope").err == '✗ kustomizations.kustomize.toolkit.fluxcd.io "nope" not found\n'
    assert run("reconcile", "ks", "k", "--timeout=3s").err.endswith("✗ context deadline exceeded\n")
    api.on_patch = controller(ready="False", stalled="stuck for good")
    assert run("reconcile", "ks", "k").err.endswith("✗ stuck for good\n")


class _Times(dict[str, tuple[int, str]]):
    """Refusals that are over when they have been looked at `left` times."""

    left = 3

    def items(self) -> Any:
        self.left -= 1
        return super().items() if self.left >= 0 else ()


def test_a_server_in_trouble_does_not_end_a_wait(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "k"))
    answers = controller()

    def then_trouble(obj: dict[str, Any]) -> None:
        answers(obj)
        api.refuse = _Times({"/apis/kustomize": (500, "no leader")})

    api.on_patch = then_trouble
    found = run("reconcile", "ks", "k")
    assert (found.code, found.err.splitlines()[-1][:1]) == (0, "✔")


def test_a_server_in_trouble_is_named_when_time_is_up(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "k"))

    def trouble(obj: dict[str, Any]) -> None:
        api.refuse = {"/apis/kustomize": (500, "no leader")}

    api.on_patch = trouble
    found = run("reconcile", "ks", "k", "--timeout=3s")
    assert (found.code, found.err.splitlines()[-2:]) == (1, ["✗ context deadline exceeded", "  no leader"])


def test_with_source_goes_to_the_source_first(api: Any, run: Any, make: Any) -> None:
    ref = {"kind": "GitRepository", "name": "g", "namespace": "other"}
    api.add(make("Kustomization", "k", {"sourceRef": ref}), make("GitRepository", "g", namespace="other"))
    api.on_patch = controller()
    found = run("reconcile", "ks", "k", "--with-source")
    assert [line for line in found.err.splitlines() if line.startswith("►")] == [
        "► annotating GitRepository g in other namespace",
        "► annotating Kustomization k in flux-system namespace",
    ]


def test_a_release_takes_its_chart_and_the_charts_source_along(api: Any, run: Any, make: Any) -> None:
    chart = {"spec": {"chart": "c", "sourceRef": {"kind": "HelmRepository", "name": "repo"}}}
    ref = {"kind": "HelmRepository", "name": "repo"}
    api.add(
        make("HelmRelease", "h", {"chart": chart}),
        make("HelmChart", "flux-system-h", {"sourceRef": ref}),
        make("HelmRepository", "repo"),
        make("HelmRelease", "e", {"chartRef": {"kind": "ExternalArtifact", "name": "x"}}),
    )
    api.on_patch = controller()
    found = run("reconcile", "hr", "h", "--with-source")
    assert [line.split()[2] for line in found.err.splitlines() if line.startswith("►")] == [
        "HelmRepository",
        "HelmChart",
        "HelmRelease",
    ]
    stuck = run("reconcile", "hr", "e", "--with-source")
    assert stuck.err == "✗ cannot reconcile source of kind ExternalArtifact\n"


def test_several_are_requested_before_any_is_waited_for(api: Any, run: Any, make: Any) -> None:
    ref = {"kind": "GitRepository", "name": "g"}
    api.add(*(make("Kustomization", name, {"sourceRef": ref}) for name in ("a", "b")), make("GitRepository", "g"))
    api.add(make("Kustomization", "off", {"suspend": True, "sourceRef": ref}))
    api.on_patch = controller({"lastAppliedRevision": "r"})
    found = run("reconcile", "ks", "--all", "--with-source")
    assert found.code == 1
    assert "✔ Kustomization a in flux-system namespace: applied revision r\n" in found.err
    assert "✗ Kustomization off in flux-system namespace: resource is suspended\n" in found.err
    assert found.err.endswith("✗ reconciliation failed for 1 object(s)\n")
    assert found.err.count("annotating GitRepository") == 1
    assert run("reconcile", "ks/a", "source.nope/b").code == 1


@pytest.mark.parametrize("kind", [k for k in kinds.KINDS if "delete" in k.verbs], ids=lambda kind: kind.name)
def test_each_kind_is_deleted(kind: Any, api: Any, run: Any, make: Any) -> None:
    api.add(make(kind.name, "one"))
    no = run("delete", *kind.one, "one", stdin="n\n")
    assert no.code == 1
    assert no.err.endswith("✗ aborting\n")
    assert f"Are you sure you want to delete this {kind.human}" in no.err
    yes = run("delete", *kind.one, "one", "-s")
    assert yes == (
        0,
        "",
        f"► deleting {kind.human} one in flux-system namespace\n✔ {kind.human} deleted\n",
    )
    assert run("delete", *kind.one, "one", "-s").err == f'✗ {kind.resource.group_resource} "one" not found\n'
    assert run("delete", *kind.one).err == f"✗ {kind.human} name is required\n"


@pytest.mark.parametrize("verb", ["suspend", "resume", "reconcile", "delete", "export", "get"])
@pytest.mark.parametrize("name", ["", "..", "a/../app", "app,metadata.name!=x"])
def test_a_name_that_is_none_is_about_no_object(verb: str, name: str, api: Any, run: Any, make: Any) -> None:
    """What a script gets that forgot to set a variable, and what a path would be made of."""
    api.add(make("Kustomization", "app", {"suspend": verb == "resume"}), make("Kustomization", "other"))
    before = json.dumps([api.find("Kustomization", each) for each in ("app", "other")])
    if "/" in name:
        found = run(verb, "kustomization", name, *(["--silent"] if verb == "delete" else []))
    else:
        found = run(verb, "ks", name, *(["-s"] if verb == "delete" else []), "--timeout=1s")
    assert "Traceback" not in found.err
    assert found.out == ""
    assert "✔" not in found.err
    assert found.code == 1 or "not found" in found.err
    assert json.dumps([api.find("Kustomization", each) for each in ("app", "other")]) == before


def test_delete_asks_and_takes_a_yes(api: Any, run: Any, make: Any) -> None:
    api.add(make("Alert", "a"), make("Alert", "b"))
    assert run("delete", "alert", "a", stdin="y\n").code == 0
    assert run("delete", "Alert/b", "--silent").code == 0
    assert run("get", "alerts").code == 1
