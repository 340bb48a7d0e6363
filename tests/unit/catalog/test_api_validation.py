from __future__ import annotations

import copy
from typing import Any

import pytest

from pyflux.catalog import api
from pyflux.catalog.api.validation import apply_defaults

KUSTOMIZATION: dict[str, Any] = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "apps", "namespace": "flux-system"},
    "spec": {"interval": "10m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
}
BUCKET: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "Bucket",
    "metadata": {"name": "data"},
    "spec": {"interval": "10m", "bucketName": "data", "endpoint": "s3.example.com"},
}
RELEASE: dict[str, Any] = {
    "apiVersion": "helm.toolkit.fluxcd.io/v2",
    "kind": "HelmRelease",
    "metadata": {"name": "web"},
    "spec": {
        "interval": "10m",
        "chartRef": {"kind": "OCIRepository", "name": "web"},
        "values": {"any": [{"thing": 1}], "none": None},
    },
}


def changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    obj = copy.deepcopy(base)
    *parents, last = path.split(".")
    at = obj
    for name in parents:
        at = at.setdefault(name, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return obj


@pytest.mark.parametrize("obj", [KUSTOMIZATION, BUCKET, RELEASE], ids=lambda obj: obj["kind"])
def test_a_right_manifest_has_no_problems(obj: dict[str, Any]):
    before = copy.deepcopy(obj)
    assert api.validate(obj) == []
    assert obj == before


@pytest.mark.parametrize(
    "obj",
    [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"},
        {"kind": "Kustomization"},
    ],
)
def test_other_objects_are_not_judged(obj: dict[str, Any]):
    assert api.validate(obj) == []


@pytest.mark.parametrize(
    ("base", "path", "value", "problem"),
    [
        (KUSTOMIZATION, "spec.interval", ..., "spec.interval: Required value"),
        (KUSTOMIZATION, "spec.sourceRef", {"kind": "GitRepository"}, "spec.sourceRef.name: Required value"),
        (
            KUSTOMIZATION,
            "spec.prune",
            "yes",
            'spec.prune: Invalid value: "string": spec.prune in body must be of type boolean: "string"',
        ),
        (
            KUSTOMIZATION,
            "spec.interval",
            "10",
            'spec.interval: Invalid value: "10": spec.interval in body should match '
            r"'^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$'",
        ),
        (KUSTOMIZATION, "spec.interval", "10m\n", "spec.interval: Invalid value"),
        (
            KUSTOMIZATION,
            "spec.sourceRef.kind",
            "HelmChart",
            'spec.sourceRef.kind: Unsupported value: "HelmChart": supported values: '
            '"OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"',
        ),
        (KUSTOMIZATION, "spec.dependson", [], "spec.dependson: unknown field"),
        (
            KUSTOMIZATION,
            "spec.patches",
            [{"patches": "x", "patch": "y"}],
            "spec.patches[0].patches: unknown field",
        ),
        (
            KUSTOMIZATION,
            "spec.targetNamespace",
            "",
            'spec.targetNamespace: Invalid value: "": spec.targetNamespace in body should be at least 1 chars long',
        ),
        (KUSTOMIZATION, "spec.namePrefix", "x" * 201, "spec.namePrefix: Too long"),
        (KUSTOMIZATION, "spec.interval", None, "spec.interval: Required value"),
        (
            KUSTOMIZATION,
            "spec.kubeConfig",
            {},
            "spec.kubeConfig: Invalid value: exactly one of spec.kubeConfig.configMapRef or "
            "spec.kubeConfig.secretRef must be specified",
        ),
        (
            KUSTOMIZATION,
            "apiVersion",
            "kustomize.toolkit.fluxcd.io/v1beta2",
            "apiVersion: Kustomization has no version v1beta2, use kustomize.toolkit.fluxcd.io/v1",
        ),
        (KUSTOMIZATION, "kind", "Kustomisation", 'kind: no matches for kind "Kustomisation"'),
        (KUSTOMIZATION, "metadata", {"namespace": "a"}, "metadata.name: Required value"),
        (KUSTOMIZATION, "metadata.name", "Apps!", 'metadata.name: Invalid value: "Apps!"'),
        (
            BUCKET,
            "spec.sts",
            {"provider": "aws", "endpoint": "https://sts"},
            "spec: Invalid value: 'ldap' is",
        ),
        (BUCKET, "spec.serviceAccountName", "s3", "spec: Invalid value: ServiceAccountName is not supported"),
        (RELEASE, "spec.chartRef", ..., "spec: Invalid value: either chart or chartRef must be set"),
        (
            RELEASE,
            "spec.install",
            {"strategy": {"name": "RemediateOnFailure", "retryInterval": "1m"}},
            "spec.install.strategy: Invalid value: .retryInterval cannot be set",
        ),
    ],
)
def test_one_problem(base: dict[str, Any], path: str, value: Any, problem: str):
    (found,) = api.validate(changed(base, path, value))
    assert str(found).startswith(problem)


def test_all_problems_are_reported():
    spec = {"interval": "x", "wat": 1, "sourceRef": {"kind": "GitRepository", "name": 1}}
    found = api.validate(changed(KUSTOMIZATION, "spec", spec))
    assert [problem.path for problem in found] == [
        "spec.prune",
        "spec.interval",
        "spec.wat",
        "spec.sourceRef.name",
    ]


def test_lists_with_keys_are_unique():
    receiver = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": {"name": "hook"},
        "spec": {
            "type": "generic-oidc",
            "resources": [{"kind": "GitRepository", "name": "*"}],
            "oidcProviders": [
                {"issuerURL": "https://a", "validations": [{"expression": "true", "message": "m"}]},
                {"issuerURL": "https://a", "validations": []},
            ],
        },
    }
    assert [str(problem) for problem in api.validate(receiver)] == [
        "spec.oidcProviders[1].validations: Invalid value: 0: "
        "spec.oidcProviders[1].validations in body should have at least 1 items",
        'spec.oidcProviders[1]: Duplicate value: {"issuerURL":"https://a"}',
    ]


def test_status_is_checked_too():
    status = {
        "conditions": [
            {
                "type": "Ready",
                "status": "Yes",
                "reason": "Ok",
                "message": "",
                "lastTransitionTime": "yesterday",
                "observedGeneration": -2,
            }
        ]
    }
    found = api.validate({**KUSTOMIZATION, "status": status})
    assert [problem.path.removeprefix("status.conditions[0].") for problem in found] == [
        "status",
        "lastTransitionTime",
        "observedGeneration",
    ]


def test_defaults_are_filled_in():
    kind = api.find("source.toolkit.fluxcd.io", "Bucket")
    assert kind is not None
    full = apply_defaults(kind.schema, changed(BUCKET, "spec.provider", None))
    assert full["spec"]["provider"] == "generic"
    assert full["spec"]["timeout"] == "60s"
    assert full["status"] == {"observedGeneration": -1}


def test_every_rule_can_be_evaluated_on_the_least_object():
    """A rule that the evaluator cannot read would show as a problem that says so."""
    for kind in api.kinds():
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "a"}}
        obj["spec"] = least(kind.schema["properties"]["spec"])
        assert [str(p) for p in api.validate(obj) if "cannot be evaluated" in p.message] == []


def least(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: least(schema["properties"][name]) for name in schema.get("required", [])}
    if schema["type"] == "array":
        return [least(schema["items"])]
    return {"string": "a", "boolean": True, "integer": 1}[schema["type"]]
