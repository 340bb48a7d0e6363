"""Checks patterns by the syntax of Go's regexp package (RE2), which differs from Python's."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_REPEAT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_GROUP_NAME = re.compile(r"\?P?<([^>]*)>")
_FLAGS = re.compile(r"\?(?=[imsU-])([imsU]*)(-[imsU]+)?([:)])")
_CLASS = re.compile(r"\[:\^?([a-z]+):\]")
_CLASSES = (
    *("alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph"),
    *("lower", "print", "punct", "space", "upper", "word", "xdigit"),
)
_WORD = re.compile(r"\w+\Z", re.ASCII)
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_LETTERS = frozenset("AbBzCQEdDsSwWafnrtv")
_MOST_REPEATS = 1000


class PatternError(ValueError):
    """The pattern is not one of RE2's, or the template does not fit it."""


class _Scanner:
    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.names: list[str] = []
        self.depth = 0

    def rest(self) -> str:
        return self.text[self.at :]

    def pattern(self) -> None:
        can_repeat, repeated = False, False
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in "*+?" or (char == "{" and _REPEAT.match(self.text, self.at)):
                if not can_repeat or repeated:
                    raise PatternError("missing argument to repetition operator")
                self.repetition()
                repeated = True
                continue
            repeated = False
            can_repeat = self.item(char)
        if self.depth:
            raise PatternError("missing closing )")

    def repetition(self) -> None:
        found = _REPEAT.match(self.text, self.at)
        if self.text[self.at] == "{" and found is not None:
            least = int(found[1])
            most = int(found[3]) if found[3] else least
            if least > _MOST_REPEATS or most > _MOST_REPEATS or most < least:
                raise PatternError("invalid repeat count")
            self.at = found.end()
        else:
            self.at += 1
        if self.rest().startswith("?"):
            self.at += 1

    def item(self, char: str) -> bool:
        """Reads one item; True where it can be repeated."""
        if char == "(":
            return self.open_group()
        if char == ")":
            if not self.depth:
                raise PatternError("unexpected )")
            self.depth -= 1
            self.at += 1
            return True
        if char == "[":
            self.char_class()
            return True
        if char == "\\":
            self.escape()
            return True
        self.at += 1
        return char != "|"

    def open_group(self) -> bool:
        self.at += 1
        if not self.rest().startswith("?"):
            self.depth += 1
            self.names.append("")
            return False
        named = _GROUP_NAME.match(self.text, self.at)
        if named is not None:
            if not _WORD.match(named[1]) or named[1] in self.names:
                raise PatternError("invalid named capture")
            self.names.append(named[1])
            self.depth += 1
            self.at = named.end()
            return False
        flags = _FLAGS.match(self.text, self.at)
        if flags is None and not self.rest().startswith("?:"):
            raise PatternError("invalid or unsupported Perl syntax")
        if flags is None:
            self.at += 2
            self.depth += 1
            return False
        self.at = flags.end()
        if flags[3] == ":":
            self.depth += 1
        return False

    def escape(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if not following:
            raise PatternError("trailing backslash at end of expression")
        if following == "Q":
            end = self.text.find("\\E", self.at)
            self.at = len(self.text) if end < 0 else end + 2
        elif following in "pP":
            self.unicode_class()
        elif following == "x":
            found = re.compile(r"\\x(?:[0-9a-fA-F]{2}|\{([0-9a-fA-F]+)\})").match(self.text, self.at)
            if found is None or int(found[1] or "0", 16) > 0x10FFFF:
                raise PatternError("invalid escape sequence")
            self.at = found.end()
        elif following.isdigit():
            found = re.compile(r"\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})").match(self.text, self.at)
            if found is None:
                raise PatternError("invalid escape sequence")
            self.at = found.end()
        elif following in _LETTERS or following in _PUNCTUATION:
            self.at += 2
        else:
            raise PatternError("invalid escape sequence")

    def unicode_class(self) -> None:
        found = re.compile(r"\\[pP](?:([A-Z])|\{\^?([A-Za-z_]+)\})").match(self.text, self.at)
        if found is None:
            raise PatternError("invalid character class range")
        self.at = found.end()

    def char_class(self) -> None:
        self.at += 1
        if self.rest().startswith("^"):
            self.at += 1
        first = True
        while first or not self.rest().startswith("]"):
            if self.at >= len(self.text):
                raise PatternError("missing closing ]")
            first = False
            named = _CLASS.match(self.text, self.at)
            if named is not None:
                if named[1] not in _CLASSES:
                    raise PatternError("invalid character class range")
                self.at = named.end()
                continue
            self.class_range()
        self.at += 1

    def class_range(self) -> None:
        low = self.class_char()
        if self.rest().startswith("-") and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            high = self.class_char()
            if low is None or high is None or high < low:
                raise PatternError("invalid character class range")

    def class_char(self) -> str | None:
        """One character of a class; None for an escape that stands for several."""
        char = self.text[self.at]
        if char != "\\":
            self.at += 1
            return char
        start = self.at
        self.escape()
        escaped = self.text[start + 1 : self.at]
        if escaped[0] in "dDsSwWpP":
            return None
        if escaped[0] in "AbBzCQE":
            raise PatternError("invalid escape sequence")
        if escaped[0] == "x":
            return chr(int(escaped.strip("x{}"), 16))
        if escaped[0].isdigit():
            return chr(int(escaped, 8))
        return {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}.get(escaped, escaped)


def group_names(pattern: str) -> list[str]:
    """The names of a pattern's groups, empty text for those without. Raises PatternError for bad syntax."""
    scanner = _Scanner(pattern)
    scanner.pattern()
    return scanner.names


def check_template(template: str, names: Sequence[str]) -> None:
    """Raises PatternError where a replacement template is malformed or names a group that is not there."""
    rest = template
    while "$" in rest:
        rest = rest[rest.index("$") :]
        if rest.startswith("$$"):
            rest = rest[2:]
            continue
        name, rest = _reference(rest)
        is_number = name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0")
        if not is_number and name not in names:
            raise PatternError(f"capture group ${name} used in --filter-extract not found in --filter-regex")


def _reference(text: str) -> tuple[str, str]:
    braced = text.startswith("${")
    start = 2 if braced else 1
    end = start
    while end < len(text) and (text[end].isalpha() or text[end].isdecimal() or text[end] == "_"):
        end += 1
    if end == start or (braced and text[end : end + 1] != "}"):
        raise PatternError("--filter-extract is malformed")
    return text[start:end], text[end + braced :]
