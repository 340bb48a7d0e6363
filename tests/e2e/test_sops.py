"""Secrets in the repository, encrypted with the real SOPS: what arrives in the cluster, and what never shows."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pairs import condition
from tests.e2e.world import World
from tests.real.processes import missing
from tests.real.sops import CLEAR, DATA, ONLY_DATA, SECRET, Keys, encrypted, in_the_clear

_MISSING = missing("sops", "age-keygen")
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    made = Keys(tmp_path_factory.mktemp("sops") / "keys", pgp=shutil.which("gpg") is not None)
    yield made
    made.close()


def applied(world: World, name: str) -> dict[tuple[str, str], dict[str, str]]:
    found = {}
    for entry in world.kustomization(name)["status"]["inventory"]["entries"]:
        _, object_name, _, kind = entry["id"].split("_")
        obj = world.pair.get("v1", kind, object_name, world.namespace)
        assert obj is not None
        assert "sops" not in obj
        found[kind, object_name] = obj["data"]
    return found


def add_keys(world: World, name: str, **data: str) -> dict[str, Any]:
    """A Secret with keys; the `spec.decryption` that uses it."""
    meta = {"name": name, "namespace": world.namespace}
    texts = {key.replace("_", "."): value for key, value in data.items()}
    world.pair.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": texts})
    return {"provider": "sops", "secretRef": {"name": name}}


def test_an_age_key_of_a_secret_decrypts_objects_and_files(world: World, keys: Keys, tmp_path: Path) -> None:
    world.commit(encrypted(keys))
    world.add_source()
    decryption = add_keys(world, "keys", age_agekey=keys.private)
    world.add("apps", "./app", targetNamespace=world.namespace, decryption=decryption)
    world.ready("apps")
    assert applied(world, "apps") == in_the_clear(tmp_path)
    # nothing keeps it: without the key, the same revision cannot be built again
    add_keys(world, "keys", age_agekey=Keys(tmp_path / "other").private)
    world.reconcile("apps", check=False)
    world.failed("apps", "cannot get sops data key")


@pytest.mark.skipif(shutil.which("gpg") is None, reason="the program gpg is not installed")
def test_a_pgp_key_of_a_secret_decrypts_too(world: World, keys: Keys, tmp_path: Path) -> None:
    world.commit(encrypted(keys, to="pgp"))
    world.add_source()
    decryption = add_keys(world, "keys", pgp_asc=keys.armored())
    world.add("apps", "./app", targetNamespace=world.namespace, decryption=decryption)
    world.ready("apps")
    assert applied(world, "apps") == in_the_clear(tmp_path)


def test_a_secret_with_encrypted_values_is_decrypted(world: World, keys: Keys) -> None:
    value = base64.b64encode(keys.encrypt(f"a: {CLEAR}\n", "yaml").encode()).decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "values"}, "data": {"config.yaml": value}}
    kept = {**secret, "metadata": {"name": "kept", "annotations": {"kustomize.toolkit.fluxcd.io/decrypt": "Disabled"}}}
    world.commit({"values.yaml": json.dumps(secret), "kept.yaml": json.dumps(kept)})
    world.add_source()
    decryption = add_keys(world, "keys", age_agekey=keys.private)
    world.add("apps", targetNamespace=world.namespace, decryption=decryption)
    world.ready("apps")
    found = applied(world, "apps")
    assert base64.b64decode(found["Secret", "values"]["config.yaml"]) == f"a: {CLEAR}\n".encode()
    assert found["Secret", "kept"] == {"config.yaml": value}


def test_variables_are_substituted_in_what_was_decrypted(world: World, keys: Keys) -> None:
    world.commit({"s.yaml": keys.encrypt(SECRET.replace(CLEAR, "${word}"), "yaml", *ONLY_DATA)})
    world.add_source()
    decryption = add_keys(world, "keys", age_agekey=keys.private)
    post_build = {"substitute": {"word": CLEAR}}
    world.add("apps", targetNamespace=world.namespace, decryption=decryption, postBuild=post_build)
    world.ready("apps")
    assert base64.b64decode(applied(world, "apps")["Secret", "plain"]["password"]).decode() == CLEAR


def test_texts_that_nobody_decrypts_are_not_applied(world: World, keys: Keys) -> None:
    """Flux's controller refuses encrypted `data`, and applies encrypted `stringData`, whose mark it loses before."""
    world.commit({"secret.yaml": keys.encrypt(SECRET, "yaml", *ONLY_DATA)})
    world.add_source()
    world.add("apps", targetNamespace=world.namespace)
    if world.pair.ours:
        world.failed("apps", "is SOPS encrypted, configuring decryption is required")
        assert world.pair.get("v1", "Secret", "plain", world.namespace) is None
    else:
        world.ready("apps")


def test_what_cannot_be_decrypted_is_told(world: World, keys: Keys, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    world.commit(
        {
            "object/secret.yaml": keys.encrypt(DATA, "yaml", *ONLY_DATA),
            "file/app.env": keys.encrypt(f"PASSWORD={CLEAR}\n", "dotenv"),
            "file/kustomization.yaml": "secretGenerator: [{name: environment, envs: [app.env]}]\n",
        }
    )
    world.add_source()
    wrong = add_keys(world, "wrong", age_agekey=other.private)
    absent = {"provider": "sops", "secretRef": {"name": "absent"}}
    expected = {
        "object": (wrong, f"decryption failed for 'Secret.v1.[noGrp]/plain': failed to decrypt and format "
                          f"'{world.namespace}/plain' Secret data: cannot get sops data key"),
        "file": (wrong, "error decrypting sources: "),
        "absent": (absent, 'secrets "absent" not found'),
        "undeclared": (None, f"Secret/{world.namespace}/plain is SOPS encrypted, configuring decryption is required"),
    }  # fmt: skip
    for name, (decryption, _) in expected.items():
        spec = {"decryption": decryption} if decryption else {}
        path = f"./{name}" if name in ("object", "file") else "./object"
        world.add(name, path, targetNamespace=world.namespace, **spec)
    for name, (_, text) in expected.items():
        obj = world.failed(name, text)
        assert condition(obj, "Ready")["reason"] == ("ReconciliationFailed" if name == "undeclared" else "BuildFailed")
        said = json.dumps([obj, world.pair.events(world.namespace, name)])
        assert CLEAR not in said
        assert "AGE-SECRET-KEY" not in said
        if world.pair.ours:
            assert "\n" not in condition(obj, "Ready")["message"].strip()
    assert world.pair.get("v1", "Secret", "plain", world.namespace) is None
