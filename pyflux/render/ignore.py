"""Which files of a checkout a source leaves out: Flux's defaults, `.sourceignore` files, `spec.ignore`.

The rules are gitignore's as Flux applies them: the last matching pattern decides, `!` takes back, a pattern without
`/` matches any part of a path, and one in a folder's `.sourceignore` counts from that folder.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

FILE = ".sourceignore"
VCS = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
DEFAULTS = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml"),
    *("codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)

_MAX_FILE = 1 << 20
_LONGEST_LINE = 64 * 1024


@lru_cache(maxsize=4096)
def segment(pattern: str) -> Callable[[str], object]:
    """A predicate for one part of a path; a malformed pattern matches nothing."""
    if not any(char in pattern for char in "*?[\\"):
        return pattern.__eq__
    out, at = ["(?s:"], 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "[":
            found = _class(pattern, at)
            if found is None:
                return _nothing
            text, at = found
            out.append(text)
        else:
            if char == "\\":
                if at >= len(pattern):
                    return _nothing
                char = pattern[at]
                at += 1
            out.append(re.escape(char))
    return re.compile("".join(out) + r")\Z").match


def _nothing(_name: str) -> bool:
    return False


def _class(pattern: str, at: int) -> tuple[str, int] | None:
    """The regular expression for a class whose `[` ends before `at`, and where it ends; None when malformed."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while True:
        if at >= len(pattern):
            return None
        if pattern[at] == "]" and ranges:
            break
        bounds: list[str] = []
        for _ in range(2):
            if at >= len(pattern) or pattern[at] in "-]":
                return None
            if pattern[at] == "\\":
                at += 1
                if at >= len(pattern):
                    return None
            bounds.append(pattern[at])
            at += 1
            if not pattern.startswith("-", at):
                break
            if len(bounds) == 1:
                at += 1
        low, high = bounds[0], bounds[-1]
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")
    inside = "".join(ranges)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


class Pattern:
    """One line of an ignore file; `domain` is the folder it counts from, as parts below the root."""

    __slots__ = ("_glob", "_only_dirs", "_parts", "_segments", "domain", "includes", "line")

    def __init__(self, line: str, domain: Sequence[str] = ()) -> None:
        self.domain = tuple(domain)
        self.line = line
        self.includes = line.startswith("!")
        if self.includes:
            line = line[1:]
        if not line.endswith("\\ "):
            line = line.rstrip(" ")
        self._only_dirs = line.endswith("/")
        if self._only_dirs:
            line = line[:-1]
        self._glob = "/" in line
        self._parts = line.split("/")
        self._segments = [segment(part) for part in self._parts]

    def matches(self, path: Sequence[str], is_dir: bool) -> bool:
        """True when the path (parts below the root) is what the pattern is about."""
        depth = len(self.domain)
        if len(path) <= depth or (depth and tuple(path[:depth]) != self.domain):
            return False
        rest = path[depth:]
        return self._match_glob(rest, is_dir) if self._glob else self._match_name(rest, is_dir)

    def _match_name(self, path: Sequence[str], is_dir: bool) -> bool:
        match = self._segments[0]
        last = len(path) - 1
        for index, name in enumerate(path):
            if match(name):
                return not (self._only_dirs and not is_dir and index == last)
        return False

    def _match_glob(self, path: Sequence[str], is_dir: bool) -> bool:
        at, matched, anywhere = 0, False, False
        last = len(self._parts) - 1
        for index, part in enumerate(self._parts):
            if not part:
                anywhere = False
                continue
            if part == "**":
                if index == last:
                    break
                anywhere = True
                continue
            if "**" in part or at >= len(path):
                return False
            match = self._segments[index]
            if anywhere:
                anywhere = False
                matched, at = _find(match, path, at, matched)
            elif match(path[at]):
                matched = True
                at += 1
            else:
                return False
        return matched and not (self._only_dirs and not is_dir and at >= len(path))


def _find(match: Callable[[str], object], path: Sequence[str], at: int, matched: bool) -> tuple[bool, int]:
    while at < len(path):
        name = path[at]
        at += 1
        if match(name):
            return True, at
        if at >= len(path):
            matched = False
    return matched, at


class Ignore:
    """A list of patterns, the last match decides."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._patterns = list(patterns)[::-1]

    @property
    def identity(self) -> str:
        """A text that tells these rules from others."""
        return "\n".join(f"{'/'.join(pattern.domain)}\0{pattern.line}" for pattern in self._patterns)

    def excludes(self, path: str, is_dir: bool = False) -> bool:
        """True when the path below the root, with `/` between its parts, is left out."""
        parts = path.split("/")
        for pattern in self._patterns:
            if pattern.matches(parts, is_dir):
                return not pattern.includes
        return False


def parse(text: str, domain: Sequence[str] = ()) -> list[Pattern]:
    """The patterns of an ignore file's text; comments and blank lines are left out."""
    patterns = []
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if len(line) > _LONGEST_LINE:
            break
        if not line.startswith("#") and line.strip():
            patterns.append(Pattern(line, domain))
    return patterns


def defaults() -> list[Pattern]:
    """What every source leaves out unless a later pattern takes it back."""
    return [Pattern(line) for line in (*VCS, *DEFAULTS)]


def load(root: str) -> list[Pattern]:
    """The patterns of all `.sourceignore` files in a folder and below it, outer ones first."""
    return read(root, named(root, FILE))


def named(root: str, name: str, below: str = "") -> Iterator[str]:
    """The paths below `root` of all files of this name, an outer one before an inner one.

    Links are passed over, and so are folders that cannot be read or are gone meanwhile: a build that needs one tells.
    """
    ahead = [below]
    while ahead:
        below = ahead.pop()
        folders = []
        try:
            with os.scandir(os.path.join(root, below)) as entries:
                for entry in entries:
                    if entry.name == name and entry.is_file(follow_symlinks=False):
                        yield f"{below}/{name}" if below else name
                    elif entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                        folders.append(f"{below}/{entry.name}" if below else entry.name)
        except OSError:
            continue
        ahead += sorted(folders, reverse=True)


def read(root: str, paths: Iterable[str]) -> list[Pattern]:
    """The patterns of the `.sourceignore` files at `paths` below `root`, in this order."""
    patterns: list[Pattern] = []
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape", newline="") as file:
            patterns += parse(file.read(_MAX_FILE), path.split("/")[:-1])
    return patterns


def for_source(root: str, spec_ignore: str | None = None, paths: Iterable[str] | None = None) -> Ignore:
    """The rules for a source's checkout: its `.sourceignore` files, then the object's own `spec.ignore`.

    The defaults hold only where there are neither; Git's own files are always left out. `paths` are those of the
    files where they are known.
    """
    own = [*read(root, named(root, FILE) if paths is None else paths), *parse(spec_ignore or "")]
    return Ignore([*map(Pattern, VCS), *own] if own else defaults())


def for_bucket(root: str, spec_ignore: str | None = None) -> Ignore:
    """The rules for a Bucket's objects: its outermost `.sourceignore`, then `spec.ignore`, and no defaults."""
    path = os.path.join(root, FILE)
    text = ""
    if os.path.isfile(path):
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read(_MAX_FILE)
    return Ignore([*parse(text), *parse(spec_ignore or "")])


def for_build(root: str, lines: str = "") -> Ignore:
    """The rules for `build kustomization`: the defaults, the `.sourceignore` files, then --ignore-paths."""
    return Ignore([*defaults(), *load(root), *parse(lines)])
