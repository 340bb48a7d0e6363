"""Between build and apply: substitution document by document, decryption, reading."""

from __future__ import annotations

import pytest

from pyflux.render.manifests import post_build, read_objects, split
from pyflux.render.overlay import BuildError

ONE = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: ${n}\n"
TWO = "apiVersion: v1\ndata:\n  a: ${x}\nkind: ConfigMap\nmetadata:\n  name: raw\n"
DISABLED = TWO.replace("metadata:\n", "metadata:\n  labels:\n    kustomize.toolkit.fluxcd.io/substitute: disabled\n")


def test_substitution_is_a_matter_of_text() -> None:
    text = post_build(f"{ONE}---\n{DISABLED}", variables={"n": "3"}, strict=True)
    deployment, raw = read_objects(text)
    assert deployment["spec"]["replicas"] == 3
    assert raw["data"] == {"a": "${x}"}


def test_nothing_is_substituted_without_variables() -> None:
    assert post_build(f"{ONE}---\n{TWO}") == f"{ONE}---\n{TWO}"


@pytest.mark.parametrize(
    ("document", "variables", "message"),
    [
        (
            ONE,
            {"m": "1"},
            "post build failed for 'Deployment.v1.apps/web': envsubst error: "
            'variable substitution failed: variable not set (strict mode): "n"',
        ),
        (
            TWO,
            {"x-y": "1"},
            "post build failed for 'ConfigMap.v1.[noGrp]/raw': envsubst error: "
            "'x-y' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'",
        ),
        (
            TWO.replace("${x}", "${x"),
            {"x": "1"},
            "post build failed for 'ConfigMap.v1.[noGrp]/raw': envsubst error: "
            "variable substitution failed: missing closing brace",
        ),
    ],
)
def test_errors_name_the_object(document: str, variables: dict[str, str], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        post_build(document, variables=variables, strict=True)
    assert caught.value.message == message


def test_a_value_that_breaks_the_yaml_is_told() -> None:
    with pytest.raises(BuildError, match="envsubst error: YAMLToJSON: "):
        post_build(TWO, variables={"x": "a: b: c"})


def test_decryption_comes_first() -> None:
    encrypted = "apiVersion: v1\ndata:\n  a: ENC[x]\nkind: Secret\nmetadata:\n  name: s\nsops:\n  mac: x\n"
    seen = []

    def decrypt(obj: dict[str, object]) -> dict[str, object] | None:
        seen.append(obj["metadata"])
        return {**{k: v for k, v in obj.items() if k != "sops"}, "data": {"a": "${x}"}}

    text = post_build(f"{encrypted}---\n{TWO}", variables={"x": "clear"}, decrypt=decrypt)
    assert [obj["data"] for obj in read_objects(text)] == [{"a": "clear"}, {"a": "clear"}]
    assert seen == [{"name": "s"}]


def test_documents_and_lists_are_taken_apart() -> None:
    text = (
        "---\n"
        + ONE
        + "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l}}\n"
    )
    assert [obj["metadata"]["name"] for obj in read_objects(text)] == ["web", "l"]
    assert len(split(text)) == 2


def test_a_kustomization_file_is_no_object() -> None:
    text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: x}\n"
    assert read_objects(text) == []


def test_an_object_without_a_name_is_refused() -> None:
    with pytest.raises(BuildError, match="failed to decode Kubernetes apiVersion, kind and name from: "):
        read_objects("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")
