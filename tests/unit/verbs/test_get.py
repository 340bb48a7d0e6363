"""`get`: tables, selectors, formats, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyflux.catalog import kinds
from pyflux.catalog.resources import Resource

SHA = "0123456789abcdef0123456789abcdef01234567"
HEADERS = {
    "Kustomization": "NAME REVISION SUSPENDED READY MESSAGE",
    "HelmRelease": "NAME REVISION SUSPENDED READY MESSAGE",
    "GitRepository": "NAME REVISION SUSPENDED READY MESSAGE",
    "OCIRepository": "NAME REVISION SUSPENDED READY MESSAGE",
    "HelmRepository": "NAME REVISION SUSPENDED READY MESSAGE",
    "HelmChart": "NAME REVISION SUSPENDED READY MESSAGE",
    "Bucket": "NAME REVISION SUSPENDED READY MESSAGE",
    "ExternalArtifact": "NAME REVISION SOURCE READY MESSAGE",
    "ImageRepository": "NAME LAST SCAN SUSPENDED READY MESSAGE",
    "ImagePolicy": "NAME IMAGE TAG READY MESSAGE",
    "ImageUpdateAutomation": "NAME LAST RUN SUSPENDED READY MESSAGE",
    "Alert": "NAME SUSPENDED READY MESSAGE",
    "Provider": "NAME READY MESSAGE",
    "Receiver": "NAME SUSPENDED READY MESSAGE",
    "ArtifactGenerator": "NAME SUSPENDED READY MESSAGE",
}


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_each_kind_has_its_columns_and_says_when_there_is_none(kind: Any, api: Any, run: Any, make: Any) -> None:
    words = ["get", *kind.many]
    none = run(*words)
    assert none.code == 1
    assert none.err == f'✗ no {kind.name} objects found in "flux-system" namespace\n'
    api.add(make(kind.name, "one"))
    found = run(*words)
    assert found.code == 0
    header, row = found.out.splitlines()
    assert [cell.strip() for cell in header.split("\t")] == _cells(HEADERS[kind.name])
    assert row.startswith("one")
    missing = run(*words, "nope")
    assert missing.err == f"✗ {kind.name} object 'nope' not found in \"flux-system\" namespace\n"


def _cells(text: str) -> list[str]:
    return [word.replace("_", " ") for word in text.replace("LAST ", "LAST_").split()]


def test_a_table_to_the_last_byte(api: Any, run: Any, make: Any, cond: Any) -> None:
    ready = {"lastAppliedRevision": f"main@sha1:{SHA}", "conditions": [cond("True", f"Applied {SHA}")]}
    api.add(
        make("Kustomization", "longer-name", {"suspend": True}),
        make("Kustomization", "app", {}, ready, namespace="apps"),
    )
    assert run("get", "ks", "-A").out == (
        "NAMESPACE  \tNAME       \tREVISION          \tSUSPENDED\tREADY\tMESSAGE                  \n"
        "apps       \tapp        \tmain@sha1:01234567\tFalse    \tTrue \tApplied 01234567        \t\n"
        "flux-system\tlonger-name\t                  \tTrue     \tFalse\twaiting to be reconciled\t\n"
    )
    assert run("get", "ks", "--no-header").out == "longer-name\t\tTrue\tFalse\twaiting to be reconciled\t\n"


def test_a_message_of_several_lines_makes_a_row_of_several_lines(api: Any, run: Any, make: Any, cond: Any) -> None:
    api.add(make("Receiver", "hook", {}, {"conditions": [cond("False", "one\nthree")]}))
    assert run("get", "receivers", "--no-header").out == "hook\tFalse\tFalse\tone  \t\n    \t     \t     \tthree\t\n"


def test_revisions_and_messages_are_cut_where_flux_cuts_them(api: Any, run: Any, make: Any, cond: Any) -> None:
    status = {"artifact": {"revision": SHA}, "conditions": [cond("True", f"at {SHA}")]}
    api.add(make("HelmChart", "c", {}, status), make("Bucket", "b", {}, status))
    release = {"history": [{"chartVersion": "1.2.3"}], "conditions": [cond("True", SHA)]}
    api.add(make("HelmRelease", "r", {}, release), make("HelmRelease", "s", {}, {"lastAttemptedRevision": "2.0.0"}))
    assert run("get", "sources", "chart", "--no-header").out == f"c\t{SHA}\tFalse\tTrue\tat 01234567\t\n"
    assert run("get", "sources", "bucket", "--no-header").out == "b\t01234567\tFalse\tTrue\tat 01234567\t\n"
    rows = run("get", "hr", "--no-header").out.splitlines()
    assert rows[0].split("\t")[1:5] == ["1.2.3", "False", "True ", SHA]
    assert rows[1].split("\t")[1] == "2.0.0"


def test_what_nobody_reconciles_is_ready(api: Any, run: Any, make: Any) -> None:
    api.add(make("HelmRepository", "oci", {"type": "oci"}), make("Alert", "a"), make("Provider", "p"))
    assert "Helm repository is Ready" in run("get", "sources", "helm").out
    assert run("get", "alerts", "--no-header").out == "a\tFalse\tTrue\tAlert is Ready\t\n"
    assert run("get", "alert-providers", "--no-header").out == "p\tTrue\tProvider is Ready\t\n"


def test_a_disabled_generator_is_suspended(api: Any, run: Any, make: Any) -> None:
    off = {"source.extensions.fluxcd.io/reconcile": "Disabled"}
    api.add(make("ArtifactGenerator", "g", annotations=off), make("ArtifactGenerator", "h"))
    rows = run("get", "artifacts", "generators", "--no-header").out.splitlines()
    assert [row.split("\t")[1] for row in rows] == ["True ", "False"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("ready=true", ["fine"]),
        ("Ready=FALSE", ["bad"]),
        ("ready!=true", ["bad", "busy", "new"]),
        ("ready=unknown", ["busy"]),
        ("other=true", []),
        ("ready=", []),
        ("=", []),
        ("ready!=", ["bad", "busy", "fine", "new"]),
        ("other!=true", ["bad", "busy", "fine", "new"]),
    ],
)
def test_the_status_selector(selector: str, names: list[str], api: Any, run: Any, make: Any, cond: Any) -> None:
    for name, status in (("fine", "True"), ("bad", "False"), ("busy", "Unknown")):
        api.add(make("GitRepository", name, {}, {"conditions": [cond(status, "m")]}))
    api.add(make("GitRepository", "new"))
    found = run("get", "sources", "git", "--no-header", "--status-selector", selector)
    assert [row.split("\t")[0].strip() for row in found.out.splitlines()] == names


def test_a_status_selector_that_is_none(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"))
    found = run("get", "ks", "--status-selector", "ready")
    assert found.code == 1
    assert "expected status selector in type=status or type!=status format, but found: ready" in found.err


@pytest.mark.parametrize("timeout", ["0s", "-1s"])
def test_no_time_at_all(timeout: str, run: Any) -> None:
    found = run("get", "ks", f"--timeout={timeout}")
    assert (found.code, found.out) == (1, "")
    assert found.err == f"✗ context deadline exceeded\n  --timeout leaves no time: {timeout}\n"


def test_labels_choose_and_comparisons_are_refused(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a", labels={"team": "x"}), make("Kustomization", "b"))
    assert run("get", "ks", "-l", "team=x", "--no-header").out.startswith("a\t")
    assert run("get", "ks", "-l", "team=y").err == '✗ no Kustomization objects found in "flux-system" namespace\n'
    assert "isn't supported in label selectors" in run("get", "ks", "-l", "team>1").err


def test_show_source(api: Any, run: Any, make: Any) -> None:
    api.add(
        make("Kustomization", "k", {"sourceRef": {"kind": "GitRepository", "name": "g"}}),
        make("HelmRelease", "h", {"chartRef": {"kind": "OCIRepository", "name": "o", "namespace": "other"}}),
    )
    assert "GitRepository/flux-system/g" in run("get", "ks", "--show-source").out
    assert "OCIRepository/other/o" in run("get", "hr", "--show-source").out
    assert "unknown flag" in run("get", "receivers", "--show-source").err


def test_get_all_has_a_section_a_kind_in_one_round_trip(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "k"), make("GitRepository", "g"), make("Alert", "a"))
    found = run("get", "all")
    firsts = [row.split("\t")[0].strip() for row in found.out.splitlines() if row]
    assert firsts == ["NAME", "gitrepository/g", "NAME", "kustomization/k", "NAME", "alert/a"]
    assert found.out.endswith("\n\n")
    assert len(api.requests) == len(kinds.ALL)
    assert run("get", "all", "-n", "empty") == (0, "", "")
    assert "expected a single resource type" in run("get", "all", "--watch").err


def test_get_all_goes_on_where_a_kind_is_refused_or_missing(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "k"))
    path = "/apis/image.toolkit.fluxcd.io/v1/namespaces/flux-system/imagepolicies"
    api.refuse[path] = (403, "imagepolicies is forbidden")
    api.resources = [r for r in api.resources if r.kind != "Bucket"]
    found = run("get", "all")
    assert found.code == 0
    assert "kustomization/k" in found.out
    assert found.err == "✗ imagepolicies is forbidden\n"


def test_suspended_only(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "on"), make("Kustomization", "off", {"suspend": True}), make("Receiver", "r"))
    found = run("get", "all", "--suspended")
    assert "kustomization/off" in found.out
    assert "kustomization/on" not in found.out
    assert "receiver" not in found.out


def test_objects_of_different_kinds_by_name(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"), make("HelmRelease", "b"))
    one = run("get", "ks/a")
    assert one.out == run("get", "kustomization", "a").out
    two = run("get", "Kustomization/a", "hr/b", "hr/nope")
    assert "kustomization/a" in two.out
    assert "helmrelease/b" in two.out
    assert two.code == 1
    assert "HelmRelease object 'nope' not found" in two.err
    assert "does not name a Flux object, expected KIND/NAME such as ks/a" in run("get", "pod/a").err


@pytest.fixture
def two_kinds(api: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"), make("Kustomization", "b", namespace="apps"), make("HelmRelease", "a"))


@pytest.mark.usefixtures("two_kinds")
def test_kinds_with_commas_get_a_table_each(run: Any) -> None:
    found = run("get", "ks,hr")
    assert (found.code, found.err) == (0, "")
    first, second = found.out.strip().split("\n\n")
    assert [row.split("\t")[0].strip() for row in first.splitlines()] == ["NAME", "kustomization/a"]
    assert [row.split("\t")[0].strip() for row in second.splitlines()] == ["NAME", "helmrelease/a"]
    everywhere = run("get", "HelmRelease,kustomizations,ks", "-A", "--no-header").out
    assert [row.split("\t")[1].strip() for row in everywhere.splitlines() if row] == [
        "helmrelease/a",
        "kustomization/b",
        "kustomization/a",
    ]


@pytest.mark.usefixtures("two_kinds")
def test_names_hold_for_each_of_the_kinds(run: Any) -> None:
    found = run("get", "ks,hr", "a", "-o", "name")
    assert found.out == "kustomization.kustomize.toolkit.fluxcd.io/a\nhelmrelease.helm.toolkit.fluxcd.io/a\n"
    missing = run("get", "ks,hr", "b", "-n", "apps")
    assert missing.code == 1
    assert "kustomization/b" in missing.out
    assert missing.err == "✗ HelmRelease object 'b' not found in \"apps\" namespace\n"
    neither = run("get", "ks,hr", "x")
    assert neither.err.count("object 'x' not found") == 2
    assert (neither.code, neither.out) == (1, "")


@pytest.mark.usefixtures("two_kinds")
def test_formats_of_several_kinds(run: Any) -> None:
    listed = json.loads(run("get", "ks,hr", "-A", "-o", "json").out)
    assert [(item["kind"], item["metadata"]["name"]) for item in listed["items"]] == [
        ("Kustomization", "b"),
        ("Kustomization", "a"),
        ("HelmRelease", "a"),
    ]
    assert run("get", "ks,hr", "-o", "yaml").out.count("kind: HelmRelease") == 1
    assert run("get", "ks,hr", "-o", "wide").out.count("CAUSE") == 2


@pytest.mark.usefixtures("two_kinds")
@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["get", "ks,pods"], '"pods" is not a kind of Flux'),
        (["get", "ks,"], '"" is not a kind of Flux'),
        (["get", "ks,hr", "-w"], "expected a single resource type, but found Kustomization,HelmRelease"),
        (["get", "ks", "a", "b", "-w"], "only one object can be watched"),
        (["get", "alerts,receivers"], 'no Alert, Receiver objects found in "flux-system" namespace'),
        (["get", "ks,hr", "-l", "x>1"], "unable to parse label selector"),
        (["get", "ks,hr", "--status-selector", "ready"], "expected status selector"),
        (["suspend", "ks,hr"], "kustomization and helmrelease names are required"),
        (["delete", "ks,hr", "-s"], "kustomization and helmrelease names are required"),
        (["reconcile", "ks,alerts", "--all"], "Alert objects cannot be reconciled"),
    ],
    ids=str,
)
def test_lists_of_kinds_that_are_refused(argv: list[str], error: str, run: Any) -> None:
    found = run(*argv)
    assert found.code == 1
    assert found.err.startswith(f"✗ {error}")
    assert found.out == ""


def test_a_kind_that_is_refused_does_not_hide_the_other(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"))
    api.refuse["/apis/helm"] = (403, "no")
    found = run("get", "ks,hr")
    assert (found.code, "kustomization/a" in found.out, found.err) == (1, True, "✗ no\n")


def test_a_kind_that_the_verb_does_not_know_alone_is_no_command(run: Any) -> None:
    assert run("reconcile", "alert", "all").out.startswith("Reconcile sources and resources now.\n")


@pytest.mark.usefixtures("two_kinds")
def test_a_kind_in_the_words_of_kubectl_is_enough(run: Any) -> None:
    assert run("get", "helmreleases.helm.toolkit.fluxcd.io").out == run("get", "hr").out
    assert run("get", "Kustomization", "a").out == run("get", "ks", "a").out
    assert run("get", "gitrepo").err == '✗ no GitRepository objects found in "flux-system" namespace\n'


def test_several_names_of_a_kind(api: Any, run: Any, make: Any) -> None:
    api.add(*(make("Kustomization", name) for name in "abc"))
    found = run("get", "ks", "c", "a", "nope", "c", "--no-header")
    assert [row.split("\t")[0].strip() for row in found.out.splitlines()] == ["c", "a"]
    assert (found.code, found.err) == (1, "✗ Kustomization object 'nope' not found in \"flux-system\" namespace\n")
    assert run("get", "ks/c", "ks/a", "--no-header").out == run("get", "ks", "c", "a", "--no-header").out


@pytest.mark.usefixtures("two_kinds")
def test_verbs_go_through_the_kinds(api: Any, run: Any) -> None:
    found = run("suspend", "ks,hr", "--all")
    assert found.code == 0
    assert found.err.count("suspended") == 2
    assert all(api.find(kind, "a")["spec"]["suspend"] for kind in ("Kustomization", "HelmRelease"))
    exported = run("export", "ks,hr", "--all").out
    assert exported.count("---") == 2
    assert run("export", "ks,hr", "a").out == exported
    partly = run("resume", "hr,receivers,ks", "--all", "--wait=false")
    assert "no Receiver objects found" in partly.err
    assert partly.err.count("resumed") == 2
    lacking = run("suspend", "receivers,ks", "--all")
    assert (lacking.code, lacking.err.splitlines()[0]) == (1, "✗ Receiver: no objects found")
    assert "kustomization suspended" in lacking.err
    assert run("delete", "ks,hr", "a", "-s").code == 0


def test_a_group_without_a_kind_shows_its_help(run: Any) -> None:
    for argv in (["get"], ["get", "nonsense"], ["get", "sources"]):
        found = run(*argv)
        assert found.code == 0
        assert "Usage:\n  pyflux get" in found.out
        assert "git" in found.out or "kustomizations" in found.out


def test_output_for_programs(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a", managedFields=[{"manager": "x"}]), make("Kustomization", "b"))
    listed = json.loads(run("get", "ks", "-o", "json").out)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
    assert "managedFields" not in listed["items"][0]["metadata"]
    one = json.loads(run("get", "ks", "a", "-o", "json").out)
    assert one["kind"] == "Kustomization"
    assert "kind: Kustomization\n" in run("get", "ks", "a", "-o", "yaml").out
    assert run("get", "ks", "-o", "name").out == (
        "kustomization.kustomize.toolkit.fluxcd.io/a\nkustomization.kustomize.toolkit.fluxcd.io/b\n"
    )
    assert "allowed formats are: json,yaml,name,wide" in run("get", "ks", "-o", "xml").err


def test_wide_names_the_object_at_the_end_of_the_chain(api: Any, run: Any, make: Any, cond: Any) -> None:
    not_ready = {"conditions": [cond("False", "dependency not ready")]}
    api.add(
        make("Kustomization", "app", {"dependsOn": [{"name": "infra"}]}, not_ready),
        make("Kustomization", "infra", {"sourceRef": {"kind": "GitRepository", "name": "fleet"}}, not_ready),
        make("GitRepository", "fleet", {}, {"conditions": [cond("False", "authentication required")]}),
        make("Kustomization", "loop", {"dependsOn": [{"name": "loop"}]}, not_ready),
        make("Kustomization", "lost", {"sourceRef": {"kind": "Bucket", "name": "b"}}, not_ready),
    )
    rows = {row.split("\t")[0].strip(): row for row in run("get", "ks", "-o", "wide").out.splitlines()}
    blame = "GitRepository/flux-system/fleet: authentication required"
    assert blame in rows["app"]
    assert blame in rows["infra"]
    assert "Bucket/flux-system/b: not found" in rows["lost"]
    assert rows["loop"].rstrip("\t ").endswith("d")


def test_watch_prints_each_change_and_ends_with_the_time_limit(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "a"), make("Kustomization", "b"))
    found = run("get", "ks", "--watch", "--timeout=1s")
    assert found.code == 1
    assert found.err == "✗ timed out waiting for the condition\n"
    assert [row.split("\t")[0].strip() for row in found.out.splitlines()] == ["NAME", "a", "b"]


def test_times_are_local(api: Any, run: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        scan = {"lastScanResult": {"scanTime": "2026-01-02T03:04:05Z"}}
        run_time = {"lastAutomationRunTime": "2026-01-02T03:04:05Z"}
        api.add(make("ImageRepository", "i", {}, scan), make("ImageUpdateAutomation", "u", {}, run_time))
        assert "2026-01-02T08:34:05+05:30" in run("get", "images", "repository").out
        assert "2026-01-02T08:34:05+05:30" in run("get", "images", "update").out
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize(("status", "text"), [(401, "refused the login"), (403, "forbidden: no"), (500, "broken")])
def test_refusals_are_one_line(status: int, text: str, api: Any, run: Any) -> None:
    api.refuse["/apis/kustomize"] = (status, text)
    found = run("get", "ks")
    assert found.code == 1
    assert text in found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize("words", ["get all", "get ks,hr", "uninstall -s", "stats", "get ks"])
def test_a_login_that_is_refused_ends_every_command_at_once(words: str, api: Any, run: Any) -> None:
    api.refuse["/"] = (401, "Unauthorized")
    found = run(*words.split())
    assert found.code == 1
    assert found.err.count("refused the login") == 1
    assert found.out == ""


def test_no_crds_and_no_server(api: Any, run: Any) -> None:
    api.resources = [r for r in api.resources if r.group == ""]
    found = run("get", "ks")
    assert 'no matches for kind "Kustomization"' in found.err
    assert "pyflux install" in found.err
    down = run("get", "ks", "--server", "http://127.0.0.1:9")
    assert down.code == 1
    assert "cannot reach the Kubernetes API server" in down.err


@pytest.mark.parametrize(
    "argv", [["get", "ks"], ["export", "ks", "a"], ["reconcile", "ks", "a"], ["delete", "ks", "a", "-s"]], ids=" ".join
)
def test_an_older_flux_is_named(argv: list[str], api: Any, run: Any) -> None:
    new = kinds.KUSTOMIZATION.resource
    old = Resource(new.group, "v1beta2", new.plural, new.kind)
    api.resources = [old if r.kind == "Kustomization" else r for r in api.resources]
    found = run(*argv)
    assert found.code == 1
    assert 'no matches for kind "Kustomization" in version "kustomize.toolkit.fluxcd.io/v1"' in found.err
    assert "the cluster has it in kustomize.toolkit.fluxcd.io/v1beta2: its Flux is older" in found.err
