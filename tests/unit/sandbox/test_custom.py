# ruff: noqa: E501 - tables
"""Custom resources: pruning, defaults, validation, rules, printer columns."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.sandbox.custom import structural
from pyflux.sandbox.custom.rules import Tree, compile_rule
from pyflux.sandbox.custom.validate import go_pattern, validate
from pyflux.sandbox.jsonpath import evaluate

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "string", "enum": ["s", "l"]},
                "count": {"type": "integer", "minimum": 1, "default": 2},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "parts": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"w": {"type": "integer", "default": 5}}},
                },
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
                "port": {"x-kubernetes-int-or-string": True},
            },
        }
    },
}


def test_pruning_removes_what_the_schema_does_not_know() -> None:
    obj = {
        "kind": "X",
        "metadata": {"any": 1},
        "spec": {"size": "s", "no": 1, "free": {"a": 1}, "parts": [{"w": 1, "no": 2}]},
        "top": 1,
    }
    assert structural.prune(SCHEMA, obj) == ["spec.no", "spec.parts[0].no", "top"]
    assert obj == {"kind": "X", "metadata": {"any": 1}, "spec": {"size": "s", "free": {"a": 1}, "parts": [{"w": 1}]}}


def test_defaults_fill_gaps_and_nulls() -> None:
    obj: dict[str, Any] = {"spec": {"count": None, "parts": [{}]}}
    structural.apply_defaults(SCHEMA, obj)
    assert obj == {"spec": {"count": 2, "parts": [{"w": 5}]}}
    empty: dict[str, Any] = {}
    structural.apply_defaults(SCHEMA, empty)
    assert empty == {}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.size: Required value"),
        ({"size": "x"}, 'spec.size: Unsupported value: "x": supported values: "s", "l"'),
        ({"size": "s", "count": 0}, "spec.count: Invalid value: 0: spec.count in body should be greater than or equal to 1"),
        ({"size": "s", "count": "a"}, 'spec.count: Invalid value: "string": spec.count in body must be of type integer: "string"'),
        ({"size": "s", "map": {"k": 1}}, 'spec.map.k: Invalid value: "integer": spec.map.k in body must be of type string: "integer"'),
        ({"size": "s", "port": []}, 'spec.port: Invalid value: "array": spec.port in body must be of type integer,string: "array"'),
    ],
)  # fmt: skip
def test_errors_have_the_servers_words(spec: Any, message: str) -> None:
    assert [f"{c.field}: {c.text}" for c in validate(SCHEMA, {"spec": spec})] == [message]


def test_go_patterns_end_where_the_text_ends() -> None:
    schema = {"type": "string", "pattern": "^[a-z$]+$"}
    assert validate(schema, "a$", "f") == []
    assert validate(schema, "a\n", "f") != []
    assert go_pattern(r"^a\$[$]\z") == r"^a\$[$]\Z"


def test_rules_see_self_and_old_self() -> None:
    rules = [
        {"rule": "self.a <= self.b", "message": "a above b"},
        {"rule": "self.b >= oldSelf.b", "reason": "FieldValueForbidden"},
    ]
    schema = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": rules}}}
    tree = Tree(schema)
    assert tree.check({"spec": {"a": 1, "b": 2}}, None) == []
    found = tree.check({"spec": {"a": 3, "b": 2}}, {"spec": {"a": 1, "b": 5}})
    assert [(c.field, c.text) for c in found] == [
        ("spec", "Invalid value: a above b"),
        ("spec", "Forbidden: failed rule: self.b >= oldSelf.b"),
    ]


@pytest.mark.parametrize(
    ("rule", "value", "good"),
    [
        ("self.all(x, size(x) > 0)", ["a"], True),
        ("self.x.split(',').size() == 2", {"x": "a,b"}, True),
        ("isURL(self.x)", {"x": "https://example.org"}, True),
        ("self.x.find('[0-9]+') == '12'", {"x": "a12b"}, True),
        ("self.x.lowerAscii() == 'a'", {"x": "B"}, False),
        ("!has(self.none) || self.none == 1", {}, True),
        ("self.__namespace__ == 'x'", {"namespace": "x"}, True),
        ("self.exists_one(x, x == 'a')", ["a", "a"], False),
    ],
)
def test_rules_have_the_functions_that_crds_use(rule: str, value: Any, good: bool) -> None:
    found = Tree({"x-kubernetes-validations": [{"rule": rule}]}).check(value, None)
    assert (found == []) is good, found


def test_a_rule_that_is_none_does_not_compile() -> None:
    with pytest.raises(ValueError, match="Syntax error"):
        compile_rule("self. +")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.size", ["s"]), (".status.conditions[?(@.type==\"Ready\")].status", ["True"]), (".spec.list[1]", [2]),
        (".spec.list[*]", [1, 2]), (".metadata.annotations.a\\.b/c", ["d"]), (".none.x", []), ("{.spec.size}", ["s"]),
    ],
)  # fmt: skip
def test_columns_find_their_values(path: str, found: list[Any]) -> None:
    obj = {
        "metadata": {"annotations": {"a.b/c": "d"}},
        "spec": {"size": "s", "list": [1, 2]},
        "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    assert evaluate(path, obj) == found
