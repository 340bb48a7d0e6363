"""Plain tables, byte for byte."""

from __future__ import annotations

from pyflux.ui.table import table


def test_cells_end_with_tabs_and_the_header_with_a_blank() -> None:
    assert table(["Name", "Last scan"], [["a", "b"], ["longer", ""]]) == (
        "NAME  \tLAST SCAN \na     \tb        \t\nlonger\t         \t\n"
    )


def test_no_header_and_no_rows() -> None:
    assert table([], [["a", "bb"], ["ccc", "d"]]) == "a  \tbb\t\nccc\td \t\n"
    assert table(["Name", "Ready"], []) == "NAME\tREADY \n"
    assert table([], []) == ""


def test_lines_in_cells_and_wide_characters() -> None:
    assert table([], [["a", "x\ny"], ["b", "z"]]) == "a\tx\t\n  \ty\t\nb\tz\t\n"
    assert table([], [["日本", "x"], ["abcde", "e\u0301"]]) == "日本 \tx\t\nabcde\te\u0301\t\n"


def test_tabs_and_controls_take_no_place() -> None:
    assert table(["Message"], [["a\tb"], ["abcdefgh"]]) == "MESSAGE  \na\tb      \t\nabcdefgh\t\n"
