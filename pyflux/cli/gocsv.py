"""One CSV record by the rules of Go's encoding/csv, with its messages: pflag reads lists with it."""

from __future__ import annotations

_BARE = 'bare " in non-quoted-field'
_QUOTE = 'extraneous or missing " in quoted-field'


def read_record(text: str) -> list[str]:
    """The fields of the first record. Raises ValueError for misplaced quotes, and for text without a record."""
    lines = _lines(text.replace("\r\n", "\n"))
    number = 0
    while number < len(lines) and lines[number] == "\n":
        number += 1
    if number == len(lines):
        raise ValueError("EOF")
    return _Record(lines, number).read()


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    whole = [part + "\n" for part in parts[:-1]]
    return [*whole, parts[-1]] if parts[-1] else whole


class _Record:
    def __init__(self, lines: list[str], number: int) -> None:
        self.lines = lines
        self.start = self.number = number
        self.line = lines[number]
        self.at = 0

    def fault(self, at: int, what: str) -> ValueError:
        column = len(self.line[:at].encode("utf-8", "replace")) + 1
        where = f"parse error on line {self.number + 1}, column {column}: {what}"
        if self.number != self.start:
            where = f"record on line {self.start + 1}; {where}"
        return ValueError(where)

    def read(self) -> list[str]:
        fields = []
        more = True
        while more:
            field, more = self.quoted() if self.line.startswith('"', self.at) else self.plain()
            fields.append(field)
        return fields

    def plain(self) -> tuple[str, bool]:
        comma = self.line.find(",", self.at)
        end = comma if comma >= 0 else len(self.line.rstrip("\n"))
        field = self.line[self.at : end]
        bare = field.find('"')
        if bare >= 0:
            raise self.fault(self.at + bare, _BARE)
        self.at = end + 1
        return field, comma >= 0

    def quoted(self) -> tuple[str, bool]:
        field = ""
        self.at += 1
        while True:
            quote = self.line.find('"', self.at)
            if quote < 0:
                field += self.line[self.at :]
                if self.number + 1 == len(self.lines):
                    raise self.fault(len(self.line), _QUOTE)
                self.number += 1
                self.line, self.at = self.lines[self.number], 0
                continue
            field += self.line[self.at : quote]
            following = self.line[quote + 1 : quote + 2]
            if following == '"':
                field += '"'
                self.at = quote + 2
                continue
            if following not in (",", "\n", ""):
                raise self.fault(quote, _QUOTE)
            self.at = quote + 2
            return field, following == ","
