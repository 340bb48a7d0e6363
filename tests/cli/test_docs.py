"""The generated command reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflux.cli import docs
from pyflux.cli.model import Command, Flag
from pyflux.cli.tree import TOP

ROW = Command(
    "make",
    "Make a thing",
    flags=(Flag("all", "bool", "All of them"),),
    children=(
        Command(
            "tea",
            "Make tea",
            long="Boils water.",
            example="\n# green\npyflux make tea green\n",
            run="os:getcwd",
            usage="[name]",
            aliases=("t",),
            flags=(
                Flag("milk", "string", "Which | milk", short="m", default="oat"),
                Flag("secret", "string", "Hidden", hidden=True),
                Flag("cups", "strings", "Cups", extra=True),
            ),
        ),
    ),
)


def test_a_page_has_all_commands_with_usage_examples_and_flags() -> None:
    text = docs.page(ROW)
    assert "# pyflux make\n" in text
    assert "- [`pyflux make tea`](#pyflux-make-tea): Make tea" in text
    assert "    pyflux make tea [name] [flags]\n" in text
    assert "```sh\n# green\npyflux make tea green\n```" in text
    assert "Other names: `t`." in text
    assert "| `--milk`, `-m` | string | `oat` | Which \\| milk |" in text
    assert "| `--cups` | list |  | Cups; not in flux |" in text
    assert "secret" not in text
    assert "Also takes the flags of [`pyflux make`](#pyflux-make)" in text


def test_every_top_level_command_has_a_page_and_every_link_a_target() -> None:
    pages = docs.pages()
    assert {f"{name}.md" for name in TOP} <= pages.keys()
    for name in TOP:
        assert f"]({name}.md)" in pages["README.md"]
    for name, text in pages.items():
        for target in (part.partition(")")[0] for part in text.split("](")[1:]):
            file, _, anchor = target.partition("#")
            headings = {
                line.lstrip("# ").lower().replace(" ", "-")
                for line in pages[file or name].splitlines()
                if line.startswith("#")
            }
            assert not anchor or anchor in headings, f"{name}: {target}"


def test_check_names_missing_stale_and_foreign_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "create.md").write_text("old")
    (tmp_path / "get.md").unlink()
    (tmp_path / "nope.md").write_text("")
    assert docs.main(["--check", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "create.md is stale" in said
    assert "get.md is missing" in said
    assert "nope.md belongs to no command" in said
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main(["--check", str(tmp_path)]) == 0
    assert not (tmp_path / "nope.md").exists()
