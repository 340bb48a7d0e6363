"""Signatures by key, in registries: who signed what, in both of cosign's forms."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from pyflux.oci.cosign import SIMPLE_SIGNING, Key, is_signed
from pyflux.oci.errors import OciError
from pyflux.oci.reference import parse_repository
from tests.real.processes import missing
from tests.real.registry import Registry
from tests.unit.oci import signing
from tests.unit.oci.fakeregistry import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.oci.client import Repository
    from pyflux.oci.reference import Reference

OTHER = "sha256:" + "0" * 64


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """HOST:PORT of a registry."""
    if request.param == "fake":
        with serving() as fake:
            yield fake.address
        return
    reason = missing("registry")
    if reason:
        pytest.skip(reason)
    with Registry() as real:
        yield real.address


@pytest.fixture
def stored(address: str) -> tuple[Repository, Reference]:
    """A repository with an artifact, which is named by digest."""
    target = signing.repository(address, "org/app")
    reference = parse_repository(f"{address}/org/app").with_tag("v1")
    layer = signing.blob(target, b"content", "application/octet-stream")
    return target, reference.with_digest(signing.put(target, reference, [layer]).digest)


@pytest.mark.parametrize("kind", ["ecdsa", "p384", "ed25519", "rsa"])
@pytest.mark.parametrize("form", [signing.sign, signing.sign_bundle])
def test_the_right_key_counts(stored: tuple[Repository, Reference], kind: str, form: object) -> None:
    target, artifact = stored
    key, stranger = signing.new_key(kind), signing.new_key(kind)
    assert not is_signed(target, artifact, [Key(signing.public(key))])
    assert callable(form)
    form(target, artifact, key)
    assert is_signed(target, artifact, [Key(signing.public(stranger)), Key(signing.public(key))])
    assert not is_signed(target, artifact, [Key(signing.public(stranger))])
    assert not is_signed(target, artifact, [])


@pytest.mark.parametrize("form", [signing.sign, signing.sign_bundle])
def test_a_signature_of_something_else(stored: tuple[Repository, Reference], form: object) -> None:
    target, artifact = stored
    key = signing.new_key("ecdsa")
    assert callable(form)
    form(target, artifact, key, about=OTHER)
    assert not is_signed(target, artifact, [Key(signing.public(key))])


def test_one_of_several_signatures_is_enough(stored: tuple[Repository, Reference]) -> None:
    target, artifact = stored
    first, second = signing.new_key("ecdsa"), signing.new_key("ed25519")
    signing.sign(target, artifact, first, second)
    assert is_signed(target, artifact, [Key(signing.public(second))])


def test_where_there_are_bundles_they_alone_count(stored: tuple[Repository, Reference]) -> None:
    target, artifact = stored
    old, new = signing.new_key("ecdsa"), signing.new_key("ecdsa")
    signing.sign(target, artifact, old)
    signing.sign_bundle(target, artifact, new)
    assert not is_signed(target, artifact, [Key(signing.public(old))])
    assert is_signed(target, artifact, [Key(signing.public(new))])


@pytest.mark.parametrize("text", [b"", b"no json", b"[]", b'{"critical": 1}', b'{"critical": {"image": []}}'])
def test_a_signed_text_that_says_nothing(stored: tuple[Repository, Reference], text: bytes) -> None:
    target, artifact = stored
    key = signing.new_key("ecdsa")
    notes = {"dev.cosignproject.cosign/signature": base64.b64encode(signing.made(key, text)).decode()}
    layer = signing.blob(target, text, SIMPLE_SIGNING, annotations=notes)
    signing.put(target, artifact.with_tag(artifact.digest.replace(":", "-") + ".sig"), [layer])
    assert not is_signed(target, artifact, [Key(signing.public(key))])


@pytest.mark.parametrize("notes", [None, {}, {"dev.cosignproject.cosign/signature": "%%%"}])
def test_what_is_no_signature(stored: tuple[Repository, Reference], notes: dict[str, str] | None) -> None:
    target, artifact = stored
    layer = signing.blob(target, signing.payload(artifact.digest), SIMPLE_SIGNING, annotations=notes)
    signing.put(target, artifact.with_tag(artifact.digest.replace(":", "-") + ".sig"), [layer])
    assert not is_signed(target, artifact, [Key(signing.public(signing.new_key("ecdsa")))])


def test_a_huge_signed_text_is_not_read(stored: tuple[Repository, Reference]) -> None:
    target, artifact = stored
    layer = signing.blob(target, b"x", SIMPLE_SIGNING, annotations={"dev.cosignproject.cosign/signature": "eA=="})
    signing.put(target, artifact.with_tag(artifact.digest.replace(":", "-") + ".sig"), [{**layer, "size": 1 << 40}])
    with pytest.raises(OciError, match="more than the"):
        is_signed(target, artifact, [Key(signing.public(signing.new_key("ecdsa")))])


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key(pem: bytes) -> None:
    with pytest.raises(OciError, match="no public key"):
        Key(pem)
