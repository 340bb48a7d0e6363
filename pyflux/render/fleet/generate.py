"""The ExternalArtifacts of an ArtifactGenerator: which ones it makes, and with which copy operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyflux.render.fleet.copying import CopyError, split
from pyflux.render.fleet.model import Obj, ObjectId, id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyflux.render.fleet.copying import Tree

_CAPTURE = re.compile(r"\{([^{}]*)\}")
_CAPTURE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def find(index: Mapping[ObjectId, Obj], wanted: ObjectId, tree: Callable[[ObjectId], Tree]) -> tuple[Obj, Obj] | None:
    """The generator, and its artifact as a template filled in, that makes the ExternalArtifact `wanted`.

    `tree(id)` gives the files of a source, for generators that discover their artifacts by a path pattern.
    Raises CopyError.
    """
    for obj in index.values():
        if obj.get("kind") != "ArtifactGenerator" or id_of(obj)[1] != wanted[1]:
            continue
        for filled in _artifacts(obj, tree):
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


def _artifacts(generator: Obj, tree: Callable[[ObjectId], Tree]) -> Iterator[Obj]:
    spec = generator.get("spec") or {}
    templates = spec.get("artifacts") or []
    pattern = str(spec.get("pathPattern") or "")
    if not pattern:
        yield from templates
        return
    alias, path = split(pattern)
    source = sources_of(generator).get(alias)
    if source is None:
        raise CopyError(f'pathPattern "{pattern}": source alias {alias} not found in local sources')
    matcher = _compiled(pattern, path)
    for folder in sorted(tree(source).folders):
        found = matcher.fullmatch(folder)
        if found is None:
            continue
        captured = found.groupdict()
        for name, value in captured.items():
            if not _LABEL.fullmatch(value):
                what = f'captured value "{value.lower()}" for variable "{name}"'
                raise CopyError(f'pathPattern "{pattern}": {what} is not a valid Kubernetes label value')
        for template in templates:
            yield _filled(template, captured)


def _compiled(pattern: str, path: str) -> re.Pattern[str]:
    """Matches folders; `{name}` captures within one part of a path. Raises CopyError."""
    out, at = [], 0
    for capture in _CAPTURE.finditer(path):
        if not _CAPTURE_NAME.fullmatch(capture[1]):
            raise CopyError(f'pathPattern "{pattern}": capture variable "{capture[1]}" must be a valid capture name')
        out += [re.escape(path[at : capture.start()]), f"(?P<{capture[1]}>[^/]+)"]
        at = capture.end()
    out.append(re.escape(path[at:]))
    try:
        return re.compile("".join(out))
    except re.error:
        raise CopyError(f'pathPattern "{pattern}": a capture variable is there twice') from None


def _filled(template: Obj, captured: Mapping[str, str]) -> Obj:
    def fill(text: str, *, lower: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            if match[1] not in captured:
                cause = f'capture variable "{match[1]}" is not defined by pathPattern'
                raise CopyError(f'invalid template "{text}": {cause}')
            found = captured[match[1]]
            return found.lower() if lower else found

        return _CAPTURE.sub(value, text)

    copies = [
        {**copy, "from": fill(str(copy.get("from", ""))), "to": fill(str(copy.get("to", "")))}
        for copy in template.get("copy") or []
    ]
    return {**template, "name": fill(str(template.get("name", "")), lower=True), "copy": copies}
