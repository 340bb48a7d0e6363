"""Shell patterns as Flux's variable substitution matches them: `*` (also `/`), `?`, `[a-z]`, `[^a]`, `\\x`.

Patterns and values are matched as bytes of UTF-8; a malformed pattern is noticed only when matching reaches it.
"""

from __future__ import annotations


class BadPattern(Exception):
    """Matching reached a malformed part of the pattern."""


def trim_prefix(value: str, pattern: str, *, longest: bool) -> str:
    """`value` without its longest or shortest non-empty prefix that matches; as it is when the pattern is malformed."""
    raw, glob = value.encode("utf-8", "surrogateescape"), pattern.encode("utf-8", "surrogateescape")
    found = 0
    try:
        for size in range(len(raw), 0, -1):
            if matches(glob, raw[:size]):
                found = size
                if longest:
                    break
    except BadPattern:
        return value
    return raw[found:].decode("utf-8", "surrogateescape")


def trim_suffix(value: str, pattern: str, *, longest: bool) -> str:
    """As `trim_prefix`, at the end: value and pattern are turned round, so classes and escapes are too."""
    return trim_prefix(value[::-1], pattern[::-1], longest=longest)[::-1]


def matches(pattern: bytes, value: bytes) -> bool:
    """True when the pattern matches the whole value. Raises BadPattern."""
    while pattern:
        star, chunk, pattern = _chunk(pattern)
        if star and not chunk:
            return True
        rest = _match_chunk(chunk, value)
        if rest is not None and (not rest or pattern):
            value = rest
            continue
        if not star:
            return False
        for skip in range(1, len(value) + 1):
            rest = _match_chunk(chunk, value[skip:])
            if rest is not None and (pattern or not rest):
                value = rest
                break
        else:
            return False
    return not value


def _chunk(pattern: bytes) -> tuple[bool, bytes, bytes]:
    """Leading stars (whether there are any), what follows up to the next star, and the rest."""
    bare = pattern.lstrip(b"*")
    in_class, at = False, 0
    while at < len(bare):
        char = bare[at : at + 1]
        if char == b"\\":
            at += 1
        elif char == b"[":
            in_class = True
        elif char == b"]":
            in_class = False
        elif char == b"*" and not in_class:
            break
        at += 1
    at = min(at, len(bare))
    return len(bare) < len(pattern), bare[:at], bare[at:]


def _rune(raw: bytes) -> tuple[int, int]:
    """The first code point and its width; an invalid byte is U+FFFD of width 1."""
    for width in range(1, 5):
        try:
            return ord(raw[:width].decode()), width
        except UnicodeDecodeError:
            continue
    return 0xFFFD, 1


def _match_chunk(chunk: bytes, value: bytes) -> bytes | None:
    """What of `value` remains after a match at its beginning; None without a match."""
    while chunk:
        if not value:
            return None
        char = chunk[:1]
        if char == b"[":
            code, width = _rune(value)
            value = value[width:]
            hit, chunk = _match_class(chunk[1:], code)
            if not hit:
                return None
            continue
        if char == b"?":
            value = value[_rune(value)[1] :]
            chunk = chunk[1:]
            continue
        if char == b"\\":
            chunk = chunk[1:]
            if not chunk:
                raise BadPattern
        if chunk[0] != value[0]:
            return None
        chunk, value = chunk[1:], value[1:]
    return value


def _match_class(chunk: bytes, code: int) -> tuple[bool, bytes]:
    """Whether the class (its `[` read) holds `code`, and the chunk after its `]`."""
    negated = chunk.startswith(b"^")
    if negated:
        chunk = chunk[1:]
    hit, count = False, 0
    while not (chunk.startswith(b"]") and count):
        low, chunk = _class_member(chunk)
        high = low
        if chunk.startswith(b"-"):
            high, chunk = _class_member(chunk[1:])
        hit = hit or low <= code <= high
        count += 1
    return hit is not negated, chunk[1:]


def _class_member(chunk: bytes) -> tuple[int, bytes]:
    if not chunk or chunk[:1] in (b"-", b"]"):
        raise BadPattern
    if chunk[:1] == b"\\":
        chunk = chunk[1:]
        if not chunk:
            raise BadPattern
    code, width = _rune(chunk)
    if (code == 0xFFFD and width == 1) or len(chunk) == width:
        raise BadPattern
    return code, chunk[width:]
