"""Go durations: "1h0m0s" text to nanoseconds and back, by the rules of Go's `time` package."""

from __future__ import annotations

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
SECOND = _UNITS["s"]
MINUTE = _UNITS["m"]
HOUR = _UNITS["h"]
_MAX = 1 << 63


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as "1m30s". Raises ValueError with Go's own wording."""
    rest, sign = text, 1
    if rest[:1] in ("+", "-"):
        sign = -1 if rest[0] == "-" else 1
        rest = rest[1:]
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f"time: invalid duration {_quoted(text)}")
    total = 0
    while rest:
        end = 0
        while end < len(rest) and rest[end] in "0123456789":
            end += 1
        whole = rest[:end]
        fraction = ""
        if end < len(rest) and rest[end] == ".":
            start = end + 1
            end = start
            while end < len(rest) and rest[end] in "0123456789":
                end += 1
            fraction = rest[start:end]
        if not whole and not fraction:
            raise ValueError(f"time: invalid duration {_quoted(text)}")
        rest = rest[end:]
        end = 0
        while end < len(rest) and rest[end] not in ".0123456789":
            end += 1
        if end == 0:
            raise ValueError(f"time: missing unit in duration {_quoted(text)}")
        unit, rest = rest[:end], rest[end:]
        if unit not in _UNITS:
            raise ValueError(f"time: unknown unit {_quoted(unit)} in duration {_quoted(text)}")
        total += int(whole or "0") * _UNITS[unit]
        if fraction:
            total += int(fraction) * _UNITS[unit] // 10 ** len(fraction)
        if total > _MAX - (sign > 0):
            raise ValueError(f"time: invalid duration {_quoted(text)}")
    return sign * total


def format_duration(nanoseconds: int) -> str:
    """Text of a duration as Go prints it: 60000000000 → "1m0s", 1500000 → "1.5ms"."""
    if nanoseconds == 0:
        return "0s"
    sign, n = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if n < SECOND:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if n >= size:
                return f"{sign}{_decimal(n, size)}{unit}"
    hours, n = divmod(n, HOUR)
    minutes, n = divmod(n, MINUTE)
    text = _decimal(n, SECOND) + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _decimal(n: int, size: int) -> str:
    whole, rest = divmod(n, size)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(size)) - 1, '0').rstrip('0')}"
