from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pyflux.catalog import api
from pyflux.catalog.components import (
    COMPONENTS,
    DEFAULT_COMPONENTS,
    EXTRA_COMPONENTS,
    InstallOptions,
    check_components,
    header,
    render_components,
    to_yaml,
)
from pyflux.errors import PyfluxError

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference"
EVERYTHING = InstallOptions(
    namespace="gitops",
    components=DEFAULT_COMPONENTS + EXTRA_COMPONENTS,
    network_policy=False,
    watch_all_namespaces=False,
    log_level="debug",
    cluster_domain="my.local",
    registry="reg.local/flux",
    image_pull_secret="regcred",
    toleration_keys=("a", "b"),
)


def without_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_descriptions(item)
            for key, item in value.items()
            if not (key == "description" and isinstance(item, str))
        }
    return [without_descriptions(item) for item in value] if isinstance(value, list) else value


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (obj for obj in objects if obj["kind"] == kind and obj["metadata"]["name"] == name)
    return found


def pod(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    spec: dict[str, Any] = named(objects, "Deployment", name)["spec"]["template"]["spec"]
    return spec


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference manifests at {REFERENCE}")
@pytest.mark.parametrize(("name", "options"), [("default", InstallOptions()), ("all", EVERYTHING)])
def test_objects_and_their_order_are_those_of_the_release(name: str, options: InstallOptions):
    text = (REFERENCE / f"install-{name}.yaml").read_text()
    expected = [without_descriptions(obj) for obj in yaml.load_all(text, yaml.CSafeLoader)]
    assert without_descriptions(render_components(options)) == expected
    assert text.startswith(header(options))


def test_every_kind_belongs_to_one_component():
    owned = [crd for component in COMPONENTS for crd in component.crds]
    assert sorted(owned) == sorted((kind.group, kind.kind) for kind in api.kinds())


def test_only_the_chosen_components_are_there():
    objects = render_components(InstallOptions(components=("kustomize-controller", "source-controller")))
    deployments = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"]
    assert deployments == ["kustomize-controller", "source-controller"]
    args = pod(objects, "kustomize-controller")["containers"][0]["args"]
    assert args == [
        "--events-addr=",
        "--watch-all-namespaces=true",
        "--log-level=info",
        "--log-encoding=json",
        "--enable-leader-election",
    ]


def test_the_source_watcher_turns_external_artifacts_on():
    objects = render_components(InstallOptions(components=(*DEFAULT_COMPONENTS, "source-watcher")))
    gate = "--feature-gates=ExternalArtifact=true"
    with_gate = {
        obj["metadata"]["name"]
        for obj in objects
        if obj["kind"] == "Deployment" and gate in obj["spec"]["template"]["spec"]["containers"][0]["args"]
    }
    assert with_gate == {"kustomize-controller", "helm-controller"}


def test_cluster_wide_names_carry_the_namespace():
    objects = render_components(InstallOptions(namespace="gitops"))
    binding = named(objects, "ClusterRoleBinding", "crd-controller-gitops")
    assert binding["roleRef"]["name"] == "crd-controller-gitops"
    assert {subject["namespace"] for subject in binding["subjects"]} == {"gitops"}
    assert named(objects, "ClusterRoleBinding", "cluster-reconciler-gitops")["roleRef"]["name"] == "cluster-admin"
    assert {obj["metadata"].get("namespace", "gitops") for obj in objects} == {"gitops"}


def test_without_a_registry_images_keep_their_short_name():
    objects = render_components(InstallOptions(registry=""))
    assert pod(objects, "helm-controller")["containers"][0]["image"] == "fluxcd/helm-controller:v1.6.3"


def test_objects_are_new_each_time():
    render_components(InstallOptions())[0]["metadata"]["labels"]["x"] = "y"
    assert "x" not in render_components(InstallOptions())[0]["metadata"]["labels"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["source-controller", "bad"], "component bad is not available"),
        (["source-controller", ""], "component  is not available"),
        (["source-controller", "source-controller"], "component source-controller is listed twice"),
    ],
)
def test_wrong_components(names: list[str], message: str):
    with pytest.raises(PyfluxError, match=f"^{message}$"):
        check_components(names)


def test_text_is_a_header_and_one_document_an_object():
    options = InstallOptions(components=("helm-controller",))
    objects = render_components(options)
    text = to_yaml(objects, options, lambda obj: yaml.safe_dump(obj))
    assert text.startswith(
        "---\n# This manifest was generated by flux. DO NOT EDIT.\n"
        "# Flux Version: v2.9.4\n# Components: helm-controller\napiVersion: v1\nkind: Namespace\n"
    )
    assert list(yaml.safe_load_all(text)) == objects
