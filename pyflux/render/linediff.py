"""Differences of texts by lines, cut into the same pieces as the diff-match-patch programs cut them.

Each line becomes one character, so that everything below works on strings: common ends are taken off, a long common
middle splits the problem in two, the rest is Myers' shortest path from both ends; then pieces are merged and shifted.
"""

from __future__ import annotations

EQUAL, INSERT, DELETE = "=", "+", "-"

Piece = tuple[str, str]
"""What happens (EQUAL, INSERT, DELETE) to which text."""

_SURROGATES = 0xD800
_SURROGATES_END = 0xE000
_MAX_ROUNDS = 4000
"""Steps of the search for a path, after which two texts count as having nothing in common."""


def diff_lines(before: str, after: str) -> list[Piece]:
    """What turns `before` into `after`, in whole lines."""
    lines = [""]
    numbers: dict[str, int] = {}

    def encode(text: str) -> str:
        found = []
        for line in text.split("\n"):
            found.append(line + "\n")
        found[-1] = found[-1][:-1]
        if not found[-1]:
            found.pop()
        for line in found:
            if line not in numbers:
                numbers[line] = len(lines)
                lines.append(line)
        return "".join(_char(numbers[line]) for line in found)

    one, other = encode(before), encode(after)
    return [(kind, "".join(lines[_number(char)] for char in text)) for kind, text in diff(one, other)]


def _char(number: int) -> str:
    return chr(number if number < _SURROGATES else number + _SURROGATES_END - _SURROGATES)


def _number(char: str) -> int:
    return ord(char) if ord(char) < _SURROGATES else ord(char) - (_SURROGATES_END - _SURROGATES)


def _common_prefix(one: str, other: str) -> int:
    most = min(len(one), len(other))
    for index in range(most):
        if one[index] != other[index]:
            return index
    return most


def _common_suffix(one: str, other: str) -> int:
    return _common_prefix(one[::-1], other[::-1])


def diff(one: str, other: str) -> list[Piece]:
    """What turns `one` into `other`, character by character."""
    if one == other:
        return [(EQUAL, one)] if one else []
    size = _common_prefix(one, other)
    start, one, other = one[:size], one[size:], other[size:]
    size = _common_suffix(one, other)
    end = one[len(one) - size :]
    one, other = one[: len(one) - size], other[: len(other) - size]
    pieces = _compute(one, other)
    if start:
        pieces.insert(0, (EQUAL, start))
    if end:
        pieces.append((EQUAL, end))
    return merge(pieces)


def _compute(one: str, other: str) -> list[Piece]:
    if not one:
        return [(INSERT, other)]
    if not other:
        return [(DELETE, one)]
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    at = longer.find(shorter)
    if at != -1:
        kind = DELETE if len(one) > len(other) else INSERT
        return [(kind, longer[:at]), (EQUAL, shorter), (kind, longer[at + len(shorter) :])]
    if len(shorter) == 1:
        return [(DELETE, one), (INSERT, other)]
    half = _half_match(one, other)
    if half is not None:
        one_start, one_end, other_start, other_end, middle = half
        return [*diff(one_start, other_start), (EQUAL, middle), *diff(one_end, other_end)]
    return _bisect(one, other)


Half = tuple[str, str, str, str, str]


def _half_match(one: str, other: str) -> Half | None:
    """Splits both around a common part that is at least half of the longer one."""
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    if len(longer) < 4 or len(shorter) * 2 < len(longer):
        return None
    first = _half_match_at(longer, shorter, (len(longer) + 3) // 4)
    second = _half_match_at(longer, shorter, (len(longer) + 1) // 2)
    if first is None or second is None:
        found = first or second
    else:
        found = first if len(first[4]) > len(second[4]) else second
    if found is None or len(one) > len(other):
        return found
    return found[2], found[3], found[0], found[1], found[4]


def _half_match_at(longer: str, shorter: str, index: int) -> Half | None:
    seed = longer[index : index + len(longer) // 4]
    best: Half = ("", "", "", "", "")
    at = shorter.find(seed)
    while at != -1:
        after = _common_prefix(longer[index:], shorter[at:])
        before = _common_suffix(longer[:index], shorter[:at])
        if len(best[4]) < before + after:
            best = (
                longer[: index - before],
                longer[index + after :],
                shorter[: at - before],
                shorter[at + after :],
                shorter[at - before : at + after],
            )
        at = shorter.find(seed, at + 1)
    return best if len(best[4]) * 2 >= len(longer) else None


def _bisect(one: str, other: str) -> list[Piece]:
    """Finds the middle of a shortest path and goes on with both halves."""
    size_one, size_other = len(one), len(other)
    most = (size_one + size_other + 1) // 2
    length = 2 * most
    forth, back = [-1] * (length + 2), [-1] * (length + 2)
    forth[most + 1] = back[most + 1] = 0
    delta = size_one - size_other
    front = delta % 2 != 0
    start1 = end1 = start2 = end2 = 0
    for step in range(min(most, _MAX_ROUNDS)):
        for k1 in range(-step + start1, step - end1 + 1, 2):
            at = most + k1
            if k1 == -step or (k1 != step and forth[at - 1] < forth[at + 1]):
                x1 = forth[at + 1]
            else:
                x1 = forth[at - 1] + 1
            y1 = x1 - k1
            while x1 < size_one and y1 < size_other and one[x1] == other[y1]:
                x1 += 1
                y1 += 1
            forth[at] = x1
            if x1 > size_one:
                end1 += 2
            elif y1 > size_other:
                start1 += 2
            elif front:
                mirror = most + delta - k1
                if 0 <= mirror < length and back[mirror] != -1 and x1 >= size_one - back[mirror]:
                    return diff(one[:x1], other[:y1]) + diff(one[x1:], other[y1:])
        for k2 in range(-step + start2, step - end2 + 1, 2):
            at = most + k2
            if k2 == -step or (k2 != step and back[at - 1] < back[at + 1]):
                x2 = back[at + 1]
            else:
                x2 = back[at - 1] + 1
            y2 = x2 - k2
            while x2 < size_one and y2 < size_other and one[-x2 - 1] == other[-y2 - 1]:
                x2 += 1
                y2 += 1
            back[at] = x2
            if x2 > size_one:
                end2 += 2
            elif y2 > size_other:
                start2 += 2
            elif not front:
                mirror = most + delta - k2
                if 0 <= mirror < length and forth[mirror] != -1:
                    x1 = forth[mirror]
                    y1 = most + x1 - mirror
                    if x1 >= size_one - x2:
                        return diff(one[:x1], other[:y1]) + diff(one[x1:], other[y1:])
    return [(DELETE, one), (INSERT, other)]


def merge(pieces: list[Piece]) -> list[Piece]:
    """Puts neighbours of a kind together, and shifts edits over equal text where that saves a piece."""
    pieces = _join([*pieces, (EQUAL, "")])
    if not pieces[-1][1]:
        pieces.pop()
    changed = False
    at = 1
    while at < len(pieces) - 1:
        (left, before), (kind, text), (right, after) = pieces[at - 1 : at + 2]
        if left == EQUAL and right == EQUAL:
            if text.endswith(before):
                pieces[at] = (kind, before + text[: len(text) - len(before)])
                pieces[at + 1] = (EQUAL, before + after)
                del pieces[at - 1]
                changed = True
            elif text.startswith(after):
                pieces[at - 1] = (EQUAL, before + after)
                pieces[at] = (kind, text[len(after) :] + after)
                del pieces[at + 1]
                changed = True
        at += 1
    return merge(pieces) if changed else pieces


def _join(pieces: list[Piece]) -> list[Piece]:
    at = deletes = inserts = 0
    deleted = inserted = ""
    while at < len(pieces):
        kind, text = pieces[at]
        if kind != EQUAL:
            if kind == INSERT:
                inserts += 1
                inserted += text
            else:
                deletes += 1
                deleted += text
            at += 1
            continue
        if deletes + inserts > 1:
            if deletes and inserts:
                at, inserted, deleted = _factor(pieces, at, deletes + inserts, inserted, deleted)
            first = at - deletes - inserts
            edits = ([(DELETE, deleted)] if deletes else []) + ([(INSERT, inserted)] if inserts else [])
            pieces[first:at] = edits
            at = first + len(edits) + 1
        elif at and pieces[at - 1][0] == EQUAL:
            pieces[at - 1] = (EQUAL, pieces[at - 1][1] + text)
            del pieces[at]
        else:
            at += 1
        deletes = inserts = 0
        deleted = inserted = ""
    return pieces


def _factor(pieces: list[Piece], at: int, edits: int, inserted: str, deleted: str) -> tuple[int, str, str]:
    """Moves what both edits begin and end with into the equal pieces around them."""
    size = _common_prefix(inserted, deleted)
    if size:
        before = at - edits
        if before > 0 and pieces[before - 1][0] == EQUAL:
            pieces[before - 1] = (EQUAL, pieces[before - 1][1] + inserted[:size])
        else:
            pieces.insert(0, (EQUAL, inserted[:size]))
            at += 1
        inserted, deleted = inserted[size:], deleted[size:]
    size = _common_suffix(inserted, deleted)
    if size:
        pieces[at] = (EQUAL, inserted[len(inserted) - size :] + pieces[at][1])
        inserted, deleted = inserted[: len(inserted) - size], deleted[: len(deleted) - size]
    return at, inserted, deleted
