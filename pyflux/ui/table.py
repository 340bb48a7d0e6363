"""Plain tables: columns padded with spaces, each cell ended by a tab, as scripts around flux read them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_NO_WIDTH = ("Cc", "Cf", "Mn", "Me")
"""Unicode categories of what takes no place: controls, invisible signs, marks on the letter before."""


def _width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    if text.isascii() and text.isprintable():
        return len(text)
    from unicodedata import category, east_asian_width

    # tabs and the like take none, as in flux
    wide = (2 if east_asian_width(char) in "WF" else 1 for char in text if category(char) not in _NO_WIDTH)
    return sum(wide)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The text of a table; no header line for an empty `header`. A cell with several lines makes a row of as many."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    widths = [_width(text) for text in header] + [0] * (len(columns) - len(header))
    # a column at a time, and without a look at single letters where there are only plain ones: lists may be long
    plain = True
    for index, column in enumerate(columns):
        text = "".join(column)
        if text.isascii() and text.isprintable():
            widths[index] = max(widths[index], max(map(len, column)))
        else:
            plain = False
            widths[index] = max(widths[index], max(_width(line) for cell in column for line in cell.split("\n")))
    out = []
    if header:
        out.append(
            "\t".join([_padded(text.upper(), width) for text, width in zip(header, widths, strict=False)]) + " \n"
        )
    if plain:
        padded = [[cell.ljust(widths[index]) for cell in column] for index, column in enumerate(columns)]
        out += ["\t".join(row) + "\t\n" for row in zip(*padded, strict=True)]
    else:
        for row in rows:
            out += _lines(row, widths)
    return "".join(out)


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [cell.split("\n") for cell in row]
    height = max(map(len, cells))
    # a cell with fewer lines than its row is filled with two spaces, even where it is narrower
    filled = [lines + ["  "] * (height - len(lines)) for lines in cells]
    return [
        "".join([_padded(line, width) + "\t" for line, width in zip(lines, widths, strict=False)]) + "\n"
        for lines in zip(*filled, strict=True)
    ]
