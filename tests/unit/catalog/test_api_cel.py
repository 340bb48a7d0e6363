from __future__ import annotations

import pytest

from pyflux.catalog.api.cel import evaluate
from pyflux.catalog.api.cel_values import CelError

SELF = {"name": "web", "n": 3, "list": [1, 2, 3], "map": {"a": "x"}, "empty": [], "flag": True, "none": None}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3", 9),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7.0 / 2.0", 3.5),
        ("self.n >= 3 && self.n < 4", True),
        ("has(self.name) && !has(self.other)", True),
        ("has(self.none)", False),
        ("has(self.map.a) && self.map['a'] == 'x'", True),
        ("self.name == 'web' ? 'yes' : 'no'", "yes"),
        ("size(self.list) == 3 && self.list.size() == 3", True),
        ("self.list.all(i, i > 0)", True),
        ("self.list.exists(i, i == 2)", True),
        ("self.list.exists_one(i, i > 2)", True),
        ("self.list.map(i, i * 2)", [2, 4, 6]),
        ("self.list.filter(i, i != 2)", [1, 3]),
        ("2 in self.list && 'a' in self.map", True),
        ("self.name.matches('^w.b$')", True),
        (r"'a.b'.matches('^a\\.b$')", True),
        (r"r'\d' == '\\d'", True),
        ("self.name.startsWith('w') && self.name.endsWith('b') && self.name.contains('e')", True),
        ("[1, 2][1]", 2),
        ("self.missing == 1 || true", True),
        ("true || self.missing == 1", True),
        ("!(self.missing == 1 && false)", True),
        ("true == 1", False),
        ("string(self.n) + 'x'", "3x"),
    ],
)
def test_values(expression: str, value: object):
    assert evaluate(expression, {"self": SELF}) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("self.missing", "no such key: missing"),
        ("self.missing == 1 || false", "no such key"),
        ("other", "undeclared reference to 'other'"),
        ("nope(1)", "undeclared reference to 'nope'"),
        ("1 + 'a'", "no such overload"),
        ("1 / 0", "no such overload"),
        ("size(1)", "no such overload: size"),
        ("1 && true", "expected true or false"),
        ("has(self)", r"has\(\) needs a field"),
        ("1 2", "unexpected '2'"),
        ("(1", "expected \\)"),
        ("self.list[9]", "no such index"),
        ("#", "cannot read"),
    ],
)
def test_errors(expression: str, message: str):
    with pytest.raises(CelError, match=message):
        evaluate(expression, {"self": SELF})
