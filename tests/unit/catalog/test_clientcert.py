"""A client certificate is loaded with no file that others could read, and without asking anybody."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pyflux.catalog.clientcert import load_client_certificate
from tests.real.pki import write_serving_pair


@pytest.fixture(params=["in memory", "in a file"])
def temporary(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if request.param == "in a file":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    return tmp_path


def pair(folder: Path) -> tuple[bytes, bytes]:
    folder.mkdir()
    write_serving_pair(folder)
    return (folder / "tls.crt").read_bytes(), (folder / "tls.key").read_bytes()


def test_a_pair_is_loaded_and_leaves_nothing(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    certificate, key = pair(tmp_path_factory.mktemp("keys") / "one")
    load_client_certificate(ssl.create_default_context(), certificate, key)
    assert os.listdir(temporary) == []


def test_what_is_no_pair_is_refused(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    keys = tmp_path_factory.mktemp("keys")
    (certificate, key), (_, other) = pair(keys / "one"), pair(keys / "two")
    encrypted = load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    for wrong in (other, encrypted, b"junk", b""):
        with pytest.raises(ssl.SSLError):
            load_client_certificate(ssl.create_default_context(), certificate, wrong)
    assert os.listdir(temporary) == []
