"""YAML printed as Go prints it. The expectations were observed at the reference CLI."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pyflux.errors import PyfluxError
from pyflux.ui import yamlin
from pyflux.ui.yamlout import dump, dump_all, sorted_keys

QUOTING = {
    # words and numbers that would be read as something else
    "yes": '"yes"',
    "Off": '"Off"',
    "y": '"y"',
    "null": '"null"',
    "~": '"~"',
    "": '""',
    "true": '"true"',
    "nULL": "nULL",
    "0x1f": '"0x1f"',
    "0o17": '"0o17"',
    "1_000": '"1_000"',
    "089": '"089"',
    "0b-1": '"0b-1"',
    "1e3": '"1e3"',
    ".5": '".5"',
    ".inf": '".inf"',
    "1.2.3": "1.2.3",
    "1:30": '"1:30"',
    "1:90": "1:90",
    "2001-01-01": '"2001-01-01"',
    "2001-13-01": "2001-13-01",
    "2001-1-1T1:2:3Z": '"2001-1-1T1:2:3Z"',
    "0xFFFFFFFFFFFFFFFFFF": "0xFFFFFFFFFFFFFFFFFF",
    "18446744073709551616": '"18446744073709551616"',
    # characters that mean something
    "-": "'-'",
    "- a": "'- a'",
    "-a": "-a",
    "--- x": "'--- x'",
    "a: b": "'a: b'",
    "a:b": "a:b",
    "a:": "'a:'",
    "a #b": "'a #b'",
    "a#b": "a#b",
    "it's": "it's",
    "'q'": "'''q'''",
    "{a}": "'{a}'",
    "*x": "'*x'",
    "<<": "<<",
    "=": "=",
    "$x": "$x",
    "? x": "'? x'",
    "?x": "?x",
    " a": "' a'",
    "a ": "'a '",
    # what only double quotes can hold
    "a\tb": '"a\\tb"',
    "\U0001f600": '"\\U0001F600"',
    "é": "é",
    "a\u2028b": "'a\u2028  b'",
    "\ufeffa": '"\\uFEFF\\x61"',
    # line breaks
    "a\nb": "|-\n  a\n  b",
    "a\n": "|\n  a",
    "a\n\n": "|+\n  a\n",
    " a\nb": "|2-\n   a\n  b",
    "a \nb": '"a \\nb"',
    "a\r\nb": '"a\\r\\nb"',
}


@pytest.mark.parametrize(("text", "printed"), QUOTING.items())
def test_text_is_quoted_as_go_quotes_it(text: str, printed: str) -> None:
    assert dump({"a": text}) == f"a: {printed}\n"


def test_shape_of_maps_and_lists() -> None:
    obj = {"b": [], "a": {}, "list": ["x", {"k": 1, "l": [1, [2]]}, [["y"]], None], "c": {"d": {"e": True}}}
    assert dump(obj) == (
        'a: {}\nb: []\nc:\n  d:\n    e: true\nlist:\n- x\n- k: 1\n  l:\n  - 1\n  - - 2\n- - - "y"\n- null\n'
    )


def test_numbers() -> None:
    values = [1, -5, 1.0, 1.5, 1e20, 1e21, 123456.7, 1234567.8, 0.0001, 0.00001, 2**63, 2**64, 5e-324]
    printed = [line.removeprefix("- ") for line in dump(values).splitlines()]
    assert printed == [
        *("1", "-5", "1", "1.5", "1e+20", "1e+21", "123456.7", "1.2345678e+06", "0.0001", "1e-05"),
        *("9223372036854775808", "1.8446744073709552e+19", "5e-324"),
    ]


def test_keys_are_in_natural_order() -> None:
    assert sorted_keys(["z10", "z9", "Z", "_a", "a", "a1b", "a01b", "a-b"]) == [
        *("_a", "Z", "a", "a-b", "a1b", "a01b", "z9", "z10"),
    ]
    assert dump({"b": 1, "a": 2}, sort=False) == "b: 1\na: 2\n"


def test_long_lines_are_folded_at_single_spaces_after_column_80() -> None:
    words = "word " * 20 + "end"
    assert dump({"a": words}) == f"a: {'word ' * 15}word\n  {'word ' * 4}end\n"
    assert dump({"a": "x" * 200}) == f"a: {'x' * 200}\n"
    assert dump({"a": "w  " * 40 + "x"}) == f"a: {'w  ' * 40}x\n"
    assert dump({"a": "y: " * 30 + "z"}) == f"a: '{'y: ' * 25}y:\n  {'y: ' * 4}z'\n"


def test_long_and_broken_keys_stand_alone() -> None:
    assert dump({"k" * 129: 1}) == f"? {'k' * 129}\n: 1\n"
    assert dump({"k" * 128: 1}) == f"{'k' * 128}: 1\n"
    assert dump({"a\nb": [1]}) == "? |-\n  a\n  b\n: - 1\n"


def test_documents() -> None:
    assert dump_all([{"a": 1}, {"b": 2}]) == "---\na: 1\n---\nb: 2\n"


@pytest.mark.parametrize("obj", [{"a": "\x7f"}, {"a": float("nan")}, {"a": {1}}])
def test_what_go_refuses_is_an_error(obj: Any) -> None:
    with pytest.raises(PyfluxError):
        dump(obj)


# U+0085 is folded on the way, and the control characters above are refused
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\ufffe\uffff")).filter(
    lambda text: not any("\x7f" <= char <= "\x9f" for char in text)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_is_printed_reads_back_the_same(value: Any) -> None:
    printed = dump(value)
    assert yamlin.load(printed) == value
    # another reader agrees on everything that is JSON to it: it has no natural order and no Go in it
    assert json.dumps(yaml.load(printed, _Loader), sort_keys=True) == json.dumps(yamlin.load(printed), sort_keys=True)


class _Loader(yaml.SafeLoader):
    """PyYAML with the numbers and words of Go: it reads plain scalars through the same table, all else itself."""


def _plain(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    from pyflux.ui.goscalar import resolve

    if node.style is not None:
        return node.value
    value = resolve(node.value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


for _tag in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _plain)
_Loader.flatten_mapping = lambda self, node: None  # type: ignore[method-assign]
