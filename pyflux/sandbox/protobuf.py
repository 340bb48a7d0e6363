"""Reads Kubernetes protobuf bodies, which Go clients send for built-in kinds. Answers are always JSON."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pyflux.sandbox.schema.builtin import types
from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.status import Obj, bad_request

MAGIC = b"k8s\x00"
# API group to the table of its types.
_TABLES = {
    "": "core", "apps": "apps", "batch": "batch", "policy": "policy", "autoscaling": "autoscaling",
    "networking.k8s.io": "networking", "rbac.authorization.k8s.io": "rbac", "storage.k8s.io": "storage",
    "scheduling.k8s.io": "scheduling", "coordination.k8s.io": "coordination", "events.k8s.io": "events",
    "discovery.k8s.io": "discovery", "authentication.k8s.io": "authentication", "node.k8s.io": "node",
    "authorization.k8s.io": "authorization", "admissionregistration.k8s.io": "admissionregistration",
    "apiextensions.k8s.io": "apiextensions", "apiregistration.k8s.io": "apiregistration",
    "flowcontrol.apiserver.k8s.io": "flowcontrol", "certificates.k8s.io": "certificates",
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode(body: bytes) -> Obj:
    """The object of a body, with apiVersion and kind; ApiError 400 when it cannot be read."""
    if body[:4] != MAGIC:
        raise bad_request("provided data does not appear to be a protobuf message")
    try:
        envelope = dict(_fields(body[4:]))
        identity = dict(_fields(envelope.get(1, b"")))
        version, kind = identity.get(1, b"").decode(), identity.get(2, b"").decode()
        schema = _schema(version, kind)
        made = _struct(schema, envelope.get(2, b""))
    except (IndexError, struct.error, UnicodeDecodeError, ValueError, TypeError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from None
    return {**made, "apiVersion": version, "kind": kind}


def _schema(api_version: str, kind: str) -> Schema:
    group, _, version = api_version.rpartition("/")
    for name in (f"{_TABLES.get(group, group)}.{version}.{kind}", f"meta.v1.{kind}"):
        if name in types().types:
            return types().get(name)
    raise bad_request(f'no kind "{kind}" is registered for version "{api_version}"')


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a message: ints for varints, bytes for everything else."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value: Any
            value, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > end:
                raise ValueError("a field is longer than its message")
            value, at = data[at : at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"unknown wire type {wire}")
        yield tag >> 3, value


def _struct(schema: Schema, data: bytes) -> Obj:
    out: Obj = {}
    inlined = dict(schema.inlined)
    for number, value in _fields(data):
        if number in inlined:
            out |= _struct(inlined[number], value)
            continue
        field = schema.by_number.get(number)
        if field is None:
            continue
        kind = field.schema
        if kind.kind == "list":
            assert kind.elem is not None
            out.setdefault(field.name, []).extend(_items(kind.elem, value))
        elif kind.kind == "map":
            assert kind.elem is not None
            entry = dict(_fields(value))
            made = _value(kind.elem, entry.get(2, b"" if kind.elem.scalar != "bool" else 0))
            out.setdefault(field.name, {})[entry.get(1, b"").decode()] = made
        else:
            out[field.name] = _value(kind, value)
    return out


def _items(elem: Schema, value: Any) -> list[Any]:
    if elem.kind == "scalar" and elem.scalar in ("int32", "int64") and isinstance(value, bytes):
        out, at = [], 0
        while at < len(value):
            number, at = _varint(value, at)
            out.append(_signed(number))
        return out
    return [_value(elem, value)]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _value(schema: Schema, value: Any) -> Any:
    if schema.kind == "struct":
        return _struct(schema, value)
    if schema.kind == "list":
        # A list as the value of a map is a message of its own.
        assert schema.elem is not None
        return [_value(schema.elem, v) for _, v in _fields(value)]
    if schema.kind == "scalar":
        return _scalar(schema.scalar, value)
    inner = dict(_fields(value))
    raw = inner.get(1, b"")
    return json.loads(raw) if raw else None


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string":
        return value.decode()
    if kind in ("int32", "int64"):
        return _signed(value)
    if kind == "bool":
        return bool(value)
    if kind == "double":
        return struct.unpack("<d", value)[0]
    if kind == "bytes":
        return base64.b64encode(value).decode()
    inner = dict(_fields(value))
    if kind == "quantity":
        return inner.get(1, b"0").decode() or "0"
    if kind == "intstr":
        return inner.get(3, b"").decode() if inner.get(1, 0) else _signed(inner.get(2, 0))
    return _time(inner, kind == "microtime")


def _time(inner: dict[int, Any], micro: bool) -> str | None:
    seconds, nanos = _signed(inner.get(1, 0)), inner.get(2, 0)
    if not seconds and not nanos:
        return None
    when = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
