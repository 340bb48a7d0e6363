"""Lists are read as they come in: whatever the cuts and the order of fields, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pyflux.kube.listing import read_list


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def objects(count: int, *, typed: bool = True) -> list[dict[str, Any]]:
    nested = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": f"d{n}"} for n in range(4)]
    return [
        {
            **({"apiVersion": "x/v1", "kind": "X"} if typed else {}),
            "metadata": {"name": f"o{n}", "note": '"}},{\\"apiVersion\\":'},
            "spec": {"text": "é" * 300, "healthChecks": nested},
        }
        for n in range(count)
    ]


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("count", [0, 1, 3, 2000])
@pytest.mark.parametrize("size", [4096, 65536, 10_000_000])
@pytest.mark.parametrize("order", ["fields first", "items first"])
@pytest.mark.parametrize("typed", [True, False])
def test_every_object_is_kept_once_in_order(count: int, size: int, order: str, typed: bool) -> None:
    expected = objects(count, typed=typed)
    fields = {"kind": "XList", "metadata": {"resourceVersion": "7", "continue": "more"}}
    whole = {"apiVersion": "x/v1"}
    whole |= {"items": expected, **fields} if order == "items first" else {**fields, "items": expected}
    kept: list[Any] = []
    found = read_list(pieces(encode(whole), size), kept.append)
    assert kept == expected
    assert found["items"] == expected
    assert found["metadata"] == fields["metadata"]


def test_what_is_taken_out_is_gone() -> None:
    whole = {"apiVersion": "x/v1", "items": objects(2000), "kind": "XList", "metadata": {}}
    found = read_list(pieces(encode(whole), 5000), lambda item: item.pop("spec"))
    assert len(found["items"]) == 2000
    assert not any("spec" in item for item in found["items"])


@pytest.mark.parametrize("count", [3, 2000])
def test_a_cut_off_answer_is_an_error(count: int) -> None:
    text = encode({"apiVersion": "x/v1", "items": objects(count), "kind": "XList"})
    with pytest.raises(ValueError, match=r"(?i)unexpected|unterminated"):
        read_list(pieces(text[:-40], 5000), lambda item: None)


def test_another_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an object"):
        read_list(iter([b"[1]"]), lambda item: None)
