"""What a plain YAML scalar means to the Go libraries that flux, kubectl and the controllers use.

Two dialects: "v2" is what sigs.k8s.io/yaml reads manifests with (YAML 1.1 booleans: yes, on, y …);
"v3" is what kustomize reads files with (only true and false). Printing follows "v2".
"""

from __future__ import annotations

import re

from pyflux.catalog.gonumber import parse_float, parse_int

Scalar = str | int | float | bool | None

_WORDS_COMMON: dict[str, Scalar] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
WORDS: dict[str, dict[str, Scalar]] = {
    "v2": {
        **_WORDS_COMMON,
        **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
        **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    },
    "v3": _WORDS_COMMON,
}
"""Dialect to the words that are not strings."""

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+]([0-9]{2}):([0-9]{2}))"
    r"| +([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?\Z"
)
_NUMBER_START = frozenset("+-0123456789")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_timestamp(text: str) -> bool:
    """True for the date forms that the Go library takes for a time."""
    found = _DATE.match(text)
    if found is None:
        return False
    year, month, day, hour, minute, second, zone_h, zone_m, *spaced = (int(x or 0) for x in found.groups())
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
        return False
    in_range = hour < 24 and minute < 60 and second < 60 and zone_h <= 24 and zone_m < 60
    return in_range and spaced[0] < 24 and spaced[1] < 60 and spaced[2] < 60


def resolve(text: str, dialect: str = "v2") -> Scalar:
    """The value of a plain scalar; timestamps stay text."""
    words = WORDS[dialect]
    if text in words:
        return words[text]
    first = text[0]
    if first == ".":
        value = parse_float(text)
        return text if value is None else value
    if first not in _NUMBER_START or is_timestamp(text):
        return text
    plain = text.replace("_", "")
    number = parse_int(plain)
    if number is not None:
        return number
    if _FLOAT.match(plain):
        value = parse_float(plain)
        return text if value is None else value
    if plain.startswith("0b"):
        # the Go library also reads a sign after the prefix
        number = parse_int(plain[2:3] + "0b" + plain[3:]) if plain[2:3] in ("+", "-") else None
        return text if number is None else number
    return text


def needs_quotes(text: str) -> bool:
    """True where `text`, printed plain, would be read back as something else than a string."""
    if text in WORDS["v2"]:
        return True
    first = text[0]
    if first == ".":
        return parse_float(text) is not None
    if first not in _NUMBER_START:
        return False
    return is_timestamp(text) or resolve(text) is not text or (":" in text and _BASE60.match(text) is not None)
