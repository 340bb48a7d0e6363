"""Plain tables: columns padded with spaces, each cell ended by a tab, as scripts around flux read them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The text of a table; no header line for an empty `header`. A cell with several lines makes a row of as many."""
    cells = [[cell.split("\n") for cell in row] for row in rows]
    widths: list[int] = [_width(text) for text in header]
    for row in cells:
        widths += [0] * (len(row) - len(widths))
        for index, lines in enumerate(row):
            for line in lines:
                size = _width(line)
                if size > widths[index]:
                    widths[index] = size
    out: list[str] = []
    if header:
        titles = [_padded(text.upper(), width) for text, width in zip(header, widths, strict=False)]
        out.append("\t".join(titles) + " \n")
    for row in cells:
        height = max((len(lines) for lines in row), default=0)
        for number in range(height):
            out += [
                # a cell with fewer lines than its row is filled with two spaces, even where it is narrower
                _padded(lines[number] if number < len(lines) else "  ", widths[index]) + "\t"
                for index, lines in enumerate(row)
            ]
            out.append("\n")
    return "".join(out)
