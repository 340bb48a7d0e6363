"""Reports of differences. Expected texts were taken from the dyff library where it matters how they are cut."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from pyflux.render import dyff, linediff
from pyflux.render.dyff_report import report


def text(before: Any, after: Any, **more: Any) -> str:
    return report({"spec": before}, {"spec": after}, **more)


def test_nothing() -> None:
    assert report({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) == "\n"


def test_values() -> None:
    assert text({"a": 1}, {"a": 2}) == "\nspec.a\n± value change\n- 1\n+ 2\n\n"
    assert text({"a": True}, {"a": False}) == "\nspec.a\n± value change\n- true\n+ false\n\n"
    assert text({"a": "x"}, {"a": "y z"}) == "\nspec.a\n± value change\n- x\n+ y z\n\n"
    assert text({"a": "1"}, {"a": 1}) == "\nspec.a\n± type change from string to int\n- 1\n+ 1\n\n"
    assert text({"a": None}, {"a": [1]}) == "\nspec.a\n± type change from <nil> to list\n- <nil>\n+ - 1\n\n"


def test_added_and_removed_keys_stand_side_by_side_where_there_is_room() -> None:
    assert text({"a": "x y"}, {"b": {"c": [], "d": "-"}}) == (
        "\nspec\n"
        "- one map entry removed:   + one map entry added:\n"
        'a: "x y"                     b:\n'
        "                               c: []\n"
        '                               d: "-"\n\n'
    )
    assert text({"a": "x y"}, {"b": 1}, width=30) == (
        '\nspec\n- one map entry removed:\na: "x y"\n\n+ one map entry added:\n  b: 1\n\n\n'
    )


def test_root() -> None:
    assert report({"a": 1}, {"a": 1, "b": 2}) == "\n(root level)\n+ one map entry added:\n  b: 2\n\n"


def test_named_entries() -> None:
    before = [{"name": "a", "v": 1}, {"name": "b", "v": 2}]
    after = [{"name": "b", "v": 3}, {"name": "c", "image": "x", "z": {"y": 1}}]
    assert text(before, after) == (
        "\nspec\n"
        "- one list entry removed:   + one list entry added:\n"
        "- name: a                     - name: c\n"
        "  v: 1                          image: x\n"
        "                                z:\n"
        "                                  y: 1\n"
        "\nspec.b.v\n± value change\n- 2\n+ 3\n\n"
    )


def test_order() -> None:
    assert text([{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}]) == (
        "\nspec\n⇆ order changed\n- a, b\n+ b, a\n\n"
    )
    assert text(["x", "y"], ["y", "x"]) == "\nspec\n⇆ order changed\n- x, y\n+ y, x\n\n"
    long = [f"value-number-{index}" for index in range(4)]
    assert text(long, long[::-1]) == (
        "\nspec\n⇆ order changed\n"
        "  value-number-0   value-number-3\n  value-number-1   value-number-2\n"
        "  value-number-2   value-number-1\n  value-number-3   value-number-0\n"
    )


def test_lists_by_content() -> None:
    assert text(["a", "b", "b"], ["b", "c"]) == (
        "\nspec\n- two list entries removed:   + one list entry added:\n- a                             - c\n- b\n\n"
    )
    assert text([1], [2]) == "\nspec.0\n± value change\n- 1\n+ 2\n\n"


def test_kubernetes_objects_in_lists_are_found_by_identity() -> None:
    def item(name: str, value: int) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "A", "metadata": {"name": name}, "v": value}

    found = dyff.compare([item("x", 1), item("y", 1)], [item("x", 1), item("y", 2)])
    assert [diff.path for diff in found] == [("v1/A/y", "v")]


def test_multiline() -> None:
    assert text({"f": "one\ntwo\nthree\n"}, {"f": "one\nTWO\nthree\nfour\n"}) == (
        "\nspec.f\n± value change in multiline text (two inserts, one deletion)\n- two\n+ TWO\n+ four\n\n\n"
    )


def test_whitespace() -> None:
    assert text({"f": "a"}, {"f": "a \n"}) == "\nspec.f\n± whitespace only change\n- a   + a·↵\n\n\n"


def test_certificates_are_told_by_what_they_say() -> None:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())

    def pem(name: str) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), 10, start, start.replace(year=2034))
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    shown = text({"crt": pem("one")}, {"crt": pem("two")})
    assert "± certificate change" in shown
    assert "  NotBefore: Jan 2 03:04:05 2024 UTC" in shown
    assert "Serial Number: 10 (0xa)" in shown
    assert "BEGIN" not in shown


def test_colors_do_not_change_the_text() -> None:
    import re

    before, after = {"a": "x", "l": [1, 2]}, {"b": "y", "l": [2, 1, 3]}
    colored = text(before, after, color=True)
    assert "\x1b[38;2;185;49;27m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == text(before, after)


@pytest.mark.parametrize("seed", range(30))
def test_pieces_of_lines_give_both_texts_back(seed: int) -> None:
    chance = random.Random(seed)
    one = "".join(chance.choice("abcde") + "\n" for _ in range(chance.randrange(60)))
    other = list(one.splitlines(keepends=True))
    for _ in range(chance.randrange(20)):
        at = chance.randrange(len(other) + 1)
        other[at : at + chance.randrange(3)] = [chance.choice("abcxyz") + "\n"] * chance.randrange(3)
    two = "".join(other) + chance.choice(("", "end"))
    pieces = linediff.diff_lines(one, two)
    assert "".join(text for kind, text in pieces if kind != linediff.INSERT) == one
    assert "".join(text for kind, text in pieces if kind != linediff.DELETE) == two
    kinds = [kind for kind, _ in pieces]
    assert all(a != b for a, b in pairwise(kinds))
