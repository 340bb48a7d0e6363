"""Numbers as Go's strconv reads and prints them."""

from __future__ import annotations

import re

_INT = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F_]+)|0[oO]([0-7_]+)|0[bB]([01_]+)|(0[0-7_]*)|([1-9][0-9_]*))\Z")
_DECIMAL = re.compile(r"[+-]?([0-9_]*)(\.([0-9_]*))?([eE][+-]?[0-9_]+)?\Z")
_HEX = re.compile(r"[+-]?0[xX]([0-9a-fA-F_]*)(\.([0-9a-fA-F_]*))?[pP][+-]?[0-9_]+\Z")
_UNDERSCORES = re.compile(r"(?<![0-9a-fA-FxXoObB])_|_(?![0-9a-fA-F])")
MAX_INT64 = (1 << 63) - 1
MAX_UINT64 = (1 << 64) - 1


def parse_int(text: str) -> int | None:
    """An integer of base 10, or 2, 8, 16 by its prefix, that fits 64 bits; None for anything else."""
    found = _INT.match(text)
    if found is None:
        return None
    if "_" in text and _UNDERSCORES.search(text):
        return None
    sign, *digits = found.groups()
    for base, part in zip((16, 8, 2, 8, 10), digits, strict=True):
        if part is not None:
            value = int(part.replace("_", ""), base)
            break
    if sign == "-":
        return -value if value <= MAX_INT64 + 1 else None
    limit = MAX_INT64 if sign else MAX_UINT64
    return value if value <= limit else None


def parse_float(text: str) -> float | None:
    """A finite decimal or hexadecimal float; None for anything else, and where it is too great."""
    found = _DECIMAL.match(text)
    if found is not None:
        if not (found[1] or found[3]) or ("_" in text and _UNDERSCORES.search(text)):
            return None
        value = float(text.replace("_", ""))
        return value if abs(value) != float("inf") else None
    found = _HEX.match(text)
    if found is None or not (found[1] or found[3]) or ("_" in text and _UNDERSCORES.search(text)):
        return None
    try:
        return float.fromhex(text.replace("_", ""))
    except OverflowError:
        return None


def _digits(value: float) -> tuple[str, str, int]:
    """Sign, shortest digits and decimal exponent of the first digit: 0.0125 is ("", "125", -2)."""
    text, _, exponent = repr(value).partition("e")
    sign = "-" if text.startswith("-") else ""
    whole, _, part = text.lstrip("-").partition(".")
    shift = int(exponent or "0")
    if whole.strip("0"):
        power = len(whole) - 1 + shift
    else:
        power = shift - 1 - (len(part) - len(part.lstrip("0")))
    digits = (whole + part).strip("0")
    return (sign, digits, power) if digits else (sign, "0", 0)


def _spell(sign: str, digits: str, power: int, *, exponent: bool) -> str:
    if exponent:
        mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    padded = digits.ljust(power + 1, "0")
    tail = padded[power + 1 :]
    return sign + padded[: power + 1] + (f".{tail}" if tail else "")


def format_float(value: float) -> str:
    """The shortest text that reads back as `value`, as strconv prints it with 'g'."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, power = _digits(value)
    return _spell(sign, digits, power, exponent=not -4 <= power < 6)


def json_float(value: float) -> str:
    """A finite float as encoding/json prints it: 1e+21 and 1e-07 start the exponents."""
    sign, digits, power = _digits(value)
    text = _spell(sign, digits, power, exponent=not -6 <= power < 21)
    # encoding/json drops the zero of a small negative exponent
    return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
