"""Journeys that wait for health: Deployments, Jobs, custom rules, and what to do when it does not come."""

from __future__ import annotations

from tests.e2e.pairs import condition
from tests.e2e.world import World, config_map, deployment


def test_wait_until_a_deployment_is_ready(world: World) -> None:
    world.commit({"web.yaml": deployment("web", world.namespace)})
    world.add_source()
    world.add("apps", wait=True)
    obj = world.ready("apps")
    assert condition(obj, "Healthy")["status"] == "True"
    assert condition(obj, "Healthy")["reason"] == "Succeeded"
    assert condition(obj, "Healthy")["message"].startswith("Health check passed in ")
    found = world.pair.get("apps/v1", "Deployment", "web", world.namespace)
    assert found is not None
    assert found["status"]["readyReplicas"] == 1


def test_a_bad_rollout_is_told_and_the_next_commit_recovers(world: World) -> None:
    world.commit({"web.yaml": deployment("web", world.namespace)})
    world.add_source()
    world.add("apps", wait=True)
    good = world.ready("apps")
    # the sandbox's stand-in heeds the annotation; on a real cluster no node has the label, so the rollout stands still
    bad = deployment("web", world.namespace, "nginx:2", '{sandbox.pyflux.dev/fail: "no such image"}')
    world.commit({"web.yaml": bad + "      nodeSelector: {no: such}\n"})
    world.reconcile("apps", check=False)
    obj = world.failed("apps", f"Deployment/{world.namespace}/web status: 'Failed'", timeout=90)
    assert condition(obj, "Ready")["reason"] == "HealthCheckFailed"
    assert condition(obj, "Healthy")["status"] == "False"
    assert obj["status"]["lastAppliedRevision"] == good["status"]["lastAppliedRevision"]
    assert obj["status"]["lastAttemptedRevision"] != good["status"]["lastAppliedRevision"]
    revision = world.commit({"web.yaml": deployment("web", world.namespace, "nginx:3")})
    world.reconcile("apps")
    world.ready("apps", revision)


def test_a_listed_health_check_that_never_comes(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="b")})
    world.add_source()
    checks = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "absent", "namespace": world.namespace}]
    world.add("apps", healthChecks=checks, timeout="2s")
    obj = world.failed("apps", "timeout waiting for: ", timeout=90)
    assert condition(obj, "Ready")["reason"] == "HealthCheckFailed"
    assert condition(obj, "Healthy")["status"] == "False"
    wanted = f"timeout waiting for: [Deployment/{world.namespace}/absent status: 'NotFound']"
    assert condition(obj, "Healthy")["message"] == wanted
    assert condition(obj, "Ready")["message"].startswith("health check failed after ")
    assert condition(obj, "Ready")["message"].endswith(wanted)
    assert world.config_map("web") == {"a": "b"}


def test_a_custom_resource_that_is_stalled_fails_early(world: World) -> None:
    inner = f"""apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: inner, namespace: {world.namespace}}}
spec:
  interval: 1h
  path: ./absent
  prune: true
  healthCheckExprs: [{{apiVersion: v1, kind: ConfigMap, current: "data.a =="}}]
  sourceRef: {{kind: GitRepository, name: fleet}}
"""
    world.commit({"outer/inner.yaml": inner})
    world.add_source()
    world.add("outer", "./outer", wait=True)
    wanted = f"failed early due to stalled resources: [Kustomization/{world.namespace}/inner status: 'Failed']"
    obj = world.failed("outer", wanted)
    assert condition(obj, "Healthy")["reason"] == "HealthCheckFailed"
    assert condition(world.kustomization("inner"), "Stalled")["reason"] == "InvalidCELExpression"


def test_an_expression_tells_when_a_custom_object_is_healthy(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, state="done")})
    world.add_source()
    rule = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "current": "data.?state.orValue('') == 'done'",
        "failed": "has(data.state) && ['bad'].exists(e, e == data.state)",
        "inProgress": "metadata.?annotations[?'busy'].hasValue()",
    }
    world.add("apps", wait=True, healthCheckExprs=[rule])
    world.ready("apps")
    world.commit({"web.yaml": config_map("web", world.namespace, state="bad")})
    world.reconcile("apps", check=False)
    obj = world.failed("apps", f"ConfigMap/{world.namespace}/web status: 'Failed'")
    assert condition(obj, "Healthy")["status"] == "False"
    world.commit({"web.yaml": config_map("web", world.namespace, state="done")})
    world.reconcile("apps")
    assert condition(world.ready("apps"), "Healthy")["status"] == "True"
