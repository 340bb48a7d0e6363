"""Validation of port numbers and names."""

from __future__ import annotations

import re

PORT_RULE = "must be between 1 and 65535, inclusive"


def port_name_errors(name: str) -> list[str]:
    """What is wrong with the name of a port that a number could stand for."""
    out = []
    if len(name) > 15:
        out.append("must be no more than 15 characters")
    if not re.fullmatch(r"[-a-z0-9]+", name):
        out.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", name):
        out.append("must contain at least one letter (a-z)")
    if "--" in name:
        out.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        out.append("must not begin or end with a hyphen")
    return out
