"""Where plugins live: flux's plugin folder, the programs in it and the receipts of what was installed."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from pyflux.env import Env

PREFIX = "flux-"
OWN_PREFIX = "pyflux-"
_RESERVED = frozenset(("plugin", "help"))


class Plugin:
    """One plugin: the word that runs it and the program's path."""

    __slots__ = ("name", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path


def folder(environ: Mapping[str, str]) -> str:
    """The plugin folder: $FLUXCD_PLUGINS, or ~/.fluxcd/plugins; empty where there is no home."""
    chosen = environ.get("FLUXCD_PLUGINS", "")
    if chosen:
        return chosen
    home = environ.get("HOME", "")
    return os.path.join(home, ".fluxcd", "plugins") if home else ""


def ensure_folder(environ: Mapping[str, str]) -> str:
    """`folder`, made where it is the default one; a folder that the user named is the user's to make."""
    path = folder(environ)
    if path and not environ.get("FLUXCD_PLUGINS"):
        try:
            os.makedirs(path, mode=0o755, exist_ok=True)
        except OSError:
            pass  # a read-only home: writing into the folder says what is wrong
    return path


def is_program(path: str) -> bool:
    """True for a regular file, or a link to one, that may be executed."""
    try:
        info = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(info.st_mode) and bool(info.st_mode & 0o111)


def installed(environ: Mapping[str, str], builtin: Iterable[str]) -> list[Plugin]:
    """The plugins in the folder, by file name; those that a command of `builtin` hides are left out."""
    path = folder(environ)
    try:
        names = sorted(os.listdir(path)) if path else []
    except OSError:
        return []
    hidden = _RESERVED.union(builtin)
    found = []
    for file in names:
        name = file[len(PREFIX) :] if file.startswith(PREFIX) else ""
        if name and name not in hidden and is_program(os.path.join(path, file)):
            found.append(Plugin(name, os.path.join(path, file)))
    return found


def _candidates(environ: Mapping[str, str], word: str) -> Iterator[str]:
    places = [folder(environ)]
    places += [place for place in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(place)]
    for place in places:
        if place:
            yield os.path.join(place, OWN_PREFIX + word)
            yield os.path.join(place, PREFIX + word)


def find(environ: Mapping[str, str], word: str) -> str:
    """The program that `word` runs, from the plugin folder, then PATH; empty where there is none.

    Folders of PATH that are not absolute are left out: a program in the current folder is not a plugin.
    """
    if not word or word.startswith("-") or "/" in word or "\0" in word or word in _RESERVED:
        return ""
    return next((path for path in _candidates(environ, word) if is_program(path)), "")


def receipt_path(path: str, name: str) -> str:
    """Where the receipt of the plugin called `name` in the folder `path` is kept."""
    return os.path.join(path, f"{PREFIX}{name}.yaml")


def receipt(env: Env, name: str) -> dict[str, Any] | None:
    """What was installed as `name` (name, version, installedAt, platform), None for a plugin put there by hand."""
    from pyflux.ui.yamlin import load

    try:
        with open(receipt_path(folder(env.environ), name), encoding="utf-8") as file:
            found = load(file.read())
    except (OSError, ValueError):
        return None
    except Exception:  # a receipt that does not parse is no receipt
        return None
    return found if isinstance(found, dict) else None
