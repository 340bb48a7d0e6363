"""Chart.yaml of a chart on disk, read without Helm: from an archive or a folder. Charts are untrusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pyflux.catalog import targz
from pyflux.catalog.semver import Version
from pyflux.errors import PyfluxError
from pyflux.ui.yamlin import YamlError, load

if TYPE_CHECKING:
    Obj = dict[str, Any]

CHART_FILE, VALUES_FILE = "Chart.yaml", "values.yaml"
MAX_CHART = 10 << 20
MAX_CHART_FILE = 5 << 20
_TEXTS = ("name", "version", "appVersion", "apiVersion", "kubeVersion", "description", "type")


class ChartError(PyfluxError):
    """What should be a chart is none."""


def metadata_of(path: str) -> Obj:
    """The chart's metadata, its name and version texts that are not empty. Raises ChartError."""
    return _metadata(_read_folder(path) if os.path.isdir(path) else _read_archive(path))


def _read_folder(path: str) -> bytes:
    full = os.path.join(path, CHART_FILE)
    try:
        if os.path.getsize(full) > MAX_CHART_FILE:
            raise ChartError(f"size of '{CHART_FILE}' exceeds '{MAX_CHART_FILE}' bytes limit")
        with open(full, "rb") as file:
            return file.read()
    except OSError as why:
        raise ChartError(f"open {full}: {(why.strerror or str(why)).lower()}") from None


def _read_archive(path: str) -> bytes:
    try:
        if os.path.getsize(path) > MAX_CHART:
            raise ChartError(f"size of chart '{os.path.basename(path)}' exceeds '{MAX_CHART}' bytes limit")
        with open(path, "rb") as file, targz.reading(file) as archive:
            for entry in archive:
                parts = [part for part in entry.name.split("/") if part not in ("", ".")]
                if len(parts) == 2 and parts[1] == CHART_FILE and entry.isreg():
                    if entry.size > MAX_CHART_FILE:
                        raise ChartError(f"size of '{entry.name}' exceeds '{MAX_CHART_FILE}' bytes limit")
                    text = archive.extractfile(entry)
                    assert text is not None
                    return text.read()
    except targz.UNREADABLE as why:
        raise ChartError(f"{os.path.basename(path)} is not a chart's archive: {why}") from None
    except OSError as why:
        raise ChartError(f"cannot read {path}: {why.strerror or why}") from None
    raise ChartError(f"no '{CHART_FILE}' found")


def _metadata(text: bytes) -> Obj:
    try:
        found = load(text, strict=False)
    except YamlError as why:
        raise ChartError(f"cannot load '{CHART_FILE}': {why}") from None
    if not isinstance(found, dict):
        raise ChartError(f"cannot load '{CHART_FILE}': it is not a mapping")
    for key in _TEXTS:
        if found.get(key) is not None:
            found[key] = str(found[key])
    found.setdefault("apiVersion", "v1")
    for key in ("name", "version"):
        if not found.get(key):
            raise ChartError(f"validation: chart.metadata.{key} is required")
    check_name(found["name"], found["version"])
    return found


def check_name(name: str, version: str) -> None:
    """Both become part of file names. Raises ChartError."""
    if os.path.basename(name) != name or "\\" in name or name in (".", ".."):
        raise ChartError(f'validation: chart.metadata.name "{name}" is invalid')
    if Version.parse(version) is None:
        raise ChartError(f'validation: chart.metadata.version "{version}" is invalid')
