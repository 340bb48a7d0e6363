"""A private view of a shared checkout with another kustomization.yaml in one folder; the checkout stays as it is.

The folder is real, its files are links, so a view costs as much as the folder has entries. Neighbouring folders are
linked only where the build may look at them. Files in the clear are seen in the place of encrypted ones.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyflux.render.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.render.sopsfiles import Clear


@contextmanager
def view(
    root: str, path: str, overlay: Overlay, *, clear: Clear | None = None, tmp: str | None = None
) -> Iterator[str]:
    """The folder `path` (below `root`, empty for the root itself) with the overlay's file in it, while in use."""
    text = json.dumps(overlay.content)
    private = tempfile.mkdtemp(prefix="kustomization-", dir=tmp)
    try:
        if clear is not None and clear.files:
            folder = _folders_in_clear(root, path, private, clear)
        else:
            folder = _folders(root, path, private, neighbours=".." in text)
            _link(os.path.join(root, path), folder, {overlay.name})
        _write(os.path.join(folder, overlay.name), text.encode())
        yield folder
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _folders(root: str, path: str, private: str, *, neighbours: bool) -> str:
    source, target = root, private
    for part in [part for part in path.split("/") if part]:
        if neighbours:
            _link(source, target, {part})
        source, target = os.path.join(source, part), os.path.join(target, part)
        os.mkdir(target)
    return target


def _folders_in_clear(root: str, path: str, private: str, clear: Clear) -> str:
    """Makes every folder that the build comes through: behind a link, it would see the checkout's own files."""
    path = os.path.normpath(path) if path else ""
    folders = {""}
    for folder in (path, *clear.folders, *map(os.path.dirname, clear.files)):
        while folder and folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    for folder in sorted(folders):
        target = os.path.join(private, folder)
        os.makedirs(target, mode=0o700, exist_ok=True)
        made = {os.path.basename(path) for path in (*folders, *clear.files) if path and os.path.dirname(path) == folder}
        _link(os.path.join(root, folder), target, made)
    for name, content in clear.files.items():
        _write(os.path.join(private, name), content)
    return os.path.join(private, path) if path else private


def _write(path: str, content: bytes) -> None:
    if os.path.islink(path):
        os.unlink(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _link(source: str, target: str, leave: set[str]) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name not in leave:
                os.symlink(os.path.abspath(entry.path), os.path.join(target, entry.name))
