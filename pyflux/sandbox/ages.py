"""Ages as kubectl prints them."""

from __future__ import annotations

from datetime import UTC, datetime

from pyflux.sandbox.schema.scalars import parse_time


def age(text: str | None) -> str:
    """The time since, as kubectl prints it: 5s, 3m20s, 4h, 2d3h."""
    if not text:
        return "<unknown>"
    seconds = int((datetime.now(UTC) - parse_time(text)).total_seconds())
    return human(max(seconds, 0))


def human(seconds: int) -> str:
    """A duration, short."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        rest = seconds % 60
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        rest = minutes % 60
        return f"{hours}h{rest}m" if rest else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        rest = hours % 24
        return f"{days}d{rest}h" if rest else f"{days}d"
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = days // 365
    rest = days % 365
    return f"{years}y{rest}d" if hours < 24 * 365 * 8 and rest else f"{years}y"
