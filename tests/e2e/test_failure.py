"""Journeys where something is wrong: what runs is left alone, the cause is named, and the next commit mends it."""

from __future__ import annotations

from tests.e2e.pairs import condition, wait_until
from tests.e2e.world import SOURCE, World, config_map, deployment


def test_a_bad_manifest_fails_and_leaves_what_runs_alone(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, color="blue")})
    world.add_source()
    world.add("apps")
    good = world.ready("apps")
    identity = f"{{name: svc, namespace: {world.namespace}}}"
    bad = f"apiVersion: v1\nkind: Service\nmetadata: {identity}\nspec: {{ports: [{{port: 99999}}]}}\n"
    world.commit({"web.yaml": config_map("web", world.namespace, color="green"), "svc.yaml": bad})
    said = world.reconcile("apps", check=False)
    assert said.code != 0
    obj = world.failed("apps", "dry-run failed (Invalid)")
    message = condition(obj, "Ready")["message"]
    assert message.startswith(f'Service/{world.namespace}/svc dry-run failed (Invalid): Service "svc" is invalid')
    assert condition(obj, "Ready")["reason"] == "ReconciliationFailed"
    assert obj["status"]["lastAppliedRevision"] == good["status"]["lastAppliedRevision"]
    assert world.config_map("web") == {"color": "blue"}
    revision = world.commit({"svc.yaml": None})
    world.reconcile("apps")
    world.ready("apps", revision)
    assert world.config_map("web") == {"color": "green"}


def test_broken_yaml_fails_the_build(world: World) -> None:
    world.commit({"web.yaml": "apiVersion: v1\n kind: ConfigMap\n"})
    world.add_source()
    world.add("apps")
    obj = world.failed("apps", "failed to decode Kubernetes YAML from ")
    assert condition(obj, "Ready")["reason"] == "BuildFailed"
    assert (
        "web.yaml: MalformedYAMLError: yaml: line 2: mapping values are not allowed"
        in condition(obj, "Ready")["message"]
    )
    assert condition(obj, "Reconciling")["reason"] == "ProgressingWithRetry"


def test_a_missing_path_is_named(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="b")})
    world.add_source()
    world.add("apps", "./absent")
    obj = world.failed("apps", "kustomization path not found: stat ")
    assert condition(obj, "Ready")["reason"] == "ArtifactFailed"
    assert condition(obj, "Ready")["message"].endswith("/absent: no such file or directory")


def test_a_missing_source_is_named_and_found_later(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="b")})
    world.add("apps", retryInterval="1s")
    obj = world.failed("apps", f'GitRepository.source.toolkit.fluxcd.io "{SOURCE}" not found')
    assert condition(obj, "Ready")["reason"] == "ArtifactFailed"
    world.add_source()
    world.ready("apps")


def test_an_object_of_an_unknown_kind_is_named(world: World) -> None:
    manifest = f"apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: w, namespace: {world.namespace}}}\n"
    world.commit({"w.yaml": manifest})
    world.add_source()
    world.add("apps")
    obj = world.failed("apps", 'no matches for kind "Widget" in version "example.com/v1"')
    assert condition(obj, "Ready")["message"].startswith(
        f"Widget/{world.namespace}/w dry-run failed: no matches for kind"
    )


def test_a_namespace_that_does_not_exist_is_named(world: World) -> None:
    world.commit({"web.yaml": config_map("web", "nowhere", a="b")})
    world.add_source()
    world.add("apps")
    obj = world.failed("apps", 'namespaces "nowhere" not found')
    assert condition(obj, "Ready")["message"].startswith("ConfigMap/nowhere/web not found: ")


def test_an_object_without_namespace_is_named(world: World) -> None:
    world.commit({"web.yaml": config_map("web", "", a="b")})
    world.add_source()
    world.add("apps")
    world.failed("apps", "ConfigMap/web namespace not specified: the server could not find the requested resource")


def test_fields_that_a_kind_does_not_have_are_dropped(world: World) -> None:
    manifest = deployment("web", world.namespace)
    manifest = manifest.replace("  replicas: 1\n", "  replicas: 1\n  replicaz: 2\n")
    world.commit({"web.yaml": manifest + "        imagePullPolcy: Never\n"})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    obj = world.pair.get("apps/v1", "Deployment", "web", world.namespace)
    assert obj is not None
    assert obj["spec"]["replicas"] == 1
    assert "replicaz" not in obj["spec"]


def test_an_immutable_field_needs_force(world: World) -> None:
    def service_account_binding(role: str) -> str:
        return (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n"
            f"metadata: {{name: bind, namespace: {world.namespace}}}\n"
            f"roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n"
            f"subjects: [{{kind: ServiceAccount, name: x, namespace: {world.namespace}}}]\n"
        )

    world.commit({"bind.yaml": service_account_binding("view")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    world.commit({"bind.yaml": service_account_binding("edit")})
    world.reconcile("apps", check=False)
    world.failed("apps", "cannot change roleRef")
    world.add("apps", force=True)
    world.ready("apps")
    obj = world.pair.get("rbac.authorization.k8s.io/v1", "RoleBinding", "bind", world.namespace)
    assert obj is not None
    assert obj["roleRef"]["name"] == "edit"


def test_custom_resources_and_their_definition_in_one_commit(world: World) -> None:
    group = f"{world.namespace}.example.com"
    crd = f"""apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
    widget = (
        f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one, namespace: {world.namespace}}}\nspec: {{a: b}}\n"
    )
    world.commit({"a-widget.yaml": widget, "z-crd.yaml": crd})
    world.add_source()
    world.add("apps")
    obj = world.ready("apps")
    assert [entry["id"] for entry in obj["status"]["inventory"]["entries"]] == [
        f"_widgets.{group}_apiextensions.k8s.io_CustomResourceDefinition",
        f"{world.namespace}_one_{group}_Widget",
    ]
    assert wait_until("the widget is there", lambda: world.pair.get(f"{group}/v1", "Widget", "one", world.namespace))
