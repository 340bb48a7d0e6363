# ruff: noqa: E501 - tables
"""Types, decoding and scalars of built-in kinds."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.sandbox.protobuf import MAGIC, decode
from pyflux.sandbox.registry import Registry
from pyflux.sandbox.schema import scalars
from pyflux.sandbox.schema.builtin import object_schema, types
from pyflux.sandbox.schema.decode import DecodeError, Decoder
from pyflux.sandbox.status import ApiError


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("1000m", "1"), ("0.5", "500m"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("0", "0"), ("1e3", "1e3"), ("100", "100"),
        ("1000", "1k"), ("1000000", "1M"), ("12345", "12345"), ("0.0000000001", "1n"), ("-1", "-1"), ("1Ki", "1Ki"),
        ("512", "512"), ("1500", "1500"), ("2048Ki", "2Mi"),
    ],
)  # fmt: skip
def test_quantities_take_their_canonical_form(given: str, canonical: str) -> None:
    assert scalars.quantity(given) == canonical


@pytest.mark.parametrize("bad", ["", "x", "1 Gi", "1Gib", "--1"])
def test_what_is_no_quantity_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        scalars.quantity(bad)


def test_times_are_utc_and_whole() -> None:
    assert scalars.time_text("2026-01-02T03:04:05+02:00") == "2026-01-02T01:04:05Z"
    assert scalars.time_text("2026-01-02T03:04:05.123456Z", micro=True) == "2026-01-02T03:04:05.123456Z"


def test_every_type_is_readable_and_every_kind_has_one() -> None:
    for name in list(types().types):
        types().get(name)
    for kind in Registry().kinds():
        assert kind.schema.fields["metadata"].schema.name.endswith("ObjectMeta")


def test_decoding_drops_unknown_and_zero_values_and_prints_what_go_prints() -> None:
    decoder = Decoder()
    made = decoder.object(
        object_schema("apps.v1.Deployment"),
        {
            "metadata": {"name": "a", "labels": {}},
            "spec": {
                "paused": False,
                "replicas": 0,
                "bogus": 1,
                "template": {"spec": {"containers": [{"name": "c", "x": 1}]}},
            },
        },
    )
    assert decoder.unknown == ["spec.bogus", "spec.template.spec.containers[0].x"]
    assert made["metadata"] == {"name": "a"}
    assert made["spec"]["replicas"] == 0
    assert "paused" not in made["spec"]
    assert made["spec"]["template"]["spec"]["containers"] == [{"name": "c", "resources": {}}]
    assert made["status"] == {}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": "x"}, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ({"template": {"spec": {"containers": {}}}},
         "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"),
        ({"template": {"spec": {"containers": [{"image": 1}]}}},
         "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string"),
    ],
)  # fmt: skip
def test_wrong_types_are_named_as_go_names_them(spec: Any, message: str) -> None:
    with pytest.raises(DecodeError) as refused:
        Decoder().object(object_schema("apps.v1.Deployment"), {"spec": spec})
    assert str(refused.value) == message


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def test_protobuf_bodies_are_read() -> None:
    entry = _bytes(1, b"k") + _bytes(2, b"v")
    meta = _bytes(1, b"name") + _bytes(8, b"") + _bytes(11, entry)
    secret = _bytes(1, meta) + _bytes(2, _bytes(1, b"user") + _bytes(2, b"me")) + _bytes(3, b"Opaque")
    identity = _bytes(1, b"v1") + _bytes(2, b"Secret")
    made = decode(MAGIC + _bytes(1, identity) + _bytes(2, secret))
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "name", "creationTimestamp": None, "labels": {"k": "v"}},
        "data": {"user": "bWU="},
        "type": "Opaque",
    }
    lease = _bytes(2, _bytes(1, b"me") + _varint(2 << 3) + _varint(15))
    made = decode(MAGIC + _bytes(1, _bytes(1, b"coordination.k8s.io/v1") + _bytes(2, b"Lease")) + _bytes(2, lease))
    assert made["spec"] == {"holderIdentity": "me", "leaseDurationSeconds": 15}


@pytest.mark.parametrize("body", [b"", b"{}", MAGIC + b"\xff", MAGIC + _bytes(1, _bytes(1, b"v1") + _bytes(2, b"No"))])
def test_broken_protobuf_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        decode(body)
    assert refused.value.code == 400
