"""Flag types: what each takes, what it stores, how it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pyflux.cli.flagtypes import PARSERS, parse, shown

TAKEN: list[tuple[str, str, Any]] = [
    ("debug|info|error", "debug", "debug"),
    ("Skip|Create|CreateReplace", "CreateReplace", "CreateReplace"),
    ("decryptionProvider", "sops", "sops"),
    ("rsa|ecdsa|ed25519", "ed25519", "ed25519"),
    ("p256|p384|p521", "p521", "p521"),
    ("rsaKeyBits", "4096", 4096),
    ("rsaKeyBits", "", 2048),
    ("rsaKeyBits", "+2048", 2048),
    ("public|internal|private", "internal", "internal"),
    ("public|internal|private", " ", "private"),
    ("generic|github|aws|azure", "azure", "azure"),
    ("generic|aws|azure|gcp", "gcp", "gcp"),
    ("bucketProvider", "aws", "aws"),
    ("sourceOCIVerifyProvider", "cosign", "cosign"),
    ("kustomizationSource", "web", ("GitRepository", "web", "")),
    ("kustomizationSource", "a.b.c", ("GitRepository", "a.b", "c")),
    ("kustomizationSource", "bucket/x.ns", ("Bucket", "x", "ns")),
    ("crossNamespaceHelmChartSource", "HELMREPOSITORY/x.ns", ("HelmRepository", "x", "ns")),
    ("helmChartSource", "GitRepository/x.y", ("GitRepository", "x.y", "")),
]
REFUSED: list[tuple[str, str, str]] = [
    ("debug|info|error", "", "no log level given, must be one of: debug, info, error"),
    ("debug|info|error", "loud", "unsupported log level 'loud', must be one of: debug, info, error"),
    ("Skip|Create|CreateReplace", "", "no upgrade CRDs policy given, must be one of: Skip, Create, CreateReplace"),
    ("decryptionProvider", " ", "no decryption provider given, must be one of: sops"),
    ("rsa|ecdsa|ed25519", "", "no public key algorithm given, must be one of: rsa, ecdsa, ed25519"),
    ("rsa|ecdsa|ed25519", "dsa", "unsupported public key algorithm 'dsa', must be one of: rsa, ecdsa, ed25519"),
    ("p256|p384|p521", "", "unsupported curve '', must be one of: p256, p384, p521"),
    ("rsaKeyBits", "x", 'strconv.Atoi: parsing "x": invalid syntax'),
    ("rsaKeyBits", "-8", "RSA key bit size must be at least 1024"),
    ("rsaKeyBits", "1028", "RSA key bit size must be a multiples of 8"),
    ("public|internal|private", "secret", "unsupported visibility 'secret'"),
    ("generic|github|aws|azure", "", "no source Git provider given, please specify the Git provider name"),
    ("generic|aws|azure|gcp", "", "no source OCI provider given, please specify the OCI provider name"),
    ("bucketProvider", "", "no source bucket provider given, please specify the S3 compatible storage provider name"),
    ("bucketProvider", "x", "source bucket provider 'x' is not supported, must be one of: generic, aws, azure, gcp"),
    ("sourceOCIVerifyProvider", "x", "source OCI verify provider 'x' is not supported, must be one of: cosign"),
    ("kustomizationSource", "HelmRepository/x", "source kind 'HelmRepository' is not supported, must be one of: "),
    ("crossNamespaceHelmChartSource", "x", "invalid helm chart source 'x', must be in format <kind>/<name>"),
    ("crossNamespaceHelmChartSource", "", "in the format '<kind>/<name>.<namespace>', where kind must be one of"),
    ("helmChartSource", "", "in the format '<kind>/<name>', where kind must be one of"),
    ("helmChartSource", "Foo/x", "source kind 'Foo' is not supported, must be one of: HelmRepository, GitRepository"),
]


@pytest.mark.parametrize(("kind", "text", "value"), TAKEN)
def test_taken(kind: str, text: str, value: Any) -> None:
    assert parse(kind, text) == value


@pytest.mark.parametrize(("kind", "text", "message"), REFUSED)
def test_refused(kind: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(kind, text)


def test_every_type_is_tested() -> None:
    tested = {kind for kind, _, _ in TAKEN} | {"safeRelativePath"}
    assert {kind for kind in PARSERS if "harbor" not in kind} == tested


def test_internal_names_are_not_shown() -> None:
    assert shown("kustomizationSource") == shown("crossNamespaceHelmChartSource") == "string"
    assert shown("bucketProvider") == "generic|aws|azure|gcp"
    assert shown("rsaKeyBits") == "rsaKeyBits"
