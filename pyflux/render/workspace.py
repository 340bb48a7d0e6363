"""A private view of a shared checkout with another kustomization.yaml in one folder; the checkout stays as it is.

The folder is real, its files are links, so a view costs as much as the folder has entries. Neighbouring folders are
linked only where the build may look at them.
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


@contextmanager
def view(root: str, path: str, overlay: Overlay, *, tmp: str | None = None) -> Iterator[str]:
    """The folder `path` (below `root`, empty for the root itself) with the overlay's file in it, while in use."""
    text = json.dumps(overlay.content)
    private = tempfile.mkdtemp(prefix="kustomization-", dir=tmp)
    try:
        folder = _folders(root, path, private, neighbours=".." in text)
        _link(os.path.join(root, path), folder, {overlay.name})
        with open(os.path.join(folder, overlay.name), "w", encoding="utf-8") as file:
            file.write(text)
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


def _link(source: str, target: str, leave: set[str]) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name not in leave:
                os.symlink(os.path.abspath(entry.path), os.path.join(target, entry.name))
