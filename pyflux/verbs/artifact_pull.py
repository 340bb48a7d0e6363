"""`pyflux pull artifact`, `pyflux list artifacts` and `pyflux diff artifact`."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from typing import TYPE_CHECKING

from pyflux.catalog.semver import Constraint, Version
from pyflux.errors import PyfluxError
from pyflux.oci import archive, reference
from pyflux.oci import artifact as content
from pyflux.verbs import artifact

if TYPE_CHECKING:
    from typing import IO

    from pyflux.env import Call, Env

_SIGNATURES = (".att", ".sbom", ".sig")
_READ = 1 << 20


def pull(env: Env, call: Call) -> None:
    """Extracts an artifact's files into the folder --output."""
    if not call.args:
        raise PyfluxError("artifact URL is required")
    output = call.str("output")
    if not output:
        raise PyfluxError("output path cannot be empty")
    if not os.path.isdir(output):
        why = "not a directory" if os.path.exists(output) else f"stat {output}: no such file or directory"
        raise PyfluxError(f'invalid output path "{output}": {why}')
    url = artifact.address(call, "artifact URL is required")
    target = reference.parse(url)
    with artifact.open_repository(env, call, target, insecure=call.bool("insecure-registry")) as repository:
        env.log.action(f"pulling artifact from {url}")
        manifest, found = content.find(repository, target)
        digest, size = content.layer_of(found)
        with tempfile.TemporaryFile(prefix="pyflux-artifact-") as layer:
            repository.blob(digest, size, layer)
            layer.seek(0)
            content.extract(layer, output)
    annotations = content.annotations_of(found)
    for word, key in (("source", content.SOURCE), ("revision", content.REVISION)):
        if annotations.get(key):
            env.log.success(f"{word} {annotations[key]}")
    env.log.success(f"digest {target.name}@{manifest.digest}")
    env.log.success(f"artifact content extracted to {output}")


def diff(env: Env, call: Call) -> None:
    """Compares an artifact with what --path would be pushed as; fails when they differ."""
    if not call.args:
        raise PyfluxError("artifact URL is required")
    path = call.str("path")
    if not path:
        raise PyfluxError('invalid path ""')
    url = artifact.address(call, "artifact URL is required")
    if not os.path.exists(path):
        raise PyfluxError(f"invalid path '{path}', must point to an existing directory or file")
    target = reference.parse(url)
    with artifact.open_repository(env, call, target, insecure=call.bool("insecure-registry")) as repository:
        with tempfile.TemporaryFile(prefix="pyflux-artifact-") as layer:
            try:
                archive.pack(path, layer, artifact.excluded(call))
            except PyfluxError as why:
                raise PyfluxError(f"building artifact failed: {why.message}", hint=why.hint) from why
            local = _digest_and_size(layer)
        _, found = content.find(repository, target)
    if content.layer_of(found) != local:
        raise PyfluxError("the remote artifact contents differs from the local one")
    env.log.success("no changes detected")


def _digest_and_size(file: IO[bytes]) -> tuple[str, int]:
    size = file.tell()
    file.seek(0)
    sha = hashlib.sha256()
    while block := file.read(_READ):
        sha.update(block)
    return f"sha256:{sha.hexdigest()}", size


def list_(env: Env, call: Call) -> None:
    """A table of a repository's tags and where they come from, the last by name first."""
    from pyflux.ui.table import table

    url = artifact.address(call, "artifact repository URL is required")
    try:
        target = reference.parse_repository(url)
    except PyfluxError as why:
        raise PyfluxError(f'listing tags failed: parsing repo "{url}": {why.message}') from None
    rows = []
    with artifact.open_repository(env, call, target, insecure=call.bool("insecure-registry")) as repository:
        try:
            tags = repository.tags()
        except PyfluxError as why:
            raise PyfluxError(f"listing tags failed: {why.message}", hint=why.hint) from why
        for tag in _wanted(call, sorted(tags, key=lambda tag: tag.encode(), reverse=True)):
            try:
                manifest = repository.manifest(target.with_tag(tag))
            except PyfluxError as why:
                raise PyfluxError(f"fetching manifest failed: {why.message}", hint=why.hint) from why
            annotations = content.annotations_of(manifest.content())
            source, revision = annotations.get(content.SOURCE, ""), annotations.get(content.REVISION, "")
            rows.append([f"{url}:{tag}", manifest.digest, source, revision])
    env.write(table(["artifact", "digest", "source", "revision"], rows))


def _wanted(call: Call, tags: list[str]) -> list[str]:
    """The tags that the filters let through; signatures and the like never."""
    found = [tag for tag in tags if not tag.endswith(_SIGNATURES)]
    wanted = call.str("filter-semver")
    if wanted:
        try:
            constraint = Constraint.parse(wanted)
        except ValueError as why:
            raise PyfluxError(f"semver '{wanted}' parse error: {why}") from None
        versions = {tag: Version.parse(tag) for tag in found if tag.count(".") >= 2}
        found = [tag for tag in found if (version := versions.get(tag)) and constraint.allows(version)]
    pattern = call.str("filter-regex")
    if pattern:
        try:
            matching = re.compile(pattern)
        except re.error as why:
            raise PyfluxError(f"regex '{pattern}' parse error: error parsing regexp: {why}") from None
        found = [tag for tag in found if matching.search(tag)]
    return found
