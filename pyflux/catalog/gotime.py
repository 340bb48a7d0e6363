"""Times as Go prints them: the API's RFC 3339 text, shown in the local zone.

Own arithmetic in the place of `datetime`, whose import costs more than all that a list of objects needs.
"""

from __future__ import annotations

import time

_ZERO = "0001-01-01T00:00:00Z"


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a Gregorian date."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def parse(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time; None for no time or for text that is none."""
    if len(text) < 20 or text == _ZERO:
        return None
    try:
        days = _days(int(text[0:4]), int(text[5:7]), int(text[8:10]))
        seconds = days * 86_400.0 + int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
        rest = text[19:]
        if rest[0] == ".":
            end = 1
            while end < len(rest) and rest[end].isdigit():
                end += 1
            seconds += float("0" + rest[:end])
            rest = rest[end:]
        if rest in ("Z", "z"):
            return seconds
        sign = {"+": 1, "-": -1}[rest[0]]
        return seconds - sign * (int(rest[1:3]) * 3600 + int(rest[4:6]) * 60)
    except (ValueError, KeyError, IndexError):
        return None


def _offset(local: time.struct_time, separator: str) -> str:
    minutes = abs(local.tm_gmtoff) // 60
    return f"{'-' if local.tm_gmtoff < 0 else '+'}{minutes // 60:02d}{separator}{minutes % 60:02d}"


def rfc3339(text: str) -> str:
    """A time of the API in the local zone, as `time.RFC3339` prints it: "2026-01-02T03:04:05Z"."""
    seconds = parse(text)
    if seconds is None:
        return text
    local = time.localtime(seconds)
    zone = "Z" if local.tm_gmtoff == 0 else _offset(local, ":")
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + zone


def long(text: str) -> str:
    """A time of the API in the local zone, as Go prints a time: "2026-01-02 03:04:05 +0000 UTC"."""
    seconds = parse(text)
    if seconds is None:
        return "0001-01-01 00:00:00 +0000 UTC"
    local = time.localtime(seconds)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', local)} {_offset(local, '')} {local.tm_zone}"


def stamp(nanoseconds: int) -> str:
    """A moment in the local zone with its fraction, as `time.RFC3339Nano` prints it."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    local = time.localtime(seconds)
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    zone = "Z" if local.tm_gmtoff == 0 else _offset(local, ":")
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + digits + zone


def age(seconds: float) -> str:
    """A duration for people, as kubectl shortens it: 95 → "95s", 4000 → "66m", 100000 → "27h"."""
    left = int(seconds)
    if left < -1:
        return "<invalid>"
    if left < 0:
        return "0s"
    if left < 120:
        return f"{left}s"
    minutes = left // 60
    if minutes < 10:
        return f"{minutes}m{left % 60}s" if left % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = left // 3600
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    if days < 2920:
        years, rest = divmod(days, 365)
        return f"{years}y{rest}d" if rest else f"{years}y"
    return f"{days // 365}y"
