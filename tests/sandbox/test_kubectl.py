"""The official kubectl uses the sandbox as it uses any cluster."""

from __future__ import annotations

import json

from tests.sandbox.running import Sandbox

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.25", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"""


def test_client_side_apply_creates_changes_and_removes_fields(sandbox: Sandbox, namespace: str) -> None:
    first = sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB).stdout
    assert first.count("created") == 3
    assert sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB).stdout.count("unchanged") == 3
    changed = WEB.replace("{colour: blue}", "{size: large}").replace(
        '[{name: web, image: "nginx:1.25", ports: [{containerPort: 80}]}]', '[{name: web, image: "nginx:1.26"}]'
    )
    out = sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=changed).stdout
    assert "deployment.apps/web configured" in out
    assert sandbox.get("-n", namespace, "configmap", "settings")["data"] == {"size": "large"}
    container = sandbox.get("-n", namespace, "deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx:1.26"
    assert "ports" not in container


def test_server_side_apply_names_the_owner_of_a_conflict(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "--server-side", "--field-manager=one", "-f", "-", given=WEB)
    theirs = WEB.replace("replicas: 2", "replicas: 3")
    command = ("apply", "-n", namespace, "--server-side", "--field-manager=two", "-f", "-")
    refused = sandbox.kubectl(*command, given=theirs, check=False)
    assert refused.returncode == 1
    assert 'conflict with "one": .spec.replicas' in refused.stderr
    sandbox.kubectl(*command, "--force-conflicts", given=theirs)
    entries = sandbox.get("-n", namespace, "deployment", "web", "--show-managed-fields")["metadata"]["managedFields"]
    owners = {e["manager"] for e in entries if "f:replicas" in e["fieldsV1"].get("f:spec", {})}
    assert owners == {"two"}


def test_wait_rollout_and_scale(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    sandbox.kubectl("wait", "-n", namespace, "--for=condition=Available", "deployment/web", "--timeout=20s")
    out = sandbox.kubectl("rollout", "-n", namespace, "status", "deployment/web", "--timeout=20s").stdout
    assert "successfully rolled out" in out
    sandbox.kubectl("scale", "-n", namespace, "deployment/web", "--replicas=5")
    sandbox.kubectl(
        "wait", "-n", namespace, "--for=jsonpath={.status.readyReplicas}=5", "deployment/web", "--timeout=20s"
    )
    sandbox.kubectl("rollout", "-n", namespace, "restart", "deployment/web")
    sandbox.kubectl("rollout", "-n", namespace, "status", "deployment/web", "--timeout=20s")


def test_get_prints_tables(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    sandbox.kubectl("rollout", "-n", namespace, "status", "deployment/web", "--timeout=20s")
    lines = sandbox.kubectl("get", "-n", namespace, "deploy,svc,cm", "-o", "wide").stdout
    assert "READY" in lines
    assert "2/2" in lines
    assert "nginx:1.25" in lines
    assert "CLUSTER-IP" in lines
    assert "80/TCP" in lines
    assert sandbox.kubectl("get", "-n", namespace, "all").returncode == 0
    assert "settings" in sandbox.kubectl("get", "cm", "-A", "-l", "!none").stdout


def test_patch_label_and_edit_by_patch(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    for kind, patch in (
        ("merge", '{"metadata":{"annotations":{"a":"b"}}}'),
        ("json", '[{"op":"replace","path":"/spec/replicas","value":4}]'),
        ("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:2"}]}}}}'),
    ):
        sandbox.kubectl("patch", "-n", namespace, "deployment", "web", f"--type={kind}", "-p", patch)
    sandbox.kubectl("label", "-n", namespace, "deployment", "web", "tier=front")
    sandbox.kubectl("set", "-n", namespace, "env", "deployment/web", "MODE=fast")
    found = sandbox.get("-n", namespace, "deployment", "web")
    assert found["metadata"]["annotations"]["a"] == "b"
    assert found["metadata"]["labels"]["tier"] == "front"
    assert found["spec"]["replicas"] == 4
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx:2"
    assert container["env"] == [{"name": "MODE", "value": "fast"}]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_describe_and_explain(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    out = sandbox.kubectl("describe", "-n", namespace, "deployment", "web").stdout
    assert "Replicas:" in out
    assert "nginx:1.25" in out
    assert "Labels:" in sandbox.kubectl("describe", "namespace", namespace).stdout
    text = sandbox.kubectl("explain", "deployment.spec.template.spec.containers").stdout
    assert "image\t<string>" in text
    assert "-required-" in text
    assert "deployments" in sandbox.kubectl("api-resources").stdout
    assert "apps/v1" in sandbox.kubectl("api-versions").stdout


def test_delete_waits_for_what_it_deletes(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    sandbox.kubectl("delete", "-n", namespace, "-f", "-", given=WEB)
    assert not sandbox.get("-n", namespace, "deploy,svc")["items"]
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    sandbox.kubectl("delete", "namespace", namespace, "--timeout=20s")
    assert sandbox.kubectl("get", "namespace", namespace, check=False).returncode == 1


def test_mistakes_are_reported_by_field(sandbox: Sandbox, namespace: str) -> None:
    unknown = WEB.replace("replicas: 2", "replcas: 2")
    out = sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=unknown, check=False).stderr
    assert 'unknown field "spec.replcas"' in out
    broken = WEB.replace("matchLabels: {app: web}", "matchLabels: {app: other}")
    out = sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=broken, check=False).stderr
    assert "`selector` does not match template `labels`" in out


def test_custom_resources_are_defined_explained_and_printed(sandbox: Sandbox, namespace: str) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "wheels.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "wheels", "singular": "wheel", "kind": "Wheel", "shortNames": ["wh"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}}
                            },
                        }
                    },
                }
            ],
        },
    }
    sandbox.kubectl("apply", "-f", "-", given=json.dumps(definition))
    sandbox.kubectl("wait", "--for=condition=Established", "crd/wheels.example.org", "--timeout=20s")
    wheel = {"apiVersion": "example.org/v1", "kind": "Wheel", "metadata": {"name": "a"}, "spec": {"size": 3}}
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=json.dumps(wheel))
    assert "SIZE" in sandbox.kubectl("get", "-n", namespace, "wh").stdout
    assert "size\t<integer>" in sandbox.kubectl("explain", "wheel.spec").stdout
    wheel["spec"] = {"size": 0}
    out = sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=json.dumps(wheel), check=False).stderr
    assert "spec.size in body should be greater than or equal to 1" in out
    sandbox.kubectl("delete", "crd", "wheels.example.org", "--timeout=20s")
    assert sandbox.kubectl("get", "-n", namespace, "wheels", check=False).returncode == 1


def test_diff_and_dry_run_change_nothing(sandbox: Sandbox, namespace: str) -> None:
    sandbox.kubectl("apply", "-n", namespace, "-f", "-", given=WEB)
    changed = WEB.replace("replicas: 2", "replicas: 7")
    difference = sandbox.kubectl("diff", "-n", namespace, "-f", "-", given=changed, check=False)
    assert difference.returncode == 1
    assert "+  replicas: 7" in difference.stdout
    sandbox.kubectl("apply", "-n", namespace, "--dry-run=server", "-f", "-", given=changed)
    assert sandbox.get("-n", namespace, "deployment", "web")["spec"]["replicas"] == 2


def test_who_may_do_what(sandbox: Sandbox, namespace: str) -> None:
    assert sandbox.kubectl("auth", "can-i", "create", "deployments").stdout.strip() == "yes"
    assert "kubernetes-admin" in sandbox.kubectl("auth", "whoami").stdout
    sandbox.kubectl("create", "-n", namespace, "serviceaccount", "bot")
    sandbox.kubectl(
        "create", "-n", namespace, "rolebinding", "bot", "--clusterrole=view", f"--serviceaccount={namespace}:bot"
    )
    bot = f"--as=system:serviceaccount:{namespace}:bot"
    assert sandbox.kubectl("get", "-n", namespace, "cm", bot).returncode == 0
    refused = sandbox.kubectl("create", "-n", namespace, "cm", "x", bot, check=False)
    assert 'cannot create resource "configmaps"' in refused.stderr
    token = sandbox.kubectl("create", "-n", namespace, "token", "bot").stdout.strip()
    alone = (
        "--kubeconfig=/dev/null",
        f"--server={sandbox.server}",
        f"--certificate-authority={sandbox.ca}",
        f"--token={token}",
    )
    assert sandbox.kubectl("get", "-n", namespace, "cm", *alone).returncode == 0
    assert sandbox.kubectl("get", "-n", "default", "cm", *alone, check=False).returncode == 1
