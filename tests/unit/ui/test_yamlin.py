"""YAML read as the Go libraries read it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pyflux.ui.yamlin import YamlError, load, load_all

VALUES = {
    "yes": True,
    "Off": False,
    "y": True,
    "~": None,
    "null": None,
    "": None,
    "12": 12,
    "0x1f": 31,
    "017": 15,
    "0o17": 15,
    "089": 89,
    "1_000": 1000,
    "0b11": 3,
    "1.0": 1,
    "1e3": 1000,
    ".5": 0.5,
    "1e400": "1e400",
    "1:30": "1:30",
    "2001-01-01": "2001-01-01",
    "'yes'": "yes",
    '"1"': "1",
    "! 12": "12",
    "!!str 12": "12",
    "!!int '3'": 3,
    "!!float 3": 3,
    "!!binary aGVsbG8=": "hello",
    "!custom x": "x",
    "|\n  x\n  y\n": "x\ny\n",
    ">-\n  x\n  y\n": "x y",
    '"\\u00e9\\t"': "é\t",
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_values(text: str, value: Any) -> None:
    found = load(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_the_newer_dialect_has_fewer_booleans() -> None:
    assert load("a: yes\nb: true\n", dialect="v3") == {"a": "yes", "b": True}


def test_keys_become_text() -> None:
    assert load("1: a\n1.5: b\ntrue: c\non: d\n0.1: e\n", strict=False) == {
        "1": "a",
        "1.5": "b",
        "true": "d",
        "0.1": "e",
    }


def test_documents() -> None:
    assert load_all("--- \na: 1\n---\n---\nb: 2\n") == [{"a": 1}, None, {"b": 2}]
    assert load("") is None
    assert load_all("# nothing\n") == []


def test_aliases_are_copies() -> None:
    found = load("a: &x {k: [1]}\nb: *x\n")
    assert found == {"a": {"k": [1]}, "b": {"k": [1]}}
    found["a"]["k"].append(2)
    assert found["b"] == {"k": [1]}


def test_merges() -> None:
    text = "base: &b {x: 1, y: 2}\nd:\n  <<: *b\n  x: 3\n"
    assert load(text)["d"] == {"x": 3, "true": 2}
    assert load("d:\n  <<: [{x: 1}, {x: 2, z: 3}]\n")["d"] == {"x": 1, "z": 3}
    late = "d:\n  x: 3\n  <<: {x: 1}\n"
    assert load(late)["d"] == {"x": 1}
    assert load(late, dialect="v3")["d"] == {"x": 3}


def test_double_keys() -> None:
    with pytest.raises(YamlError, match='line 2: key "a" already set'):
        load("a: 1\na: 2\n")
    assert load("a: 1\na: 2\n", strict=False) == {"a": 2}


FAULTS = {
    "a: b: c\n": "mapping values are not allowed in this context",
    "x: y\na: b: c\n": "line 2: mapping values are not allowed in this context",
    "a\nb: c\n": "line 2: mapping values are not allowed in this context",
    "a: [1,\n": "line 1: did not find expected node content",
    "a: *y\n": "unknown anchor 'y' referenced",
    "a: &x {b: *x}\n": "anchor 'x' value contains itself",
    "a: .nan\n": "unsupported value: NaN",
    "a: !!int x\n": "cannot decode `x` as a !!int",
    "<<: 3\n": "map merge requires map or sequence of maps as the value",
    "? [a]\n: b\n": "invalid map key",
    "~: x\n": "unsupported map key",
    "a: \x01\n": "control characters are not allowed",
}


@pytest.mark.parametrize(("text", "message"), FAULTS.items())
def test_faults(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    assert message in caught.value.message


def test_bytes_that_are_not_utf8_are_a_fault() -> None:
    with pytest.raises(YamlError):
        load(b"a: \xff\xfe\n")


def test_bombs_are_refused_quickly() -> None:
    names = "abcdefghi"
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in pairwise(names):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    with pytest.raises(YamlError, match="excessive aliasing"):
        load(bomb)
    with pytest.raises(YamlError, match="max depth"):
        load("[" * 100_000)
