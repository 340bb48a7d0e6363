"""SOPS: which objects are decrypted, with which keys, and what is said when it cannot be done."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pyflux.controllers.kustomize import decrypt
from pyflux.errors import NotFound
from pyflux.render.overlay import BuildError

Obj = dict[str, Any]

# stands in for sops: the text after ENC: is the value, and the key file must hold the right key
FAKE = """#!{python}
import json, os, sys
assert sys.argv[1:3] == ["decrypt", "--ignore-mac"], sys.argv
key = open(os.environ["SOPS_AGE_KEY_FILE"]).read().strip()
if key != "AGE-SECRET-KEY-1":
    sys.exit("no key could decrypt the data")
text = sys.stdin.read()
if "json" in sys.argv:
    obj = json.loads(text)
    obj["data"] = {{k: v.removeprefix("ENC:") for k, v in obj["data"].items()}}
    print(json.dumps(obj))
else:
    print(text.replace("ENC[x]", "clear").partition("sops:")[0], end="")
"""


class Client:
    def __init__(self, **secrets: dict[str, str]) -> None:
        self._secrets = secrets

    def get(self, _resource: object, name: str, _namespace: str) -> Obj:
        if name not in self._secrets:
            raise NotFound(f'secrets "{name}" not found', status=404, reason="NotFound")
        return {"data": {k: base64.b64encode(v.encode()).decode() for k, v in self._secrets[name].items()}}


@pytest.fixture
def sops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "sops"
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def kustomization(**decryption: Any) -> Obj:
    return {"metadata": {"name": "apps", "namespace": "ns"}, "spec": {"decryption": decryption} if decryption else {}}


def secret(**rest: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **rest}


WITH_KEY = kustomization(provider="sops", secretRef={"name": "keys"})


def run(client: Any, obj: Obj, owner: Obj = WITH_KEY) -> Obj | None:
    with decrypt.decryptor(client, owner) as function:
        assert function is not None
        return function.object(obj)


@pytest.mark.usefixtures("sops")
def test_an_encrypted_object_is_decrypted() -> None:
    client = Client(keys={"identity.agekey": "AGE-SECRET-KEY-1\n"})
    clear = run(client, secret(data={"a": "ENC:Yg=="}, sops={"mac": "x"}))
    assert clear == secret(data={"a": "Yg=="})


@pytest.mark.usefixtures("sops")
def test_an_encrypted_file_in_a_generated_secret_is_decrypted() -> None:
    client = Client(keys={"identity.agekey": "AGE-SECRET-KEY-1\n"})
    value = base64.b64encode(b"password: ENC[x]\nsops:\n  mac: ENC[x]\n").decode()
    clear = run(client, secret(data={"config.yaml": value, "other": "Yg=="}))
    assert clear is not None
    assert base64.b64decode(clear["data"]["config.yaml"]) == b"password: clear\n"
    assert clear["data"]["other"] == "Yg=="


@pytest.mark.usefixtures("sops")
def test_a_wrong_key_is_told_without_it() -> None:
    client = Client(keys={"identity.agekey": "AGE-SECRET-KEY-2"})
    with pytest.raises(BuildError) as caught:
        run(client, secret(data={"a": "ENC:Yg=="}, sops={"mac": "x"}))
    assert caught.value.message == (
        "failed to decrypt and format '/s' Secret data: "
        "failed to load encrypted JSON data: no key could decrypt the data"
    )
    assert "AGE-SECRET" not in str(caught.value)


def test_what_is_not_encrypted_is_left_alone() -> None:
    client = Client(keys={})
    assert run(client, secret(data={"a": "Yg=="})) is None
    assert run(client, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}) is None
    opted_out = secret(sops={"mac": "x"})
    opted_out["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/decrypt": "disabled"}
    assert run(client, opted_out) is None
    assert not decrypt.is_encrypted_secret(secret())


def test_without_the_program_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match="the program sops is not on PATH"):
        run(Client(keys={}), secret(data={}, sops={"mac": "x"}))


def test_a_missing_secret_with_keys_is_named() -> None:
    with pytest.raises(BuildError, match='secrets "keys" not found'):
        run(Client(), secret())


def test_without_decryption_nothing_is_decrypted() -> None:
    client: Any = Client()
    with decrypt.decryptor(client, kustomization()) as function:
        assert function is None
    assert decrypt.is_encrypted_secret(json.loads(json.dumps(secret(sops={"mac": "x"}))))
