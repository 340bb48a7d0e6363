"""A repository with secrets that SOPS encrypted, and no key: it builds, and says what it cannot know."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pyflux.render.sopsmask import MASK, masked

from .conftest import Repository, kustomization

APPS = ("Kustomization", "flux-system", "apps")
DECRYPTION = "  decryption: {provider: sops}\n"
CIPHER = "ENC[AES256_GCM,data:%s,iv:eA==,tag:eA==,type:str]"
MAC = CIPHER % "bWFj"


def cipher(text: str) -> str:
    """Stands for what SOPS makes of a text: another one for another text."""
    return CIPHER % base64.b64encode(text.encode()).decode()


def dotenv(**values: str) -> str:
    lines = [f"{key}={cipher(value)}\n" for key, value in values.items()]
    return "".join([*lines, f"sops_mac={MAC}\n", "sops_version=3\n"])


def secret(name: str, **texts: str) -> str:
    lines = "".join(f"  {key}: {cipher(value)}\n" for key, value in texts.items())
    meta = f"metadata: {{name: {name}, namespace: flux-system}}"
    return f"apiVersion: v1\nkind: Secret\n{meta}\nstringData:\n{lines}sops:\n  mac: {MAC}\n  version: 3.9.0\n"


def objects(repository: Repository) -> dict[str, dict[str, Any]]:
    unit = repository.build().units[APPS]
    assert unit.error == ""
    return {obj["metadata"]["name"]: obj for obj in unit.objects}


@pytest.fixture
def encrypted(repository: Repository) -> Repository:
    """A generator of two encrypted files, a patch and an object."""
    repository.put("clusters/prod/apps.yaml", kustomization("apps", "./apps", DECRYPTION))
    generator = "secretGenerator:\n- {name: env, namespace: web, envs: [a.env, b.env]}\n"
    options = "generatorOptions: {disableNameSuffixHash: true}\npatches: [{path: patch.yaml}]\n"
    repository.put("apps/kustomization.yaml", f"resources: [config.yaml, secret.yaml]\n{generator}{options}")
    repository.put("apps/a.env", dotenv(USER="bob"))
    repository.put("apps/b.env", dotenv(WORD="hunter2"))
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: web}\n"
    repository.put("apps/config.yaml", f"{config}data: {{kept: '1'}}\n")
    repository.put("apps/patch.yaml", f"{config}data:\n  word: {cipher('hunter2')}\nsops:\n  mac: {MAC}\n")
    repository.put("apps/secret.yaml", secret("plain", password="hunter2"))
    return repository


def test_files_of_generators_and_patches_bring_their_keys_only(encrypted: Repository) -> None:
    found = objects(encrypted)
    assert found["env"]["data"].keys() == {"USER", "WORD"}
    assert "sops" not in found["config"]
    assert found["config"]["data"].keys() == {"kept", "word"}


def test_a_changed_secret_is_a_change(encrypted: Repository) -> None:
    before = objects(encrypted)["env"]
    encrypted.put("apps/b.env", dotenv(WORD="hunter3"))
    after = objects(encrypted)["env"]
    assert before["data"]["USER"] == after["data"]["USER"]
    assert before["data"]["WORD"] != after["data"]["WORD"]


def test_ciphertext_is_not_shown(encrypted: Repository) -> None:
    found = {name: masked(obj) for name, obj in objects(encrypted).items()}
    assert found["plain"]["stringData"] == {"password": MASK}
    assert "sops" not in found["plain"]
    assert {base64.b64decode(value).decode() for value in found["env"]["data"].values()} == {MASK}


def test_without_decryption_files_are_taken_as_they_are(encrypted: Repository) -> None:
    encrypted.put("clusters/prod/apps.yaml", kustomization("apps", "./apps"))
    assert "illegally repeats the key `sops_" in encrypted.build().units[APPS].error


def test_an_encrypted_variable_is_not_known(repository: Repository) -> None:
    repository.put("config/settings.yaml", secret("settings", tag="1.0.0"))
    post_build = "  postBuild: {substituteFrom: [{kind: Secret, name: settings}], substitute: {replicas: '2'}}\n"
    repository.put("clusters/prod/apps.yaml", kustomization("apps", "./apps", post_build))
    (deployment,) = objects(repository).values()
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "registry.example.com/web:latest"


def test_a_release_with_encrypted_values_is_skipped(repository: Repository) -> None:
    repository.put("config/settings.yaml", secret("values", **{"values.yaml": "replicas: 2"}))
    repository.put("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n")
    release = (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: flux-system}\n"
    )
    chart = "{chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}}"
    values = "valuesFrom: [{kind: Secret, name: values}]"
    repository.put("apps/web.yaml", f"{release}spec:\n  interval: 1h\n  chart: {{spec: {chart}}}\n  {values}\n")
    repository.put("clusters/prod/apps.yaml", kustomization("apps", "./apps"))
    unit = repository.build().units["HelmRelease", "flux-system", "web"]
    assert (unit.error, unit.skipped) == ("", "its values from Secret/flux-system/values are encrypted with SOPS")
