"""The little that version checks need of semantic versions."""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?\Z")


class Version(NamedTuple):
    """MAJOR.MINOR.PATCH with its pre-release and build parts, empty where there are none."""

    major: int
    minor: int
    patch: int
    pre: str = ""
    build: str = ""

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return text + (f"-{self.pre}" if self.pre else "") + (f"+{self.build}" if self.build else "")

    @property
    def core(self) -> tuple[int, int, int]:
        return self.major, self.minor, self.patch


def parse(text: str) -> Version | None:
    """The version that `text` says, with or without a leading v; None where it is none."""
    found = _VERSION.match(text)
    if found is None:
        return None
    major, minor, patch, pre, build = found.groups()
    return Version(int(major), int(minor), int(patch), pre or "", build or "")
