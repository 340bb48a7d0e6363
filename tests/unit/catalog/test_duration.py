"""Durations read and print as Go's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyflux.catalog.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1m", "1m0s"),
        ("90s", "1m30s"),
        ("0.5h", "30m0s"),
        ("1h0m0s", "1h0m0s"),
        ("24h", "24h0m0s"),
        ("1.5ms", "1.5ms"),
        ("100us", "100µs"),
        ("3ns", "3ns"),
        ("0", "0s"),
        ("-1m", "-1m0s"),
        ("1m30.25s", "1m30.25s"),
    ],
)
def test_shown_as_go_does(text: str, shown: str) -> None:
    assert format_duration(parse_duration(text)) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("abc", 'time: invalid duration "abc"'),
        ("10", 'time: missing unit in duration "10"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        (".s", 'time: invalid duration ".s"'),
        ("99999999h", 'time: invalid duration "99999999h"'),
    ],
)
def test_refused_as_go_does(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_duration(text)
    assert str(caught.value) == message


@given(st.integers(min_value=-(1 << 62), max_value=1 << 62))
def test_what_is_printed_is_read_back(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds
