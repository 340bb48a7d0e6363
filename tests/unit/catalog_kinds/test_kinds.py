"""The catalog of kinds agrees with the API's description and with itself."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.catalog import api, columns, kinds
from pyflux.catalog.gotime import age, long, parse, rfc3339, stamp
from pyflux.catalog.shapes import _fields, shaped


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_in_the_api_and_found_by_all_its_names(kind: Any) -> None:
    described = api.find(kind.group, kind.name)
    assert described is not None
    assert (described.version, described.plural) == (kind.version, kind.resource.plural)
    for word in (kind.name, kind.resource.plural, kind.resource.group_resource, *described.short_names):
        assert kinds.by_word(word) is kind, word
    assert kinds.kind(kind.name) is kind
    assert kinds.by_path(("get", *kind.many)) is kind
    assert kinds.by_path(("export", *kind.one)) is kind
    assert kind.version not in kind.older


def test_no_kind_of_the_api_is_missing() -> None:
    assert {kind.kind for kind in api.kinds()} == {kind.name for kind in kinds.KINDS}
    assert kinds.by_word("pods") is None


def _schema(kind: Any, field: str) -> dict[str, Any]:
    definition = api.crd(kind.group, kind.name)
    version = next(v for v in definition["spec"]["versions"] if v["name"] == kind.version)
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"].get(field, {})
    return found


def _compare(name: str, schema: dict[str, Any], where: str) -> None:
    """Every field of the API is in the shape, holds the same, and none is made up."""
    fields = {field: holds for field, _, holds in _fields(name)}
    assert set(fields) == set(schema.get("properties", {})), where
    for field, holds in fields.items():
        inner, kind = schema["properties"][field], holds
        while kind[0] in "[{":
            inner = inner["items"] if kind[0] == "[" else inner["additionalProperties"]
            kind = kind[1:-1]
        if kind in ("s", "b", "i", "d", "t", "j", "m"):
            expected = {"b": "boolean", "i": "integer", "m": "object", "j": None}.get(kind, "string")
            assert inner.get("type") == expected, f"{where}.{field}"
        else:
            _compare(kind, inner, f"{where}.{field}")


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_the_shape_of_a_spec_is_the_apis(kind: Any) -> None:
    _compare(kind.name, _schema(kind, "spec"), kind.name)


@pytest.mark.parametrize("kind", [kinds.KUSTOMIZATION, kinds.HELM_RELEASE], ids=lambda kind: kind.name)
def test_the_shape_of_a_status_is_the_apis(kind: Any) -> None:
    _compare(f"{kind.name}Status", _schema(kind, "status"), f"{kind.name}Status")


def test_shapes_drop_what_is_empty_and_write_durations_out() -> None:
    spec = {
        "interval": "90s",
        "url": "u",
        "suspend": False,
        "ignore": "",
        "include": [],
        "timeout": "0s",
        "ref": {"branch": "", "unknown": 1},
        "madeUp": True,
    }
    assert shaped("GitRepository", spec) == {
        "url": "u",
        "interval": "1m30s",
        "timeout": "0s",
        "ref": {},
        "ignore": "",
    }


def test_shapes_write_what_is_always_written() -> None:
    assert shaped("Kustomization", {}) == {
        "interval": "0s",
        "prune": False,
        "sourceRef": {"kind": "", "name": ""},
    }
    assert shaped("Released", {})["deleted"] is None
    assert shaped("Released", {"deleted": "2026-01-02T05:04:05+02:00"})["deleted"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("main@sha1:" + "a" * 40, "main@sha1:aaaaaaaa"),
        ("sha256:" + "0f" * 32, "sha256:0f0f0f0f"),
        ("b" * 39, "b" * 39),
        ("b" * 129, "b" * 129),
        ("x" + "b" * 40, "x" + "b" * 40),
        ("A" * 40, "A" * 40),
        (f"{'c' * 40} and {'c' * 40}", "cccccccc and cccccccc"),
    ],
)
def test_checksums_are_shortened(text: str, short: str) -> None:
    assert columns.shorten(text) == short


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (660, "11m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (180_000, "2d2h"),
        (8 * 86_400, "8d"),
        (800 * 86_400, "2y70d"),
        (9 * 365 * 86_400, "9y"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_times() -> None:
    assert parse("1970-01-02T00:00:01Z") == 86_401
    assert parse("2024-02-29T12:00:00.5+01:30") == parse("2024-02-29T10:30:00.500Z")
    assert parse("") is None
    assert parse("0001-01-01T00:00:00Z") is None
    assert parse("2024-02-29 12:00:00Z nonsense") is None
    assert rfc3339("not a time") == "not a time"
    assert long("") == "0001-01-01 00:00:00 +0000 UTC"
    assert parse(stamp(1_700_000_000_123_456_000)) == 1_700_000_000.123456
