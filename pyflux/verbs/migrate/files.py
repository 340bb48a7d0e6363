"""`migrate --path`: brings the API versions in manifests up to date, line by line, so that all else stays as it is."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pyflux.catalog import api
from pyflux.env import Env
from pyflux.errors import PyfluxError

Versions = dict[tuple[str, str], str]

_SAME_AS_NOW = ("2.9", "2.8", "2.7")
_OLDER: dict[str, dict[str, str | None]] = {
    # what was different then: the version of a kind, or None where the kind was not there
    "2.6": {
        "ImageRepository": "v1beta2",
        "ImagePolicy": "v1beta2",
        "ImageUpdateAutomation": "v1beta2",
        "ArtifactGenerator": None,
    }
}


@dataclass(frozen=True)
class Upgrade:
    """One line to change; `line` counts from 0."""

    line: int
    kind: str
    old: str
    new: str


def versions_of(release: str) -> Versions:
    """The version of each (group, kind) in a minor release such as 2.6; the newest for "". Raises PyfluxError."""
    supported = (*_SAME_AS_NOW, *_OLDER)
    if release and release not in supported:
        listed = ", ".join(supported)
        raise PyfluxError(f"version {release} is not supported, supported versions are: {listed}")
    older = _OLDER.get(release, {})
    versions = {(kind.group, kind.kind): older.get(kind.kind, kind.version) for kind in api.kinds()}
    return {key: version for key, version in versions.items() if version is not None}


def migrate_files(env: Env, path: str, extensions: list[str], versions: Versions, *, dry_run: bool, yes: bool) -> None:
    """Finds the manifests under `path`, asks, and rewrites them. Raises PyfluxError."""
    env.log.action("starting migration of custom resources")
    found = []
    for file in list_files(env, path, tuple(extensions)):
        upgrades = find_upgrades(env, file, _read(file), versions)
        if upgrades:
            found.append((file, upgrades))
            for upgrade in upgrades:
                where = f"{file}:{upgrade.line + 1}"
                env.log.generate(f"{where}: {upgrade.kind} {upgrade.old} -> {upgrade.new}")
    if not found:
        env.log.success("no custom resources found that require migration")
        return
    if dry_run:
        env.log.success("dry-run mode enabled, no changes will be made")
        return
    if not yes:
        from pyflux.ui.confirm import confirm

        if not confirm(env, "Are you sure you want to proceed with the above upgrades"):
            raise PyfluxError("migration cancelled, no file was changed")
    for file, upgrades in found:
        _rewrite(file, upgrade_text(_read(file), upgrades))
        env.log.success(f"file {file} migrated successfully")
    env.log.success("custom resources migrated successfully")


def list_files(env: Env, path: str, extensions: tuple[str, ...]) -> list[str]:
    """The regular files at or under `path` with one of `extensions`, in the order of their names."""
    clean = os.path.normpath(path)
    if PurePosixPath(clean).is_absolute() or clean.split("/")[0] == "..":
        raise PyfluxError(f"failed to stat path {clean}: it must be inside the current folder")
    try:
        mode = os.stat(clean).st_mode
    except OSError as error:
        raise PyfluxError(f"failed to stat path {clean}: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        return list(_walk(env, clean, extensions))
    if not clean.endswith(extensions):
        listed = ", ".join(extensions)
        raise PyfluxError(f"file {clean} does not match the specified extensions: {listed}")
    if not stat.S_ISREG(os.lstat(clean).st_mode):
        raise PyfluxError(f"file {clean} is irregular")
    return [clean]


def _walk(env: Env, folder: str, extensions: tuple[str, ...]) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise PyfluxError(f"failed to walk directory {folder}: {error.strerror}") from error
    for entry in entries:
        path = os.path.join(folder, entry.name) if folder != "." else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(env, path, extensions)
        elif path.endswith(extensions):
            if entry.is_file(follow_symlinks=False):
                yield path
            else:
                env.log.warning(f"skipping irregular file {path}")


def find_upgrades(env: Env, file: str, text: str, versions: Versions) -> list[Upgrade]:
    """The lines `apiVersion: …` followed by `kind: …` whose version is not that of `versions`."""
    lines = text.split("\n")
    upgrades = []
    for number, line in enumerate(lines):
        api_version = _value(line, "apiVersion: ")
        if api_version is None:
            continue
        if api_version.count("/") > 1:
            env.log.warning(f"{file}:{number + 1}: unexpected GroupVersion string: {api_version}")
            continue
        kind = _value(lines[number + 1], "kind: ") if number + 1 < len(lines) else None
        if kind is None:
            continue
        group, _, old = api_version.rpartition("/")
        new = versions.get((group, kind), old)
        if new != old:
            upgrades.append(Upgrade(number, kind, old, new))
    return upgrades


def upgrade_text(text: str, upgrades: list[Upgrade]) -> str:
    """`text` with the version of each upgrade put in its line; nothing else is touched."""
    lines = text.split("\n")
    for upgrade in upgrades:
        key, mark, value = lines[upgrade.line].partition("apiVersion: ")
        lines[upgrade.line] = key + mark + value.replace(f"/{upgrade.old}", f"/{upgrade.new}", 1)
    return "\n".join(lines)


def _value(line: str, key: str) -> str | None:
    """The first word after `key`, which may stand anywhere in the line; None without the key."""
    _, found, rest = line.partition(key)
    return rest.strip().split(" ")[0] if found else None


def _read(file: str) -> str:
    try:
        return Path(file).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise PyfluxError(f"failed to read file {file}: {error.strerror}") from error


def _rewrite(file: str, text: str) -> None:
    """Replaces the file in one step and keeps its mode, so that an interruption leaves the old one or the new."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".pyflux-", dir=os.path.dirname(file) or ".")
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))
        os.chmod(temporary, stat.S_IMODE(os.stat(file).st_mode))
        os.replace(temporary, file)
    except BaseException as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise PyfluxError(f"failed to write file {file}: {error.strerror}") from error
        raise
