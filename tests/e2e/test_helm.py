"""Journeys with Helm: a chart in Git is released, upgraded by commit, repaired, rolled back, tested, uninstalled."""

from __future__ import annotations

import pytest

from tests.e2e.helm_world import FILES, HelmWorld, chart_file, newest, said, waited_for
from tests.e2e.pairs import condition, ready, wait_until
from tests.e2e.world import SOURCE, World

pytest.importorskip("helm_python", reason="Helm's SDK (the extra helm) is not installed")


@pytest.fixture
def helm(world: World) -> HelmWorld:
    return HelmWorld(world)


def test_release_is_installed(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", values={"color": "red"})
    obj = helm.ready("app")
    assert helm.data("app") == {"color": "red", "nested": "default", "braces": "{{ left alone }}"}
    text = f"Helm install succeeded for release {helm.namespace}/app.v1 with chart app@1.0.0"
    assert said(obj, "Ready") == ("True", "InstallSucceeded", text)
    assert said(obj, "Released") == ("True", "InstallSucceeded", text)
    status = obj["status"]
    assert status["helmChart"] == f"{helm.namespace}/{helm.namespace}-app"
    assert status["storageNamespace"] == helm.namespace
    assert status["lastAttemptedRevision"] == "1.0.0"
    assert status["lastAttemptedReleaseAction"] == "install"
    assert status["inventory"]["entries"] == [{"id": f"{helm.namespace}_app__ConfigMap", "v": "v1"}]
    snapshot = newest(obj)
    assert {key: snapshot[key] for key in ("name", "version", "status", "action", "chartVersion", "appVersion")} == {
        "name": "app",
        "version": 1,
        "status": "deployed",
        "action": "install",
        "chartVersion": "1.0.0",
        "appVersion": "3.1",
    }
    assert snapshot["configDigest"] == status["lastAttemptedConfigDigest"]
    live = helm.pair.get("v1", "ConfigMap", "app", helm.namespace) or {}
    assert live["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "Helm",
        "helm.toolkit.fluxcd.io/name": "app",
        "helm.toolkit.fluxcd.io/namespace": helm.namespace,
    }
    assert live["metadata"]["managedFields"][0]["manager"] == "helm-controller"
    assert helm.secrets() == ["sh.helm.release.v1.app.v1"]
    listed = helm.world.flux("get", "helmreleases").out
    assert "app" in listed
    assert "True" in listed


def test_digests_are_the_official_ones(helm: HelmWorld) -> None:
    """What pyflux computes from Helm's storage is what the controller wrote into the history."""
    from pyflux.controllers.helm import snapshot, storage
    from pyflux.controllers.helm.state import unlike

    helm.start()
    values = {"color": "<a> & b", "nested": {"value": 1.5, "more": [1, "x", {"y": None}], "large": 12345678901}}
    common = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    patch = {"patch": "- {op: replace, path: /data/color, value: pink}", "target": {"kind": "ConfigMap", "name": "app"}}
    helm.release("app", values=values, commonMetadata=common, postRenderers=[{"kustomize": {"patches": [patch]}}])
    obj = helm.ready("app")
    assert (helm.data("app") or {})["color"] == "pink"
    (stored,) = storage.releases(helm.pair.client, helm.namespace, "app")
    assert unlike(newest(obj), stored) == ""
    assert snapshot.take(stored, "install") == newest(obj)
    assert obj["status"]["observedPostRenderersDigest"] == snapshot.digest_of(obj["spec"]["postRenderers"])
    assert obj["status"]["observedCommonMetadataDigest"] == snapshot.digest_of(common)
    live = helm.pair.get("v1", "ConfigMap", "app", helm.namespace) or {}
    assert live["metadata"]["labels"]["team"] == "a"
    assert live["metadata"]["annotations"]["note"] == "b"


def test_release_is_upgraded_by_a_commit(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app")
    helm.ready("app")
    helm.world.commit(
        {
            "charts/app/Chart.yaml": chart_file("1.1.0"),
            "charts/app/values.yaml": "color: green\nnested: {value: n}\ndeploy: false\n",
        }
    )
    helm.world.flux("reconcile", "source", "git", SOURCE)
    obj = helm.until("app", "at 1.1.0", lambda obj: ready(obj) and newest(obj).get("chartVersion") == "1.1.0")
    assert (helm.data("app") or {})["color"] == "green"
    history = obj["status"]["history"]
    assert [(one["version"], one["status"]) for one in history] == [(2, "deployed"), (1, "superseded")]
    assert [one.get("action") for one in history] == ["upgrade", None]
    assert said(obj, "Ready")[1] == "UpgradeSucceeded"


def test_release_is_upgraded_by_new_values(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", values={"color": "red"})
    helm.ready("app")
    helm.release("app", values={"color": "green"})
    helm.ready("app", 2)
    assert (helm.data("app") or {})["color"] == "green"


def test_failed_upgrade_is_rolled_back(helm: HelmWorld) -> None:
    helm.start()
    upgrade = {"timeout": "5s", "remediation": {"retries": 0, "remediateLastFailure": True}}
    helm.release("app", values={"deploy": True}, upgrade=upgrade)
    helm.ready("app")
    helm.release("app", values={"deploy": True, "color": "bad", "fail": "no such image"}, upgrade=upgrade)
    obj = helm.until("app", "stalled", lambda obj: condition(obj, "Stalled"))
    name, chart = f"{helm.namespace}/app", "app@1.0.0"
    text = f"Helm rollback to previous release {name}.v1 with chart {chart} succeeded"
    assert said(obj, "Remediated") == ("True", "RollbackSucceeded", text)
    assert said(obj, "Ready") == ("False", "RollbackSucceeded", text)
    assert said(obj, "Stalled") == ("True", "RetriesExceeded", "Failed to upgrade after 1 attempt(s)")
    status, reason, message = said(obj, "Released")
    assert (status, reason) == ("False", "UpgradeFailed")
    assert message.startswith(f"Helm upgrade failed for release {name} with chart {chart}: ")
    assert waited_for(message, f": [Deployment/{helm.namespace}/app status: '")
    history = obj["status"]["history"]
    assert [(one["version"], one["status"], one["action"]) for one in history] == [
        (3, "deployed", "rollback"),
        (2, "failed", "upgrade"),
        (1, "superseded", "rollback"),
    ]
    assert obj["status"]["upgradeFailures"] == 1
    assert (helm.data("app") or {})["color"] == "blue"
    # as soon as the values are good again, it is upgraded
    helm.release("app", values={"deploy": True, "color": "good"}, upgrade={**upgrade, "timeout": "1m"})
    obj = helm.ready("app", 4)
    assert (helm.data("app") or {})["color"] == "good"
    assert "Remediated" not in {one["type"] for one in obj["status"]["conditions"]}


def test_failed_install_is_uninstalled_and_retried(helm: HelmWorld) -> None:
    helm.start()
    install = {"timeout": "3s", "remediation": {"retries": 1, "remediateLastFailure": True}}
    helm.release("app", values={"deploy": True, "fail": "no such image"}, install=install)
    obj = helm.until("app", "stalled", lambda obj: condition(obj, "Stalled"))
    assert said(obj, "Stalled")[1:] == ("RetriesExceeded", "Failed to install after 2 attempt(s)")
    assert said(obj, "Remediated")[:2] == ("True", "UninstallSucceeded")
    assert obj["status"]["installFailures"] == 2
    assert helm.secrets() == []
    assert helm.data("app") is None
    # the official controller looks at the release while it is being uninstalled: it may still see it as it was
    assert [(one["version"], one["status"], one["action"]) for one in obj["status"]["history"]] in (
        [(1, "uninstalling", "uninstall-remediation")],
        [(1, "failed", "install")],
    )
    message = said(obj, "Released")[2]
    subject = f"Deployment/{helm.namespace}/app"
    causes = (
        f"timeout waiting for: [{subject} status: 'InProgress']",
        f"failed early due to stalled resources: [{subject} status: 'Failed']",
    )
    assert any(waited_for(message, cause) for cause in causes), message
    helm.release("app", values={"deploy": True}, install={"remediation": install["remediation"]})
    helm.ready("app", 1)


def test_uninstall(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app")
    helm.ready("app")
    helm.world.flux("delete", "helmrelease", "app", "--silent")
    gone = lambda: helm.pair.get("helm.toolkit.fluxcd.io/v2", "HelmRelease", "app", helm.namespace) is None  # noqa: E731
    wait_until("the HelmRelease is gone", gone, 30)
    assert helm.data("app") is None
    assert helm.secrets() == []
    chart = helm.pair.get("source.toolkit.fluxcd.io/v1", "HelmChart", f"{helm.namespace}-app", helm.namespace)
    assert chart is None or chart["metadata"].get("deletionTimestamp")


def test_deleted_while_suspended_the_release_stays(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app")
    helm.ready("app")
    helm.world.flux("suspend", "helmrelease", "app")
    helm.world.flux("delete", "helmrelease", "app", "--silent")
    gone = lambda: helm.pair.get("helm.toolkit.fluxcd.io/v2", "HelmRelease", "app", helm.namespace) is None  # noqa: E731
    wait_until("the HelmRelease is gone", gone, 30)
    assert helm.data("app") is not None


def test_depends_on(helm: HelmWorld) -> None:
    helm.start()
    helm.release("second", dependsOn=[{"name": "first"}])
    obj = helm.until("second", "waits", lambda obj: said(obj, "Ready")[1] == "DependencyNotReady")
    assert f"unable to get '{helm.namespace}/first' dependency" in said(obj, "Ready")[2]
    helm.release("first")
    helm.ready("second")
    assert helm.data("first") is not None
    assert helm.data("second") is not None


def test_values_from(helm: HelmWorld) -> None:
    helm.start()
    helm.pair.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "values", "namespace": helm.namespace},
            "data": {"values.yaml": "color: from-map\nnested: {value: from-map}\n"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "secret", "namespace": helm.namespace},
            "stringData": {"deep": "from-secret"},
        },
    )
    helm.release(
        "app",
        valuesFrom=[
            {"kind": "ConfigMap", "name": "values"},
            {"kind": "Secret", "name": "secret", "valuesKey": "deep", "targetPath": "nested.value"},
            {"kind": "ConfigMap", "name": "nowhere", "optional": True},
        ],
    )
    helm.ready("app")
    assert helm.data("app") == {"color": "from-map", "nested": "from-secret", "braces": "{{ left alone }}"}
    helm.release("bad", valuesFrom=[{"kind": "ConfigMap", "name": "nowhere"}])
    obj = helm.until("bad", "failed", lambda obj: said(obj, "Ready")[1] == "ValuesError")
    assert f"could not resolve ConfigMap chart values reference '{helm.namespace}/nowhere'" in said(obj, "Ready")[2]


def test_suspend_and_resume(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", values={"color": "red"})
    helm.ready("app")
    helm.world.flux("suspend", "helmrelease", "app")
    helm.pair.client.patch(
        helm.pair.client.resource_for("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        "app",
        helm.namespace,
        {"spec": {"values": {"color": "green"}}},
    )
    assert helm.world.flux("reconcile", "helmrelease", "app", "--timeout", "3s", check=False).code != 0
    assert (helm.data("app") or {})["color"] == "red"
    helm.world.flux("resume", "helmrelease", "app")
    helm.ready("app", 2)
    assert (helm.data("app") or {})["color"] == "green"


def test_reconcile_force_upgrades_what_is_in_sync(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app")
    helm.ready("app")
    helm.world.flux("reconcile", "helmrelease", "app")
    assert newest(helm.get("app"))["version"] == 1
    helm.world.flux("reconcile", "helmrelease", "app", "--force")
    obj = helm.ready("app", 2)
    annotations = obj["metadata"]["annotations"]
    assert obj["status"]["lastHandledForceAt"] == annotations["reconcile.fluxcd.io/forceAt"]


def test_reconcile_reset_forgets_failures(helm: HelmWorld) -> None:
    helm.start()
    install = {"timeout": "3s"}
    helm.release("app", values={"deploy": True, "fail": "no such image"}, install=install)
    helm.until("app", "stalled", lambda obj: condition(obj, "Stalled"))
    helm.world.flux("reconcile", "helmrelease", "app", "--timeout", "5s", check=False)
    obj = helm.until("app", "stalled", lambda obj: condition(obj, "Stalled"))
    assert obj["status"]["installFailures"] == 1
    assert newest(obj)["version"] == 1
    helm.world.flux("reconcile", "helmrelease", "app", "--reset", "--timeout", "5s", check=False)
    obj = helm.until("app", "tried again", lambda obj: newest(obj).get("version") == 2)
    annotations = obj["metadata"]["annotations"]
    assert obj["status"]["lastHandledResetAt"] == annotations["reconcile.fluxcd.io/resetAt"]


def test_drift_is_corrected(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", driftDetection={"mode": "enabled"})
    helm.ready("app")
    client = helm.pair.client
    where = client.resource_for("v1", "ConfigMap")
    client.patch(where, "app", helm.namespace, {"data": {"color": "red"}}, field_manager="somebody")
    helm.world.flux("reconcile", "helmrelease", "app")
    assert (helm.data("app") or {})["color"] == "blue"
    client.delete(where, "app", helm.namespace)
    helm.world.flux("reconcile", "helmrelease", "app")
    assert (helm.data("app") or {})["color"] == "blue"
    obj = helm.ready("app", 1)
    assert said(obj, "Drifted") == ("False", "NoDriftDetected", "No drift detected against the cluster state")
    messages = [event["message"] for event in helm.pair.events(helm.namespace, "app")]
    name = f"{helm.namespace}/app.v1"
    subject = f"ConfigMap/{helm.namespace}/app"
    assert any(
        text == f"Cluster state of release {name} has drifted from the desired state:\n"
        f"{subject} changed (0 additions, 1 changes, 0 removals)"
        for text in messages
    ), messages
    assert f"Cluster state of release {name} has been corrected:\n{subject} configured" in messages
    assert f"Cluster state of release {name} has been corrected:\n{subject} created" in messages


def test_drift_is_only_told_in_warn_mode(helm: HelmWorld) -> None:
    helm.start()
    rule = {"paths": ["/data/nested"], "target": {"kind": "ConfigMap"}}
    helm.release("app", driftDetection={"mode": "warn", "ignore": [rule]})
    helm.ready("app")
    client = helm.pair.client
    where = client.resource_for("v1", "ConfigMap")
    client.patch(where, "app", helm.namespace, {"data": {"nested": "red"}}, field_manager="somebody")
    helm.world.flux("reconcile", "helmrelease", "app")
    assert said(helm.ready("app"), "Drifted")[0] == "False"
    client.patch(where, "app", helm.namespace, {"data": {"color": "red"}}, field_manager="somebody")
    helm.world.flux("reconcile", "helmrelease", "app")
    assert (helm.data("app") or {})["color"] == "red"
    assert said(helm.ready("app"), "Drifted")[:2] == ("True", "DriftDetected")


def test_upgrade_takes_fields_from_other_managers(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", values={"color": "red"})
    helm.ready("app")
    client = helm.pair.client
    where = client.resource_for("v1", "ConfigMap")
    client.patch(where, "app", helm.namespace, {"data": {"color": "mine", "own": "x"}}, field_manager="somebody")
    helm.release("app", values={"color": "green"})
    helm.ready("app", 2)
    assert helm.data("app") == {"color": "green", "nested": "default", "braces": "{{ left alone }}", "own": "x"}


def test_existing_object_is_adopted(helm: HelmWorld) -> None:
    helm.start()
    helm.pair.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "app", "namespace": helm.namespace},
            "data": {"color": "theirs"},
        }
    )
    helm.release("app")
    helm.ready("app")
    assert (helm.data("app") or {})["color"] == "blue"


def test_tests_are_run(helm: HelmWorld) -> None:
    helm.start()
    helm.release("app", test={"enable": True})
    obj = helm.ready("app")
    subject = f"release {helm.namespace}/app.v1 with chart app@1.0.0"
    text = f"Helm test succeeded for {subject}: 1 test hook completed successfully"
    assert said(obj, "TestSuccess") == ("True", "TestSucceeded", text)
    assert said(obj, "Ready") == ("True", "TestSucceeded", text)
    hook = newest(obj)["testHooks"]["app-test"]
    assert hook["phase"] == "Succeeded"
    assert sorted(hook) == ["lastCompleted", "lastStarted", "phase"]


def test_release_goes_to_another_namespace(helm: HelmWorld) -> None:
    helm.start()
    target = f"{helm.namespace}-target"
    helm.release("app", targetNamespace=target, install={"createNamespace": True})
    obj = helm.ready("app")
    name = f"{target}-app"
    assert (helm.data(name, target) or {})["color"] == "blue"
    assert helm.secrets() == [f"sh.helm.release.v1.{name}.v1"]
    assert newest(obj)["namespace"] == target
    helm.release("app", targetNamespace=target, storageNamespace=target, releaseName="other")
    obj = helm.until("app", "moved", lambda obj: ready(obj) and newest(obj).get("name") == "other")
    assert helm.secrets() == []
    assert helm.secrets(target) == ["sh.helm.release.v1.other.v1"]
    assert helm.data(name, target) is None
    assert (helm.data("other", target) or {})["color"] == "blue"


def test_chart_that_cannot_be_rendered(helm: HelmWorld) -> None:
    helm.start(more={"charts/app/templates/bad.yaml": '{{ fail "never" }}\n'})
    helm.release("app")
    obj = helm.until("app", "failed", lambda obj: said(obj, "Released")[0] == "False")
    _, reason, message = said(obj, "Released")
    assert reason == "InstallFailed"
    assert "never" in message
    assert not obj["status"].get("history")


def test_values_files_and_revision_strategy(helm: HelmWorld) -> None:
    helm.start()
    own = {"valuesFiles": ["charts/app/values.yaml", "charts/app/values-green.yaml"], "reconcileStrategy": "Revision"}
    helm.release("app", chart_spec=own)
    obj = helm.ready("app")
    assert (helm.data("app") or {})["color"] == "green"
    commit = helm.world.repository.head()
    assert obj["status"]["lastAttemptedRevision"] == f"1.0.0+{commit[:12]}.1"
    chart = helm.pair.get("source.toolkit.fluxcd.io/v1", "HelmChart", f"{helm.namespace}-app", helm.namespace) or {}
    files = "[charts/app/values.yaml charts/app/values-green.yaml]"
    text = f"packaged 'app' chart with version '1.0.0+{commit[:12]}.1' and merged values files {files}"
    assert said(chart, "Ready") == ("True", "ChartPackageSucceeded", text)
    helm.world.commit({"charts/app/values-green.yaml": "color: lime\n"})
    helm.world.flux("reconcile", "source", "git", SOURCE)
    helm.until("app", "upgraded", lambda obj: ready(obj) and newest(obj)["version"] == 2)
    assert (helm.data("app") or {})["color"] == "lime"


CRD = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things.helm.example.com
spec:
  group: helm.example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
SUB_MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
data:
  size: {{ .Values.size | quote }}
  found: {{ (lookup "v1" "Namespace" "" .Release.Namespace).metadata.name | quote }}
"""
HOOK = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: pre-install
"""
THING = "apiVersion: helm.example.com/v1\nkind: Thing\nmetadata:\n  name: {{ .Release.Name }}\n"


def test_subcharts_hooks_and_crds(helm: HelmWorld) -> None:
    sub = "name: sub\nversion: 0.1.0\napiVersion: v2\n"
    dependencies = [
        "{name: sub, version: 0.1.0, repository: 'file://../sub', condition: sub.enabled}",
        "{name: sub, alias: other, version: 0.1.0, repository: 'file://../sub', condition: other.enabled}",
        "{name: off, version: 0.1.0, repository: 'file://../off', condition: off.enabled}",
    ]
    files: dict[str, str | None] = {
        "charts/sub/Chart.yaml": sub,
        "charts/sub/values.yaml": "size: small\n",
        "charts/sub/templates/map.yaml": SUB_MAP,
        "charts/off/Chart.yaml": sub.replace("sub", "off"),
        "charts/off/crds/other.yaml": CRD.replace("thing", "other").replace("Thing", "Other"),
        "charts/app/Chart.yaml": chart_file("1.0.0") + f"dependencies: [{', '.join(dependencies)}]\n",
        "charts/app/crds/thing.yaml": CRD,
        "charts/app/templates/hook.yaml": HOOK,
        "charts/app/templates/thing.yaml": THING,
    }
    helm.world.commit({**FILES, **files})
    helm.world.add_source()
    helm.release(
        "app",
        values={"sub": {"enabled": True, "size": "large"}, "other": {"enabled": False}, "off": {"enabled": False}},
    )
    obj = helm.ready("app")
    assert helm.data("app-sub") == {"size": "large", "found": helm.namespace}
    assert helm.data("app-other") is None
    assert helm.data("app-hook") == {}
    assert helm.pair.get("helm.example.com/v1", "Thing", "app", helm.namespace) is not None
    crd = helm.pair.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.helm.example.com") or {}
    assert crd["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"] == "app"
    off = helm.pair.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "others.helm.example.com")
    assert off is None
    entries = {entry["id"] for entry in obj["status"]["inventory"]["entries"]}
    namespace = helm.namespace
    assert entries == {
        f"{namespace}_app__ConfigMap",
        f"{namespace}_app-sub__ConfigMap",
        f"{namespace}_app_helm.example.com_Thing",
        "_things.helm.example.com_apiextensions.k8s.io_CustomResourceDefinition",
    }


JOB = """apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "nginx:1"}]
"""


def test_jobs_and_own_health_checks_are_waited_for(helm: HelmWorld) -> None:
    helm.start(more={"charts/app/templates/job.yaml": JOB})
    helm.release("app")
    helm.ready("app")
    job = helm.pair.get("batch/v1", "Job", "app", helm.namespace) or {}
    assert condition(job, "Complete").get("status") == "True"
    check = {"apiVersion": "v1", "kind": "ConfigMap", "current": "data.color == 'green'"}
    install = {"timeout": "3s"}
    helm.release("other", healthCheckExprs=[check], install={"timeout": "3s", "disableWaitForJobs": True})
    obj = helm.until("other", "stalled", lambda obj: condition(obj, "Stalled"))
    assert waited_for(said(obj, "Released")[2], f"ConfigMap/{helm.namespace}/other status: 'InProgress'")
    assert newest(obj)["status"] == "failed"
    helm.release("other", healthCheckExprs=[check], install=install, values={"color": "green"})
    helm.ready("other", 2)
