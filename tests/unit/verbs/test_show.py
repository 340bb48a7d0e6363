"""`export`, `tree`, `trace`, `stats`, `debug`: what is printed of objects that are there."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from pyflux.catalog import kinds
from pyflux.ui.yamlin import load, load_all

STAMP = "2026-03-04T05:06:07Z"
LONG = "2026-03-04 05:06:07 +0000 UTC"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def built_in(api_version: str, kind: str, name: str, namespace: str = "flux-system", **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, **more.pop("meta", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


# -- export


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_exported_without_what_the_cluster_added(kind: Any, api: Any, run: Any, make: Any) -> None:
    api.add(make(kind.name, "one", {}, {"conditions": []}, labels={"a": "b"}), make(kind.name, "two"))
    found = run("export", *kind.one, "one")
    assert found.code == 0
    assert found.out.startswith("---\napiVersion: ")
    document = load(found.out)
    assert document["metadata"] == {"name": "one", "namespace": "flux-system", "labels": {"a": "b"}}
    assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    names = [each["metadata"]["name"] for each in load_all(run("export", *kind.one, "--all").out) if each]
    assert names == ["one", "two"]
    assert run("export", *kind.one).err == "✗ name is required\n"
    assert run("export", *kind.one, "no").err == f'✗ {kind.resource.group_resource} "no" not found\n'
    assert run("export", *kind.one, "--all", "-n", "empty").err == "✗ no objects found in empty namespace\n"


def test_export_to_the_last_byte(api: Any, run: Any, make: Any) -> None:
    spec = {"url": "https://x", "interval": "60s", "ref": {"semver": ">=1"}, "suspend": False, "ignore": "a\nb\n"}
    api.add(make("GitRepository", "g", spec))
    assert run("export", "source", "git", "g").out == (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: g\n"
        "  namespace: flux-system\nspec:\n  ignore: |\n    a\n    b\n  interval: 1m0s\n  ref:\n    semver: '>=1'\n"
        "  url: https://x\n"
    )
    assert run("export", "gitrepo/g").out == run("export", "source", "git", "g").out


def test_export_with_credentials(api: Any, run: Any, make: Any) -> None:
    secret = built_in("v1", "Secret", "login", data={"password": "eA=="}, type="Opaque")
    api.add(make("Bucket", "b", {"secretRef": {"name": "login"}}), make("Bucket", "open"), secret)
    documents = load_all(run("export", "source", "bucket", "--all", "--with-credentials").out)
    assert [each["kind"] for each in documents if each] == ["Bucket", "Secret", "Bucket"]
    assert documents[-2]["data"] == {"password": "eA=="}
    assert set(documents[-2]["metadata"]) == {"name", "namespace"}
    assert "Secret" not in run("export", "source", "bucket", "b").out
    api.remove("Secret", "login")
    lost = run("export", "source", "bucket", "b", "--with-credentials")
    assert lost.err == '✗ failed to retrieve secret login, error: secrets "login" not found\n'


# -- tree


def inventory(*ids: str) -> dict[str, Any]:
    return {"inventory": {"entries": [{"id": each, "v": "v1"} for each in ids]}}


def stored_release(manifest: str, *, packed: bool = True) -> str:
    data = json.dumps({"name": "r", "manifest": manifest}).encode()
    inner = base64.b64encode(gzip.compress(data) if packed else data)
    return base64.b64encode(inner).decode()


def test_the_tree_of_a_kustomization(api: Any, run: Any, make: Any) -> None:
    top = inventory(
        "flux-system_root_kustomize.toolkit.fluxcd.io_Kustomization",
        "_apps__Namespace",
        "flux-system_child_kustomize.toolkit.fluxcd.io_Kustomization",
        "apps_web_helm.toolkit.fluxcd.io_HelmRelease",
        "_system__basic-user_rbac.authorization.k8s.io_ClusterRole",
    )
    child = inventory("apps_x_apps_Deployment", "flux-system_root_kustomize.toolkit.fluxcd.io_Kustomization")
    api.add(make("Kustomization", "root", {}, top), make("Kustomization", "child", {}, child))
    history = [{"name": "web", "namespace": "apps", "version": 2}, {"name": "web", "namespace": "apps", "version": 10}]
    release = {"storageNamespace": "apps", "history": history}
    api.add(make("HelmRelease", "web", {"install": {"crds": "Create"}}, release, namespace="apps"))
    manifest = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n# nothing\n---\n"
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n---\n"
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: Bucket\nmetadata: {name: b, namespace: other}\n"
    )
    data = {"release": stored_release(manifest)}
    api.add(built_in("v1", "Secret", "sh.helm.release.v1.web.v10", "apps", data=data))
    labels = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps"}
    crd = {"name": "things.example.com", "labels": labels}
    api.add({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": crd})
    assert run("tree", "kustomization", "root").out == (
        "Kustomization/flux-system/root\n"
        "├── Namespace/apps\n"
        "├── Kustomization/flux-system/child\n"
        "│   ├── Deployment/apps/x\n"
        "│   └── Kustomization/flux-system/root\n"
        "├── HelmRelease/apps/web\n"
        "│   ├── Service/apps/web\n"
        "│   ├── Namespace/extra\n"
        "│   ├── Bucket/other/b\n"
        "│   └── CustomResourceDefinition/things.example.com\n"
        "└── ClusterRole/system:basic-user\n\n"
    )
    compact = run("tree", "ks", "root", "--compact").out
    assert "Namespace" not in compact
    assert "Bucket/other/b" in compact
    tree = json.loads(run("tree", "ks", "root", "-o", "json").out)
    assert tree["resources"][0]["resource"] == {
        "Namespace": "",
        "Name": "apps",
        "GroupKind": {"Group": "", "Kind": "Namespace"},
    }
    assert "resources" not in tree["resources"][0]
    assert load(run("tree", "ks", "root", "-o", "yaml").out) == tree


def test_trees_that_cannot_be_drawn(api: Any, run: Any, make: Any) -> None:
    api.add(make("Kustomization", "empty"), make("Kustomization", "odd", {}, inventory("nonsense")))
    gone = inventory("flux-system_gone_kustomize.toolkit.fluxcd.io_Kustomization")
    api.add(make("Kustomization", "holds", {}, gone), make("Kustomization", "far", {"kubeConfig": {}}, gone))
    api.add(make("Kustomization", "far", {"kubeConfig": {"secretRef": {"name": "s"}}}, gone))
    assert run("tree", "ks", "empty").out == "Kustomization/flux-system/empty\n\n"
    assert "unable to parse stored object metadata: nonsense" in run("tree", "ks", "odd").err
    assert run("tree", "ks", "holds").err == (
        '✗ failed to find object: kustomizations.kustomize.toolkit.fluxcd.io "gone" not found\n'
    )
    assert "└── Kustomization/flux-system/gone" in run("tree", "ks", "far").out
    assert run("tree", "ks").err == "✗ kustomization name is required\n"


def test_a_release_whose_storage_is_broken(api: Any, run: Any, make: Any) -> None:
    status = {"storageNamespace": "flux-system", "history": [{"name": "r", "namespace": "n", "version": 1}]}
    api.add(
        make("Kustomization", "k", {}, inventory("flux-system_r_helm.toolkit.fluxcd.io_HelmRelease")),
        make("HelmRelease", "r", {}, status),
    )
    assert run("tree", "ks", "k").out == "Kustomization/flux-system/k\n└── HelmRelease/flux-system/r\n\n"
    for data in ({}, {"release": "%%%"}, {"release": base64.b64encode(b"bm90IGpzb24=").decode()}):
        api.remove("Secret", "sh.helm.release.v1.r.v1")
        api.add(built_in("v1", "Secret", "sh.helm.release.v1.r.v1", data=data))
        found = run("tree", "ks", "k")
        assert found.code == 1
        assert "failed to decode the Helm storage object for HelmRelease 'flux-system/r'" in found.err
    api.remove("Secret", "sh.helm.release.v1.r.v1")
    plain = stored_release("kind: Service\napiVersion: v1\nmetadata: {name: s}\n", packed=False)
    api.add(built_in("v1", "Secret", "sh.helm.release.v1.r.v1", data={"release": plain}))
    assert "Service/n/s" in run("tree", "ks", "k").out


def test_the_tree_of_a_generator(api: Any, run: Any, make: Any) -> None:
    made = {"inventory": [{"name": "a", "namespace": "n"}, {"name": "b", "namespace": "n"}]}
    api.add(make("ArtifactGenerator", "g", {}, made))
    assert run("tree", "artifact", "generator", "g").out == (
        "ArtifactGenerator/flux-system/g\n├── ExternalArtifact/n/a\n└── ExternalArtifact/n/b\n\n"
    )
    assert run("tree", "artifact", "generator").err == "✗ accepts 1 arg(s), received 0\n"


# -- trace


def ready(message: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": status, "message": message, "lastTransitionTime": STAMP}]}


def by_kustomization(name: str) -> dict[str, Any]:
    labels = {"kustomize.toolkit.fluxcd.io/name": name, "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    return {"labels": labels}


def by_release(name: str) -> dict[str, Any]:
    labels = {"helm.toolkit.fluxcd.io/name": name, "helm.toolkit.fluxcd.io/namespace": "apps"}
    return {"labels": labels}


def test_trace_through_owners_to_git(api: Any, run: Any, make: Any) -> None:
    owner = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1"}]
    above = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]
    spec = {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "g"}, "targetNamespace": "apps"}
    api.add(
        built_in("v1", "Pod", "web-1-x", "apps", meta={"ownerReferences": owner}),
        built_in("apps/v1", "ReplicaSet", "web-1", "apps", meta={"ownerReferences": above}),
        built_in("apps/v1", "Deployment", "web", "apps", meta=by_kustomization("k")),
        make("Kustomization", "k", spec, {"lastAppliedRevision": "r1", **ready("Applied")}),
        make("GitRepository", "g", {"url": "https://g", "ref": {"semver": "1.x"}}, ready("no route", "False")),
    )
    assert run("trace", "pod/web-1-x", "-n", "apps").out == (
        "\nObject:          Pod/web-1-x\nNamespace:       apps\nStatus:          Managed by Flux\n---\n"
        "Kustomization:   k\nNamespace:       flux-system\nTarget:          apps\nPath:            ./apps\n"
        f"Revision:        r1\nStatus:          Last reconciled at {LONG}\nMessage:         Applied\n---\n"
        "GitRepository:   g\nNamespace:       flux-system\nURL:             https://g\nTag:             1.x\n"
        f"Status:          Last reconciliation failed at {LONG}\nMessage:         no route\n"
    )
    assert run("trace", "deploy", "web", "-n", "apps").out.startswith("\nObject:          Deployment/web\n")


def test_trace_to_an_oci_artifact_with_its_origin(api: Any, run: Any, make: Any) -> None:
    artifact = {"revision": "latest@sha256:1", "metadata": {"org.opencontainers.image.source": "https://src"}}
    api.add(
        built_in("v1", "ConfigMap", "c", meta=by_kustomization("k")),
        make("Kustomization", "k", {"sourceRef": {"kind": "OCIRepository", "name": "o", "namespace": "far"}}),
        make("OCIRepository", "o", {"url": "oci://o", "ref": {"digest": "sha256:1"}}, {"artifact": artifact}, "far"),
    )
    out = run("trace", "cm", "c").out
    assert "Status:          Unknown\n---\nOCIRepository:   o\nNamespace:       far\n" in out
    assert "Digest:          sha256:1\nRevision:        latest@sha256:1\n\nOrigin Source:   https://src\n" in out


def test_trace_to_a_chart(api: Any, run: Any, make: Any) -> None:
    chart = {
        "spec": {"chart": "c", "sourceRef": {"kind": "HelmRepository", "name": "repo", "namespace": "flux-system"}}
    }
    status = {"helmChart": "flux-system/apps-web", "lastAttemptedRevision": "1.0.0", **ready("Installed")}
    artifact = {"artifact": {"revision": "1.0.0"}}
    api.add(
        built_in("apps/v1", "Deployment", "web", "apps", meta=by_release("web")),
        make("HelmRelease", "web", {"chart": chart}, status, "apps"),
        make("HelmChart", "apps-web", {"chart": "c", "version": "1.x"}, {**artifact, **ready("pulled")}),
        make("HelmRepository", "repo", {"url": "https://charts"}, ready("stored")),
    )
    assert run("trace", "web", "--kind", "deployment", "--api-version", "apps/v1", "-n", "apps").out == (
        "\nObject:         deployment/web\nNamespace:      apps\nStatus:         Managed by Flux\n---\n"
        "HelmRelease:    web\nNamespace:      apps\nRevision:       1.0.0\n"
        f"Status:         Last reconciled at {LONG}\nMessage:        Installed\n---\n"
        "HelmChart:      apps-web\nNamespace:      flux-system\nChart:          c\nVersion:        1.x\n"
        f"Revision:       1.0.0\nStatus:         Last reconciled at {LONG}\nMessage:        pulled\n---\n"
        "HelmRepository: repo\nNamespace:      flux-system\nURL:            https://charts\n"
        f"Status:         Last reconciled at {LONG}\nMessage:        stored\n"
    )


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("OCIRepository", {"url": "oci://o", "ref": {"tag": "1"}}, "OCIRepository:   s\n"),
        ("ExternalArtifact", {"sourceRef": {"kind": "A", "namespace": "n", "name": "m"}}, "Source:          A/n/m\n"),
    ],
)
def test_trace_to_what_a_release_refers_to(
    kind: str, spec: dict[str, Any], text: str, api: Any, run: Any, make: Any
) -> None:
    api.add(
        built_in("v1", "Service", "web", "apps", meta=by_release("web")),
        make("HelmRelease", "web", {"chartRef": {"kind": kind, "name": "s"}}, {}, "apps"),
        make(kind, "s", spec, {}, "apps"),
    )
    assert text in run("trace", "service", "web", "-n", "apps").out


def test_a_git_chart_and_an_external_artifact_without_a_source(api: Any, run: Any, make: Any) -> None:
    chart = {"spec": {"chart": "./c", "sourceRef": {"kind": "GitRepository", "name": "g"}}}
    api.add(
        built_in("v1", "Service", "web", "apps", meta=by_release("web")),
        built_in("v1", "Service", "other", "apps", meta=by_release("other")),
        make("HelmRelease", "web", {"chart": chart}, {}, "apps"),
        make("GitRepository", "g", {"url": "https://g", "ref": {"branch": "main"}}, {}, "apps"),
        make("HelmRelease", "other", {"chartRef": {"kind": "ExternalArtifact", "name": "e"}}, {}, "apps"),
        make("ExternalArtifact", "e", {}, {}, "apps"),
    )
    out = run("trace", "service", "web", "-n", "apps").out
    assert "GitRepository: g\nNamespace:     apps\nURL:           https://g\nBranch:        main\n" in out
    assert "ExternalArtifact apps/e is missing spec.sourceRef" in run("trace", "service", "other", "-n", "apps").err


def test_trace_says_what_it_could_not_trace(api: Any, run: Any, make: Any) -> None:
    api.add(
        built_in("v1", "ConfigMap", "mine"),
        built_in("v1", "ConfigMap", "lost", meta=by_kustomization("gone")),
    )
    found = run("trace", "cm/mine", "cm/lost")
    assert found.code == 0
    assert found.out == "---\n"
    assert "failed to trace ConfigMap/mine in namespace flux-system: object not managed by Flux" in found.err
    assert "failed to find kustomization: " in found.err


def test_trace_of_a_label_without_its_counterpart(api: Any, run: Any) -> None:
    api.add(built_in("v1", "ConfigMap", "half", meta={"labels": {"helm.toolkit.fluxcd.io/name": "web"}}))
    assert run("trace", "cm/half").err == (
        "failed to trace ConfigMap/half in namespace flux-system: failed to find HelmRelease: "
        "an empty namespace may not be set when a resource name is provided"
    )


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        ([], "either `<resource>/<name>` or `<resource> <name>` is required as an argument"),
        (["cm"], "resource(s) were provided, but no name was specified"),
        (["nonsense", "x"], 'the server doesn\'t have a resource type "nonsense"'),
        (["cm/a", "b"], "there is no need to specify a resource type as a separate argument"),
        (["a/b/c"], "arguments in resource/name form may not have more than one slash"),
        (["cm/"], "arguments in resource/name form must have a single resource and name"),
        (["cm", "nope"], 'x: configmaps "nope" not found'),
        (["cm", "nope", "no"], 'x: [configmaps "nope" not found, configmaps "no" not found]'),
        (["--kind", "ConfigMap", "x"], "object apiVersion is required (--api-version)"),
        (["--api-version", "v1", "x"], "object kind is required (--kind)"),
        (["--api-version", "v1", "--kind", "ConfigMap"], "object name is required"),
        (["--api-version", "v9", "--kind", "ConfigMap", "x"], 'no matches for kind "ConfigMap" in version "v9"'),
    ],
)
def test_trace_refuses(argv: list[str], text: str, run: Any) -> None:
    found = run("trace", *argv)
    assert found.code == 1
    assert text in found.err


# -- stats


def test_an_object_counts_as_failing_by_any_of_its_ready_conditions(api: Any, run: Any, make: Any, cond: Any) -> None:
    api.add(make("GitRepository", "twice", {}, {"conditions": [cond("True", "x"), cond("False", "y")]}))
    assert run("stats").out.splitlines()[1].split("\t")[2].strip() == "1"


def test_stats(api: Any, run: Any, make: Any) -> None:
    api.add(
        make("GitRepository", "a", {}, {"artifact": {"size": 2000}, **ready("x", "False")}),
        make("GitRepository", "b", {"suspend": True}, {"artifact": {"size": 100}}),
        make("GitRepository", "c", {}, {}, "apps"),
        make("Bucket", "d", {}, {"artifact": {"size": 500}}),
    )
    api.resources = [r for r in api.resources if r.kind != "Receiver"]
    rows = {row.split("\t")[0].strip(): row.split("\t")[1:5] for row in run("stats").out.splitlines()}
    assert [cell.strip() for cell in rows["GitRepository"]] == ["1", "1", "1", "2.1 KiB"]
    assert [cell.strip() for cell in rows["Bucket"]] == ["1", "0", "0", "500 B"]
    assert [cell.strip() for cell in rows["Receiver"]] == ["0", "0", "0", "-"]
    everywhere = run("stats", "-A").out
    assert "GitRepository        \t2 " in everywhere
    assert run("stats", "x").err == '✗ unknown command "x" for "flux stats"\n'
    api.refuse["/apis/source"] = (403, "not you")
    assert run("stats").err == "⚠️ 5 kinds are not counted: not you\n"
    api.refuse = {"/apis/helm": (500, "no leader")}
    assert run("stats").err == "⚠️ 1 kind is not counted: no leader\n"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "-"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (5 << 30, "5.0 GiB"), (3 << 60, "3.0 EiB")],
)
def test_sizes(size: int, text: str) -> None:
    from pyflux.verbs.stats import format_size

    assert format_size(size) == text


# -- debug


def test_debug_kustomization(api: Any, run: Any, make: Any) -> None:
    refs = [
        {"kind": "ConfigMap", "name": "c"},
        {"kind": "Secret", "name": "s"},
        {"kind": "ConfigMap", "name": "none", "optional": True},
    ]
    build = {"substitute": {"B": "own", "D": "two\nlines"}, "substituteFrom": refs}
    snapshot = {"digest": "sha256:1", "firstReconciled": STAMP, "lastReconciled": STAMP, "lastReconciledDuration": "1s"}
    api.add(
        make("Kustomization", "k", {"postBuild": build}, {"observedGeneration": 3, "history": [snapshot]}),
        make("Kustomization", "none"),
        built_in("v1", "ConfigMap", "c", data={"A": "1", "B": "map"}),
        built_in("v1", "Secret", "s", data={"C": base64.b64encode(b"top\n").decode()}),
    )
    assert run("debug", "ks", "k", "--show-vars").out == "A=1\nB=own\nC=top\nD=twolines\n"
    status = run("debug", "ks", "k", "--show-status").out
    assert status.startswith("# Status documentation: https://fluxcd.io/")
    assert load(status)["history"][0] == {**snapshot, "lastReconciledStatus": "", "totalReconciliations": 0}
    assert load(run("debug", "ks", "k", "--show-history").out)[0]["digest"] == "sha256:1"
    assert run("debug", "ks", "none", "--show-history").out.splitlines()[1] == "[]"
    assert run("debug", "ks", "none", "--show-vars").err == "✗ no post build substitutions found\n"
    both = "✗ exactly one of --show-status, --show-vars, or --show-history must be set\n"
    assert run("debug", "ks", "k").err == both
    assert run("debug", "ks", "k", "--show-vars", "--show-status").err == both
    api.remove("Secret", "s")
    assert run("debug", "ks", "k", "--show-vars").err == (
        "✗ substitute from 'Secret/s' error: secrets \"s\" not found\n"
    )


def test_debug_helmrelease(api: Any, run: Any, make: Any) -> None:
    refs = [
        {"kind": "ConfigMap", "name": "c"},
        {"kind": "Secret", "name": "s", "valuesKey": "flat", "targetPath": "deep.er"},
        {"kind": "ConfigMap", "name": "none", "optional": True},
    ]
    history = [{"name": "h", "namespace": "n", "version": 1, "firstDeployed": STAMP, "lastDeployed": STAMP}]
    api.add(
        make("HelmRelease", "h", {"values": {"own": True, "over": 2}, "valuesFrom": refs}, {"history": history}),
        make("HelmRelease", "bare"),
        built_in("v1", "ConfigMap", "c", data={"values.yaml": "over: 1\nlist: [a]\n"}),
        built_in("v1", "Secret", "s", data={"flat": base64.b64encode(b"42").decode()}),
    )
    assert load(run("debug", "hr", "h", "--show-values").out) == {
        "own": True,
        "over": 2,
        "list": ["a"],
        "deep": {"er": 42},
    }
    shown = load(run("debug", "hr", "h", "--show-history").out)[0]
    assert shown["deleted"] is None
    assert shown["status"] == ""
    assert "# Status documentation" in run("debug", "helmrelease", "h", "--show-status").out
    assert run("debug", "hr", "bare", "--show-values").out == "{}\n"
    assert run("debug", "hr", "nope", "--show-values").code == 1
    api.remove("ConfigMap", "c")
    assert "could not resolve ConfigMap chart values reference 'flux-system/c' with key 'values.yaml'" in (
        run("debug", "hr", "h", "--show-values").err
    )
