"""Signatures checked with the real gpg and ssh-keygen."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pyflux.controllers.source.outcome import SourceFailed, SourceStalled
from pyflux.controllers.source.verify import due, mode_of, verify
from pyflux.git.refs import Revision
from pyflux.git.source import Fetched

Obj = dict[str, Any]
PAYLOAD = b"tree 1\nauthor me\n\nmessage\n"


class Client:
    def __init__(self, **data: bytes) -> None:
        self._data = {name.replace("_", "."): base64.b64encode(value).decode() for name, value in data.items()}

    def get(self, *_where: object) -> Obj:
        return {"data": self._data}


def source(mode: str, **ref: str) -> Obj:
    spec = {"verify": {"mode": mode, "secretRef": {"name": "keys"}}, "ref": ref or {"branch": "main"}}
    return {"metadata": {"name": "s", "namespace": "ns"}, "spec": spec, "status": {}}


def fetched(signature: bytes = b"", tag_signature: bytes = b"") -> Fetched:
    revision = Revision("v1", "c" * 40)
    return Fetched(revision, "m", "a", 0.0, signature, PAYLOAD, tag_signature, PAYLOAD)


def run(client: Any, obj: Obj, commit: Fetched) -> str:
    return verify(client, obj, commit)


@pytest.fixture(scope="module")
def pgp(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, str]:
    """A public key, a signature of PAYLOAD by it, and the key's id."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tmp_path_factory.mktemp("g")
    home.chmod(0o700)
    environ = {**os.environ, "GNUPGHOME": str(home)}

    def gpg(*words: str, text: bytes = b"") -> bytes:
        done = subprocess.run(["gpg", "--batch", *words], input=text, env=environ, capture_output=True, check=True)
        return done.stdout

    gpg("--passphrase", "", "--quick-gen-key", "Me <me@example.com>", "ed25519", "sign")
    listed = gpg("--list-keys", "--with-colons").decode().splitlines()
    identity = next(line.split(":")[4] for line in listed if line.startswith("pub"))
    result = gpg("--armor", "--export"), gpg("--armor", "--detach-sign", text=PAYLOAD), identity
    subprocess.run(["gpgconf", "--kill", "all"], env=environ, check=False)
    return result


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A public key and a signature of PAYLOAD by it."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    key = tmp_path_factory.mktemp("s") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "git"], input=PAYLOAD, capture_output=True, check=True
    )
    return Path(f"{key}.pub").read_bytes(), done.stdout


def test_a_commit_signed_with_openpgp(pgp: tuple[bytes, bytes, str]) -> None:
    public, signature, identity = pgp
    text = run(Client(me_asc=public), source("HEAD"), fetched(signature))
    assert text == f"verified signature of\n\t- commit '{'c' * 40}' with key '{identity}'"


def test_a_tag_and_a_commit_signed_with_ssh(ssh: tuple[bytes, bytes]) -> None:
    public, signature = ssh
    text = run(Client(me_sshpub=public), source("TagAndHEAD", tag="v1"), fetched(signature, signature))
    assert text.startswith("verified signature of\n\t- tag 'v1' with key 'SHA256:")
    assert f"\n\t- commit '{'c' * 40}' with key 'SHA256:" in text


def test_what_is_refused(pgp: tuple[bytes, bytes, str], ssh: tuple[bytes, bytes]) -> None:
    pgp_key, pgp_signature, _ = pgp
    ssh_key, ssh_signature = ssh
    forged = Fetched(Revision("v1", "c" * 40), "m", "a", 0.0, ssh_signature, PAYLOAD + b"x")
    cases = [
        (Client(me_sshpub=ssh_key), source("HEAD"), fetched(), "it is not signed"),
        (Client(me_sshpub=ssh_key), source("HEAD"), fetched(pgp_signature), "no PGP public keys found in secret"),
        (Client(me_asc=pgp_key), source("HEAD"), fetched(ssh_signature), "no SSH public keys found in secret"),
        (Client(me_sshpub=ssh_key), source("HEAD"), forged, "unable to verify payload"),
        (Client(me_asc=pgp_key), source("Tag", tag="v1"), fetched(pgp_signature), "since it is not signed"),
        (Client(me_asc=pgp_key), source("HEAD"), fetched(b"nonsense"), "unsupported signature type"),
    ]
    for client, obj, commit, why in cases:
        with pytest.raises(SourceFailed) as caught:
            run(client, obj, commit)
        assert why in caught.value.message
        assert caught.value.status == "False"
    with pytest.raises(SourceStalled, match="if a tag reference is not specified"):
        run(Client(me_asc=pgp_key), source("Tag"), fetched(pgp_signature))


def test_when_verification_is_due() -> None:
    obj = source("TagAndHEAD")
    assert due(obj)
    obj["status"]["sourceVerificationMode"] = "TagAndHEAD"
    assert not due(obj)
    obj["spec"]["verify"]["mode"] = "HEAD"
    assert not due(obj)
    obj["status"]["sourceVerificationMode"] = "Tag"
    assert due(obj)
    assert mode_of({"verify": {"mode": "head"}}) == "HEAD"
    assert mode_of({}) == ""
