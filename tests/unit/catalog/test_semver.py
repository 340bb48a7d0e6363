"""Versions and constraints by the rules of Masterminds/semver."""

from __future__ import annotations

import pytest

from pyflux.catalog.semver import Constraint, Version


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found is not None
    return found


def test_order() -> None:
    # the example of semver.org, section 11
    texts = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
             "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0", "2.0.0"]  # fmt: skip
    assert sorted(set(texts), key=version) == texts
    assert version("v1.2") == version("1.2.0+build.7")
    assert Version.parse("latest") is None
    assert Version.parse("1.2.3.4") is None


@pytest.mark.parametrize("text", ["1.2", "v01.2.3", "1.02.3", "1", "latest", "v1.2.3.4"])
def test_releases_have_three_numbers(text: str) -> None:
    assert Version.parse(text, strict=True) is None


def test_text_and_numbers() -> None:
    found = Version.parse("v1.33.2-rc.1+k3s1", strict=True)
    assert found is not None
    assert (str(found), found.core) == ("1.33.2-rc.1+k3s1", (1, 33, 2))


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("1.2.3", ["1.2.3"], ["1.2.4"]),
        ("=1.2", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        (">1.2.3", ["1.2.4", "2.0.0"], ["1.2.3"]),
        (">11", ["12.0.0"], ["11.1.0"]),
        (">=1.2", ["1.2.0", "9.0.0"], ["1.1.9"]),
        ("<2", ["1.9.9"], ["2.0.0"]),
        ("<=1", ["1.9.0"], ["2.0.0"]),
        (">=1.0.0 <2.0.0", ["1.5.0"], ["2.0.0", "0.9.0"]),
        (">=1.0.0, <2.0.0", ["1.5.0"], ["2.0.0"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0", "1.2.2"]),
        ("~1", ["1.9.0"], ["2.0.0"]),
        ("^1.2.3", ["1.9.0"], ["2.0.0", "1.2.2"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0.0", ["0.0.9"], ["0.1.0"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0"]),
        ("*", ["0.0.1", "9.9.9"], ["1.0.0-rc.1"]),
        ("1.2 - 1.4.5", ["1.2.0", "1.4.5"], ["1.4.6", "1.1.0"]),
        ("<1 || >=3", ["0.9.0", "3.0.0"], ["1.0.0", "2.9.0"]),
        (">=1.0.0-0", ["1.0.0-rc.1", "1.0.0"], ["0.9.0"]),
        ("~1.2.3-beta.2", ["1.2.3-beta.4", "1.2.3"], ["1.2.3-beta.1"]),
    ],
)
def test_constraints(constraint: str, good: list[str], bad: list[str]) -> None:
    wanted = Constraint.parse(constraint)
    assert [text for text in good if not wanted.allows(version(text))] == []
    assert [text for text in bad if wanted.allows(version(text))] == []


@pytest.mark.parametrize("text", ["", "what?", ">= ", "1.2.3.4", ">1 &&", "a.b.c", "1 - "])
def test_bad_constraints(text: str) -> None:
    with pytest.raises(ValueError, match="improper constraint"):
        Constraint.parse(text)
