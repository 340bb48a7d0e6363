from __future__ import annotations

import pytest

from pyflux.catalog.api.notation import parse_kinds, parse_types, read_lines

TEXT = r"""
# a comment
type Name string len=1..63 pattern=^[a-z]+$

type Common object
  interval! Name
  paused bool default=false

kind Widget v1 widgets
  short wd w
  categories all
  column Age
  column Made_by .spec.maker priority=1
  spec object
    ...Common
    size! (small|large) default=small -- How big.
    tags [string] items=1..3
    parts [object] list=map:name
      name! string
      sizes {int64}
    extra any
    count int range=1..5
    rule self.count > 0 || has(self.extra)
    says count or extra
"""


def widget():
    lines = read_lines(TEXT)
    (entry,) = parse_kinds(lines, parse_types(lines, {}))
    return entry


def test_names_and_columns():
    entry = widget()
    assert (entry.kind, entry.version, entry.plural) == ("Widget", "v1", "widgets")
    assert entry.short_names == ("wd", "w")
    assert entry.categories == ("all",)
    assert entry.columns == [("Age", None, None), ("Made by", ".spec.maker", 1)]


def test_fields():
    spec = widget().fields["spec"]
    assert spec["required"] == ["interval", "size"]
    assert spec["properties"] == {
        "interval": {"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z]+$"},
        "paused": {"type": "boolean", "default": False},
        "size": {
            "type": "string",
            "enum": ["small", "large"],
            "default": "small",
            "description": "How big.",
        },
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "sizes": {
                        "type": "object",
                        "additionalProperties": {"type": "integer", "format": "int64"},
                    },
                },
                "required": ["name"],
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "extra": {"x-kubernetes-preserve-unknown-fields": True},
        "count": {"type": "integer", "minimum": 1, "maximum": 5},
    }
    assert spec["x-kubernetes-validations"] == [
        {"rule": "self.count > 0 || has(self.extra)", "message": "count or extra"}
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type A object\n    b string", "line 2: indentation of 4 spaces"),
        ("type A object\n  b Missing", "line 2: no type is called 'Missing'"),
        ("type A string big=1", "line 1: no constraint is called 'big'"),
    ],
)
def test_mistakes_name_their_line(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        parse_types(read_lines(text), {})


def test_unknown_word_in_a_kind():
    with pytest.raises(ValueError, match="line 2: 'plural' means nothing"):
        list(parse_kinds(read_lines("kind A v1 as\n  plural as"), {}))
