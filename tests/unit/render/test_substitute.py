"""Variables in text: every operator, nesting, escapes, errors. The expectations were taken from flux 2.9.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyflux.render.substitute import SubstitutionError, check_names, substitute

VARIABLES = {"a": "hello", "b": "", "c": "foo/bar/foo.tar.gz", "d": "Ünïcödé ß", "n": "12", "star": "a*"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain $x {y}", "plain $x {y}"),
        ("${a}-${b}-${n}", "hello--12"),
        ("${b:-x}${b:=y}${b=z}${a:-no}", "xyzhello"),
        ("${b:?why}${b:+z}", "whyz"),
        ("${b:-}", ""),
        ("${b:-${b:-${a}}}!", "hello!"),
        ("$${a} $$ $$$$", "${a} $ $$"),
        ("${b:-$${a}}", "$hello"),
        ("${#a} ${#d}", "5 14"),
        ("${a^} ${a^^} ${d^^} ${d,,} ${d,}", "Hello HELLO ÜNÏCÖDÉ ß ünïcödé ß ünïcödé ß"),
        ("${a:1} ${a:1:3} ${a: -2} ${a:9} ${a:x} ${a:1:x}", "ello ell hello  hello hello"),
        ("${c#*/} ${c##*/} ${c%.*} ${c%%.*}", "bar/foo.tar.gz foo.tar.gz foo/bar/foo.tar foo/bar/foo"),
        (
            "${c/foo/X} ${c//foo/X} ${c/#foo/X} ${c/%gz/X}",
            "X/bar/foo.tar.gz X/bar/X.tar.gz X/bar/foo.tar.gz foo/bar/foo.tar.X",
        ),
        ("${c//\\//-} ${a/l/}", "foo-bar-foo.tar.gz helo"),
        ("${a#[g-i]} ${a#[^h]*} ${a%?}", "ello hello hell"),
        ("${star#a\\*}|${a#[}", "|hello"),
    ],
)
def test_operators(text: str, result: str) -> None:
    assert substitute(text, VARIABLES) == result


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("${a", "missing closing brace"),
        ("${a-x}", "missing closing brace"),
        ("${}", "unable to parse variable name"),
        ("${-}", "unable to parse variable name"),
        ("${#}", "bad substitution"),
        ("${a:}", "unable to parse substitution within function"),
        ("${a:", "bad substitution"),
        ("${a#}", "unable to parse substitution within function"),
        ("${a/x}", "bad substitution"),
        ("${a^x}", "bad substitution"),
        ("${b:-x", "unable to parse substitution within function"),
        ("${a:0:-1}", "negative length -1 in a substring of 5 bytes"),
    ],
)
def test_errors(text: str, error: str) -> None:
    with pytest.raises(SubstitutionError) as caught:
        substitute(text, VARIABLES)
    assert caught.value.message == error


def test_strict_wants_variables_to_be_set() -> None:
    with pytest.raises(SubstitutionError, match=r'variable not set \(strict mode\): "missing"'):
        substitute("${missing}", VARIABLES, strict=True)
    with pytest.raises(SubstitutionError, match="strict mode"):
        substitute("${#missing}", VARIABLES, strict=True)
    assert substitute("${missing:-x}${missing=y}", VARIABLES, strict=True) == "xy"
    assert substitute("${missing}", VARIABLES) == ""


def test_names() -> None:
    check_names({"a": "", "_B9": ""})
    with pytest.raises(SubstitutionError) as caught:
        check_names({"a-b": ""})
    assert caught.value.message == "'a-b' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"


@given(st.text(alphabet="ab${}:-=#/%^,*?[]\\ é1", max_size=20))
def test_any_text_is_replaced_or_refused(text: str) -> None:
    try:
        substitute(text, VARIABLES)
    except SubstitutionError:
        pass


@given(st.text(alphabet=st.characters(exclude_characters="$\0", exclude_categories=["Cs"])))
def test_text_without_dollars_is_left_alone(text: str) -> None:
    assert substitute(text, VARIABLES) == text
