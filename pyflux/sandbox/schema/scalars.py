"""Scalars of the API in the form the server prints: times, quantities, int-or-string."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal, InvalidOperation
from functools import lru_cache

_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]|)\Z")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_MILLI = Decimal(1).scaleb(-3)
_BY_POWER = {power: suffix for suffix, power in _DECIMAL.items()}
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")


def _parse(text: str) -> tuple[Decimal, str]:
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    number, suffix = match.groups()
    try:
        value = Decimal(number)
    except InvalidOperation as error:
        raise ValueError("unable to parse quantity's suffix") from error
    if suffix in _BINARY:
        return value * Decimal(1024) ** _BINARY[suffix], "binary"
    if suffix in _DECIMAL:
        return value.scaleb(_DECIMAL[suffix]), "decimal"
    return value.scaleb(int(suffix[1:])), "exponent"


def quantity_value(text: str) -> Decimal:
    """The number that a quantity stands for; ValueError when it is none."""
    return _parse(str(text))[0]


@lru_cache(maxsize=4096)
def quantity(text: str) -> str:
    """The canonical form of a quantity: `1000m` is `1`, `0.5` is `500m`, `1024Mi` is `1Gi`."""
    value, form = _parse(text)
    # Nothing finer than a nano is kept; the server rounds up.
    value = value.quantize(Decimal(1).scaleb(-9), rounding=ROUND_UP) if value.as_tuple().exponent < -9 else value  # type: ignore[operator]
    if value == 0:
        return "0"
    if form == "binary":
        if -1024 < value < 1024 or value != value.to_integral_value():
            form = "decimal"
        else:
            return _binary(value)
    sign, digits, exponent = value.normalize().as_tuple()
    mantissa = int("".join(map(str, digits)))
    power = int(exponent)
    while power % 3:
        mantissa, power = mantissa * 10, power - 1
    while power > 18:
        mantissa, power = mantissa * 1000, power - 3
    head = f"{'-' if sign else ''}{mantissa}"
    if form == "exponent":
        return head + (f"e{power}" if power else "")
    return head + _BY_POWER[power]


@lru_cache(maxsize=4096)
def resource_quantity(text: str) -> str:
    """The canonical form of a quantity in a list of resources, where nothing is finer than a thousandth."""
    made = quantity(text)
    value, _ = _parse(made)
    if value == value.quantize(_MILLI):
        return made
    return quantity(f"{value.quantize(_MILLI, rounding=ROUND_UP):f}")


def _binary(value: Decimal) -> str:
    number, power = int(value), 0
    while number % 1024 == 0 and power < 6:
        number, power = number // 1024, power + 1
    return f"{number}{['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'][power]}"


def parse_time(text: str) -> datetime:
    """An RFC 3339 time; ValueError when it is none."""
    if not _TIME.match(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


@lru_cache(maxsize=4096)
def time_text(text: str, micro: bool = False) -> str:
    """The server's form of a time: UTC, whole seconds or microseconds."""
    when = parse_time(text)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """This moment as metav1.Time prints it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
