"""Which files a source leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflux.render import ignore
from pyflux.render.ignore import Ignore


def rules(text: str, *domain: str) -> Ignore:
    return Ignore(ignore.parse(text, domain))


@pytest.mark.parametrize(
    ("pattern", "path", "is_dir", "excluded"),
    [
        ("*.jpg", "a/b/c.jpg", False, True),
        ("*.jpg", "a.jpg/x", False, True),
        (".git/", ".git", True, True),
        (".git/", ".git", False, False),
        (".git/", "x/.git/config", False, True),
        ("/docs/", "docs/a.md", False, True),
        ("/docs/", "x/docs/a.md", False, False),
        ("docs/a.md", "docs/a.md", False, True),
        ("docs/a.md", "x/docs/a.md", False, False),
        ("**/a.md", "x/y/a.md", False, True),
        ("**/a.md", "a.md", False, True),
        ("docs/**", "docs/x/y", False, True),
        ("a/**/b", "a/x/y/b", False, True),
        ("a/**/b", "a/b", False, True),
        ("a?c", "abc", False, True),
        ("[a-c]x", "bx", False, True),
        ("[^a-c]x", "bx", False, False),
        ("\\*x", "*x", False, True),
        ("[", "[", False, False),
        ("a**b/c", "aab/c", False, False),
        ("trailing  ", "trailing", False, True),
    ],
)
def test_patterns(pattern: str, path: str, is_dir: bool, excluded: bool) -> None:
    assert rules(pattern).excludes(path, is_dir) is excluded


def test_the_last_match_decides() -> None:
    found = rules("*.yaml\n!keep.yaml\n# comment\n\n")
    assert found.excludes("a.yaml")
    assert not found.excludes("keep.yaml")


def test_a_domain_bounds_a_pattern() -> None:
    found = rules("x.yaml", "apps")
    assert found.excludes("apps/deep/x.yaml")
    assert not found.excludes("x.yaml")


def test_a_source_has_its_files_rules_and_its_own_in_the_place_of_defaults(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    assert ignore.for_source(str(tmp_path)).excludes(".github/workflows/x.yaml")
    assert ignore.for_source(str(tmp_path), "# none\n").excludes("picture.jpg")
    (tmp_path / ".sourceignore").write_text("/notes/\n")
    (tmp_path / "apps" / ".sourceignore").write_text("draft.yaml\n")
    for found in (ignore.for_source(str(tmp_path), "other.yaml\n"), ignore.for_build(str(tmp_path), "other.yaml\n")):
        assert found.excludes("notes/a.yaml")
        assert found.excludes("apps/x/draft.yaml")
        assert not found.excludes("draft.yaml")
        assert found.excludes("other.yaml")
        assert found.excludes(".git/config")
    assert not ignore.for_source(str(tmp_path)).excludes(".github/workflows/x.yaml")
    assert not ignore.for_source(str(tmp_path)).excludes("picture.jpg")
    assert ignore.for_build(str(tmp_path)).excludes(".github/workflows/x.yaml")
    assert not ignore.for_build(str(tmp_path), "!*.jpg\n").excludes("picture.jpg")


def test_a_bucket_has_no_defaults(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / ".sourceignore").write_text("/notes/\n")
    (tmp_path / "apps" / ".sourceignore").write_text("draft.yaml\n")
    found = ignore.for_bucket(str(tmp_path), "other.yaml\n")
    assert found.excludes("notes/a.yaml")
    assert found.excludes("other.yaml")
    assert not found.excludes("apps/draft.yaml")
    assert not found.excludes(".github/workflows/x.yaml")
