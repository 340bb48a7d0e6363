"""Makes the ExternalArtifacts of an ArtifactGenerator from a checkout, as its copy operations are documented."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.render import artifact
from pyflux.render.fleet.model import Obj, ObjectId, id_of
from pyflux.render.values import merge
from pyflux.ui.yamlin import load
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Sources = Mapping[str, str]

_CAPTURE = re.compile(r"\{([A-Za-z0-9_-]+)\}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


class GenerateError(PyfluxError):
    """An artifact cannot be made; the message says which copy operation failed."""


def find(index: Mapping[ObjectId, Obj], wanted: ObjectId, folder: Callable[[ObjectId], str]) -> tuple[Obj, Obj] | None:
    """The generator, and its artifact as a template filled in, that makes the ExternalArtifact `wanted`.

    `folder(id)` gives the folder of a source, for generators that discover their artifacts by a path pattern.
    """
    for obj in index.values():
        if obj.get("kind") != "ArtifactGenerator" or id_of(obj)[1] != wanted[1]:
            continue
        for filled in _artifacts(obj, folder):
            if filled.get("name") == wanted[2]:
                return obj, filled
    return None


def sources_of(generator: Obj) -> dict[str, ObjectId]:
    """Alias to source of a generator."""
    namespace = id_of(generator)[1]
    return {
        str(source.get("alias", "")): (
            str(source.get("kind", "")),
            str(source.get("namespace") or namespace),
            str(source.get("name", "")),
        )
        for source in (generator.get("spec") or {}).get("sources") or []
    }


def _artifacts(generator: Obj, folder: Callable[[ObjectId], str]) -> Iterator[Obj]:
    spec = generator.get("spec") or {}
    templates = spec.get("artifacts") or []
    pattern = spec.get("pathPattern")
    if not pattern:
        yield from templates
        return
    alias, path = _split(str(pattern), "@")
    source = sources_of(generator).get(alias)
    if source is None:
        raise GenerateError(f"source alias '{alias}' not found")
    for captured in _captures(folder(source), path):
        for template in templates:
            yield _filled(template, captured)


def _captures(root: str, pattern: str) -> Iterator[dict[str, str]]:
    parts = [part for part in pattern.split("/") if part]

    def walk(here: str, depth: int, found: dict[str, str]) -> Iterator[dict[str, str]]:
        if depth == len(parts):
            yield found
            return
        capture = _CAPTURE.fullmatch(parts[depth])
        names = sorted(os.listdir(here)) if capture is not None else [parts[depth]]
        for name in names:
            path = os.path.join(here, name)
            if not os.path.isdir(path) or os.path.islink(path):
                continue
            if capture is not None and not _LABEL.fullmatch(name):
                raise GenerateError(f"pathPattern '{pattern}': '{name}' is not a valid label value")
            yield from walk(path, depth + 1, {**found, capture[1]: name} if capture is not None else found)

    yield from walk(root, 0, {})


def _filled(template: Obj, captured: Mapping[str, str]) -> Obj:
    def fill(text: str, *, lower: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            found = captured.get(match[1], match[0])
            return found.lower() if lower else found

        return _CAPTURE.sub(value, text)

    copies = [
        {**copy, "from": fill(str(copy.get("from", ""))), "to": fill(str(copy.get("to", "")))}
        for copy in template.get("copy") or []
    ]
    return {**template, "name": fill(str(template.get("name", "")), lower=True), "copy": copies}


def make(filled: Obj, sources: Sources, target: str) -> None:
    """Runs an artifact's copy operations from `sources` (alias to folder) into the empty folder `target`."""
    for copy in filled.get("copy") or []:
        alias, pattern = _split(str(copy.get("from", "")), "@")
        root = sources.get(alias)
        if root is None:
            raise GenerateError(f"source alias '{alias}' not found")
        to = str(copy.get("to", ""))
        if not to.startswith("@artifact/"):
            raise GenerateError(f"invalid copy destination '{to}': destination must start with '@artifact/'")
        _Copy(copy, root, target).run(pattern, to.removeprefix("@artifact/"))


def _split(text: str, mark: str) -> tuple[str, str]:
    alias, slash, rest = text.removeprefix(mark).partition("/")
    if not text.startswith(mark) or not slash:
        raise GenerateError(f"invalid copy source '{text}': source format must be '@alias/pattern'")
    return alias, rest


class _Copy:
    def __init__(self, copy: Obj, root: str, target: str) -> None:
        self.strategy = copy.get("strategy") or "Overwrite"
        self.exclude = [(_glob(str(pattern)), "/" in str(pattern)) for pattern in copy.get("exclude") or []]
        self.root = os.path.realpath(root)
        self.target = os.path.realpath(target)

    def run(self, pattern: str, to: str) -> None:
        if not any(char in pattern for char in "*?[]"):
            self.single(os.path.normpath(pattern) if pattern else ".", to)
            return
        base = _literal_prefix(pattern)
        matcher = _glob(pattern)
        matches = [path for path in _walk(self.root, base) if matcher.fullmatch(path)]
        if not matches:
            raise GenerateError(f"no files match pattern '{pattern}'")
        kept = [path for path in matches if not self.is_excluded(path, base)]
        if not kept:
            raise GenerateError(f"all files matching pattern '{pattern}' were excluded")
        prefix = pattern.removesuffix("/**") + "/" if pattern.endswith("/**") else ""
        for path in kept:
            if self.strategy == "Extract":
                if path.endswith((".tgz", ".tar.gz")):
                    self.extract(path, to)
            else:
                self.file(path, os.path.join(to, path.removeprefix(prefix) if prefix else path))

    def single(self, path: str, to: str) -> None:
        full = self.inside(self.root, path)
        if os.path.isdir(full):
            name = "" if path == "." else os.path.basename(path)
            for found in _walk(self.root, "" if path == "." else path):
                if not self.is_excluded(found, path):
                    inner = found if path == "." else found[len(path) + 1 :]
                    self.file(found, os.path.join(to, name, inner))
        elif not os.path.exists(full):
            raise GenerateError(f"source '{path}' does not exist")
        elif not self.is_excluded(path, "."):
            if self.strategy == "Extract":
                self.extract(path, to)
            elif to.endswith("/") or not to or os.path.isdir(os.path.join(self.target, to)):
                self.file(path, os.path.join(to, os.path.basename(path)))
            else:
                self.file(path, to)

    def is_excluded(self, path: str, base: str) -> bool:
        below = path[len(base) + 1 :] if base not in ("", ".") and path.startswith(base + "/") else path
        return any(
            glob.fullmatch(path) or glob.fullmatch(below) or (not deep and glob.fullmatch(os.path.basename(path)))
            for glob, deep in self.exclude
        )

    @staticmethod
    def inside(root: str, path: str) -> str:
        full = os.path.realpath(os.path.join(root, path))
        if full != root and not full.startswith(root.rstrip("/") + "/"):
            raise GenerateError(f"path '{path}' leaves its source")
        return full

    def file(self, path: str, to: str) -> None:
        source, target = self.inside(self.root, path), self.inside(self.target, to)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if self.strategy == "Merge" and os.path.exists(target) and target.endswith((".yaml", ".yml")):
            with open(target, encoding="utf-8") as old, open(source, encoding="utf-8") as new:
                merged = merge(load(old.read()) or {}, load(new.read()) or {})
            with open(target, "w", encoding="utf-8") as file:
                file.write(dump(merged))
            return
        shutil.copyfile(source, target)

    def extract(self, path: str, to: str) -> None:
        target = self.inside(self.target, to)
        os.makedirs(target, exist_ok=True)
        with open(self.inside(self.root, path), "rb") as archive:
            artifact.unpack(archive, target)


def _walk(root: str, below: str) -> Iterator[str]:
    start = os.path.join(root, below) if below not in ("", ".") else root
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            yield os.path.relpath(os.path.join(folder, name), root)


def _literal_prefix(pattern: str) -> str:
    parts = []
    for part in pattern.split("/"):
        if any(char in part for char in "*?[]"):
            break
        parts.append(part)
    return "/".join(parts)


def _glob(pattern: str) -> re.Pattern[str]:
    """A doublestar pattern: `**` spans folders, `*` and `?` stay in one, `[...]` is a class, `{a,b}` alternatives."""
    out, at, braces = [], 0, 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at):
            out.append("(?:.*/)?")
            at += 3
            continue
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
        raise GenerateError(f"invalid glob pattern '{pattern}'") from None
