"""Semantic versions and the constraints that Flux sources take, by the rules of Masterminds/semver.

Standard library only. A version may lack its minor and patch numbers and may start with v.
"""

from __future__ import annotations

import re

_PARTS = r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?"
_VERSION = re.compile(_PARTS + r"\Z")
_NUMBER = r"(0|[1-9]\d*)"
_STRICT = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?\Z")
_BOUND = re.compile(
    r"\s*(=>|=<|<=|>=|!=|~>|[=<>~^])?\s*v?([0-9]+|[xX*])(?:\.([0-9]+|[xX*]))?(?:\.([0-9]+|[xX*]))?"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\s*\Z"
)
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*\Z")
_SPLIT = re.compile(r"\s*(?:=>|=<|<=|>=|!=|~>|[=<>~^])?\s*[^\s,=<>!~^]+")


class Version:
    """One version. Build metadata takes no part in comparisons."""

    __slots__ = ("build", "major", "minor", "patch", "pre")

    def __init__(self, major: int, minor: int, patch: int, pre: str = "", build: str = "") -> None:
        self.major = major
        self.minor = minor
        self.patch = patch
        self.pre = pre
        self.build = build

    @classmethod
    def parse(cls, text: str, *, strict: bool = False) -> Version | None:
        """The version that `text` is; None when it is none.

        `strict` wants all three numbers, and none with a zero before it, as the versions of releases are.
        """
        found = (_STRICT if strict else _VERSION).match(text)
        if found is None:
            return None
        major, minor, patch, pre, build = found.groups()
        return cls(int(major), int(minor or 0), int(patch or 0), pre or "", build or "")

    @property
    def core(self) -> tuple[int, int, int]:
        return self.major, self.minor, self.patch

    def __str__(self) -> str:
        text = ".".join(map(str, self.core))
        return text + (f"-{self.pre}" if self.pre else "") + (f"+{self.build}" if self.build else "")

    def __repr__(self) -> str:
        return f"Version({str(self)!r})"

    def _key(self) -> tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]:
        identifiers = tuple(
            (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in self.pre.split(".") if self.pre
        )
        return (self.major, self.minor, self.patch, 0 if self.pre else 1, identifiers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def __le__(self, other: Version) -> bool:
        return self._key() <= other._key()

    def __gt__(self, other: Version) -> bool:
        return self._key() > other._key()

    def __ge__(self, other: Version) -> bool:
        return self._key() >= other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class _Bound:
    """An operator and a version; `wild` says how many of major, minor, patch were given as numbers."""

    __slots__ = ("operator", "version", "wild")

    def __init__(self, operator: str, version: Version, wild: int) -> None:
        self.operator = operator
        self.version = version
        self.wild = wild

    def allows(self, version: Version) -> bool:
        if version.pre and not self.version.pre:
            return False
        base, wild = self.version, self.wild
        if self.operator in ("", "="):
            return self._tilde(version) if wild < 3 else version == base
        if self.operator == "!=":
            return not self._tilde(version) if wild < 3 else version != base
        if self.operator == ">":
            return version >= self._above() if wild < 3 else version > base
        if self.operator == "<":
            return version < base
        if self.operator in (">=", "=>"):
            return version >= base
        if self.operator in ("<=", "=<"):
            return version < self._above() if wild < 3 else version <= base
        if self.operator in ("~", "~>"):
            return self._tilde(version)
        return self._caret(version)

    def _above(self) -> Version:
        """The first version past everything a partial bound covers."""
        if self.wild == 1:
            return Version(self.version.major + 1, 0, 0)
        return Version(self.version.major, self.version.minor + 1, 0)

    def _tilde(self, version: Version) -> bool:
        if self.wild == 0:
            return True
        if version < self.version or version.major != self.version.major:
            return False
        return self.wild == 1 or version.minor == self.version.minor

    def _caret(self, version: Version) -> bool:
        base = self.version
        if self.wild == 0:
            return True
        if version < base or version.major != base.major:
            return False
        if base.major > 0 or self.wild == 1:
            return True
        if base.minor > 0 or self.wild == 2:
            return version.minor == base.minor
        return version.minor == 0 and version.patch == base.patch


class Constraint:
    """Alternatives (||) of bounds that must all hold."""

    __slots__ = ("alternatives",)

    def __init__(self, alternatives: tuple[tuple[_Bound, ...], ...]) -> None:
        self.alternatives = alternatives

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Reads a constraint such as `>=1.2 <2`, `~1.4`, `^2`, `1.x || 3.0 - 3.4`. Raises ValueError."""
        return cls(tuple(_alternative(part) for part in text.split("||")))

    def allows(self, version: Version) -> bool:
        return any(all(bound.allows(version) for bound in bounds) for bounds in self.alternatives)


def _alternative(text: str) -> tuple[_Bound, ...]:
    hyphen = _HYPHEN.match(text)
    if hyphen is not None:
        return (_bound(f">={hyphen[1]}"), _bound(f"<={hyphen[2]}"))
    pieces = [piece for chunk in text.split(",") for piece in _SPLIT.findall(chunk)]
    if not pieces or "".join("".join(pieces).split()) != "".join(text.replace(",", "").split()):
        raise ValueError(f"improper constraint: {text.strip()}")
    return tuple(_bound(piece) for piece in pieces)


def _bound(text: str) -> _Bound:
    found = _BOUND.match(text)
    if found is None:
        raise ValueError(f"improper constraint: {text.strip()}")
    operator, major, minor, patch, pre = found.groups()
    numbers: list[int] = []
    for part in (major, minor, patch):
        if part is None or not part.isdecimal():
            break
        numbers.append(int(part))
    padded = [*numbers, 0, 0, 0]
    return _Bound(operator or "", Version(padded[0], padded[1], padded[2], pre or ""), len(numbers))
