"""Exec plugins: small shell scripts that print what real ones print, or something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyflux.errors import ConfigError
from pyflux.kube.auth import resolve
from pyflux.kube.config import Target

V1 = "client.authentication.k8s.io/v1"


def target_of(folder: Path, script: str) -> Target:
    plugin = folder / "plugin"
    plugin.write_text(f"#!/bin/sh\n{script}\n")
    plugin.chmod(0o755)
    target = Target("https://127.0.0.1:6443")
    target.exec_plugin = {"apiVersion": V1, "command": str(plugin)}
    return target


def printing(folder: Path, value: Any) -> Target:
    (folder / "printed").write_text(json.dumps(value))
    return target_of(folder, f"cat '{folder}/printed'")


def test_a_token(tmp_path: Path) -> None:
    target = printing(tmp_path, {"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "t"}})
    resolve(target)
    assert target.token == "t"


def test_a_certificate_and_its_key(tmp_path: Path) -> None:
    status = {"clientCertificateData": "c", "clientKeyData": "k"}
    target = printing(tmp_path, {"apiVersion": V1, "status": status})
    resolve(target)
    assert (target.cert, target.key) == (b"c", b"k")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "printed no ExecCredential"),
        ({"apiVersion": V1}, "printed no ExecCredential"),
        (
            {"apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "t"}},
            f"exec plugin is configured to use API version {V1}, "
            "plugin returned version client.authentication.k8s.io/v1beta1",
        ),
        ({"apiVersion": V1, "status": {"token": ""}}, "exec plugin didn't return a token or cert/key pair"),
        ({"apiVersion": V1, "status": None}, "exec plugin didn't return a token or cert/key pair"),
        (
            {"apiVersion": V1, "status": {"token": "t", "clientCertificateData": "c"}},
            "exec plugin returned only certificate or key, not both",
        ),
        (
            {"apiVersion": V1, "status": {"clientKeyData": "k"}},
            "exec plugin returned only certificate or key, not both",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_the_words_of_kubectl(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(printing(tmp_path, value))
    assert caught.value.message.startswith("getting credentials: ")
    assert caught.value.message.endswith(message)


@pytest.mark.parametrize(
    ("script", "message"),
    [("exit 3", "failed with exit code 3"), ("echo hello", "printed no ExecCredential")],
)
def test_plugins_that_fail(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(target_of(tmp_path, script))
