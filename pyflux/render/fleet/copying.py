"""The copy operations of an ArtifactGenerator: from the files of sources into the folder of an artifact.

As source-watcher has them: a glob looks at one folder for each of its parts (`**` is no more than `*`, but for the
strategy Extract), what it finds may be a folder, and a folder is copied with all that is in it.
"""

from __future__ import annotations

import os
import re
import shutil
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyflux.errors import PyfluxError
from pyflux.render import artifact
from pyflux.render.ignore import Ignore, defaults, segment
from pyflux.render.values import merge
from pyflux.ui.yamlin import YamlError, load_all
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    Obj = dict[str, Any]

_GLOB = frozenset("*?[]")
_TARBALLS = (".tar.gz", ".tgz")


class CopyError(PyfluxError):
    """A copy operation failed; the message is source-watcher's."""


class Tree:
    """What a source's artifact holds: plain files and folders that no rule leaves out, of all or of what is `below`."""

    def __init__(self, root: str, rules: Ignore, below: str = "") -> None:
        self.root = os.path.realpath(root)
        self.files: set[str] = set()
        self.folders: set[str] = set()
        for here, folders, files in os.walk(os.path.normpath(os.path.join(self.root, below))):
            below = os.path.relpath(here, self.root)
            below = "" if below == "." else f"{below}/"
            folders[:] = [name for name in folders if self._is_kept(f"{below}{name}", rules, is_dir=True)]
            self.folders.update(below + name for name in folders)
            self.files.update(below + name for name in files if self._is_kept(f"{below}{name}", rules, is_dir=False))

    def _is_kept(self, path: str, rules: Ignore, *, is_dir: bool) -> bool:
        return not os.path.islink(os.path.join(self.root, path)) and not rules.excludes(path, is_dir)

    def sorted(self) -> list[str]:
        """Every path, a folder before what is in it."""
        return sorted(self.files | self.folders, key=lambda path: path.split("/"))

    def below(self, folder: str) -> list[str]:
        """The files in a folder and in its folders; all where `folder` is empty."""
        return sorted(path for path in self.files if not folder or path.startswith(f"{folder}/"))


def copy(operations: list[Obj], sources: Mapping[str, Tree], target: str) -> None:
    """Runs operations in order into the empty folder `target`, less what no artifact holds. Raises CopyError."""
    for operation in operations:
        try:
            _Copy(operation, target).run(sources)
        except (CopyError, YamlError, OSError) as why:
            cause = why.message if isinstance(why, PyfluxError) else f"{why.filename}: {why.strerror}"
            what = f"from '{operation.get('from')}' to '{operation.get('to')}'"
            raise CopyError(f"failed to apply copy operation {what}: {cause}") from None
    kept = Tree(target, Ignore(defaults()))
    for path in Tree(target, Ignore(())).files - kept.files:
        os.unlink(os.path.join(target, path))


def split(text: str) -> tuple[str, str]:
    """Alias and path of `@alias/path`. Raises CopyError."""
    alias, slash, rest = text.removeprefix("@").partition("/")
    if not text.startswith("@") or not slash:
        raise CopyError(f"invalid copy source '{text}': source format must be '@alias/pattern'")
    return alias, rest


class _Copy:
    def __init__(self, operation: Obj, target: str) -> None:
        self._from = str(operation.get("from", ""))
        self._to = str(operation.get("to", ""))
        self._strategy = operation.get("strategy") or "Overwrite"
        self._exclude = [str(pattern) for pattern in operation.get("exclude") or []]
        self._target = os.path.realpath(target)

    def run(self, sources: Mapping[str, Tree]) -> None:
        alias, pattern = split(self._from)
        if not self._to.startswith("@artifact/"):
            raise CopyError(f"invalid copy destination '{self._to}': destination must start with '@artifact/'")
        to = self._to.removeprefix("@artifact/")
        tree = sources.get(alias)
        if tree is None:
            raise CopyError(f"source alias '{alias}' not found")
        if _GLOB.isdisjoint(pattern):
            self._single(tree, os.path.normpath(pattern) if pattern else ".", to)
            return
        found = self._matches(tree, pattern)
        if not found:
            raise CopyError(f"no files match pattern '{pattern}' in source '{alias}'")
        base = _literal_prefix(pattern)
        kept = [path for path in found if not self._is_excluded(path, base)]
        if not kept:
            raise CopyError(f"all files matching pattern '{pattern}' in source '{alias}' were excluded")
        prefix = pattern.removesuffix("**") if pattern.endswith("/**") else ""
        for path in kept:
            if self._strategy != "Extract":
                self._entry(tree, path, os.path.join(to, path.removeprefix(prefix)), base)
            elif _is_tarball(path):
                self._extract(tree, path, to)

    def _matches(self, tree: Tree, pattern: str) -> list[str]:
        if self._strategy == "Extract":
            matcher = _doublestar(pattern)
            return [path for path in tree.sorted() if matcher.fullmatch(path)]
        parts = [segment(part) for part in pattern.split("/")]
        return [path for path in tree.sorted() if _matches(path.split("/"), parts)]

    def _single(self, tree: Tree, path: str, to: str) -> None:
        if path == "." or path in tree.folders:
            if self._strategy == "Extract":
                raise CopyError(f"extract strategy is not supported for directories, got '{path}'")
            self._entry(tree, path, os.path.join(to, os.path.basename(path)), path)
        elif path not in tree.files:
            raise CopyError(f"source '{path}' does not exist")
        elif self._is_excluded(path, "."):
            return
        elif self._strategy == "Extract":
            if not _is_tarball(path):
                raise CopyError(f"extract strategy requires tarball file (.tar.gz or .tgz), got '{path}'")
            self._extract(tree, path, to)
        elif self._to.endswith("/") or os.path.isdir(os.path.join(self._target, to)):
            self._file(tree, path, os.path.join(to, os.path.basename(path)), merging=True)
        else:
            self._file(tree, path, to, merging=True)

    def _entry(self, tree: Tree, path: str, to: str, base: str) -> None:
        if path in tree.files:
            self._file(tree, path, to, merging=True)
            return
        folder = "" if path == "." else path
        os.makedirs(self._inside(to), exist_ok=True)
        for file in tree.below(folder):
            inner = file[len(folder) + 1 :] if folder else file
            parts = inner.split("/")
            above = [os.path.join(folder, *parts[:depth]) for depth in range(1, len(parts) + 1)]
            if not any(self._is_excluded(one, base) for one in above):
                self._file(tree, file, os.path.join(to, inner), merging=False)

    def _is_excluded(self, path: str, base: str) -> bool:
        """Whether a pattern matches the path, its part below the literal one of the glob, or (without `/`) its name."""
        below = path[len(base) + 1 :] if base != "." and path.startswith(f"{base}/") else path
        return any(
            _doublestar(pattern).fullmatch(path)
            or _doublestar(pattern).fullmatch(below)
            or ("/" not in pattern and _doublestar(pattern).fullmatch(os.path.basename(path)))
            for pattern in self._exclude
        )

    def _inside(self, to: str) -> str:
        full = os.path.normpath(os.path.join(self._target, to))
        if full != self._target and not full.startswith(f"{self._target}/"):
            raise CopyError(f"path '{to}' leaves the artifact")
        return full

    def _file(self, tree: Tree, path: str, to: str, *, merging: bool) -> None:
        source, target = os.path.join(tree.root, path), self._inside(to)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if merging and self._strategy == "Merge" and os.path.exists(target):
            merged = dump(merge(_mapping(target), _mapping(source)))
            with open(target, "w", encoding="utf-8") as file:
                file.write(merged)
        else:
            shutil.copyfile(source, target)

    def _extract(self, tree: Tree, path: str, to: str) -> None:
        target = self._inside(to)
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(tree.root, path), "rb") as archive:
            artifact.unpack(archive, target)


def _mapping(path: str) -> Obj:
    """The documents of a YAML file laid over each other."""
    merged: Obj = {}
    with open(path, "rb") as file:
        documents = load_all(file.read(), strict=False)
    for document in documents:
        if document is not None and not isinstance(document, dict):
            raise CopyError("cannot unmarshal YAML document: it is no mapping")
        merged = merge(merged, document or {})
    return merged


def _is_tarball(path: str) -> bool:
    return path.lower().endswith(_TARBALLS)


def _matches(parts: list[str], pattern: list[Any]) -> bool:
    return len(parts) == len(pattern) and all(matches(part) for matches, part in zip(pattern, parts, strict=True))


def _literal_prefix(pattern: str) -> str:
    parts = []
    for part in pattern.split("/"):
        if not _GLOB.isdisjoint(part):
            break
        parts.append(part)
    return "/".join(parts) or "."


@lru_cache(maxsize=1024)
def _doublestar(pattern: str) -> re.Pattern[str]:
    """`**` spans folders, `*` and `?` stay in one, `[...]` is a class, `{a,b}` alternatives. Raises CopyError."""
    out, at, braces = [], 0, 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at):
            out.append("(?:.*/)?")
            at += 3
            continue
        if pattern[at:] == "/**":
            out.append("(?:/.*)?")
            break
        if pattern.startswith("**", at):
            out.append(".*")
            at += 2
            continue
        end = pattern.find("]", at + 2) if char == "[" else -1
        if end > 0:
            inner = pattern[at + 1 : end]
            out.append("[" + ("^" + inner[1:] if inner[0] in "!^" else inner).replace("\\", "\\\\") + "]")
            at = end + 1
            continue
        if char == "{":
            braces += 1
        out.append(
            {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")" if braces else r"\}", ",": "|" if braces else ","}.get(
                char, re.escape(char)
            )
        )
        if char == "}" and braces:
            braces -= 1
        at += 1
    try:
        return re.compile("".join(out))
    except re.error:
        raise CopyError(f"invalid exclude pattern '{pattern}'") from None
