"""The encrypted files that a kustomization reads, found as kustomize-controller finds them, for a build in the clear.

Only files of secret generators and of patches are looked at. What they become is never written into the checkout.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.render.overlay import BuildError, find
from pyflux.render.sops import MAX_FILE, format_of, is_encrypted_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Decrypt = Callable[[str, str], bytes | None]
    """(path, format) to the content in the clear, None for a file that is not encrypted; raises BuildError"""


class Clear(NamedTuple):
    """What a build is to see in the place of encrypted files; paths are below the root of the checkout."""

    files: dict[str, bytes]
    folders: set[str]
    """Every folder that the build comes through."""


def find_encrypted(root: str, path: str, content: dict[str, Any], decrypt: Decrypt) -> Clear:
    """The files that the folder `path` below `root`, whose kustomization is `content`, reads and that are encrypted.

    Raises BuildError. What does not exist is left for kustomize to complain about.
    """
    search = _Search(os.path.normpath(root), decrypt)
    search.visit(os.path.normpath(path) if path else "", content)
    return Clear(search.files, search.folders if search.files else set())


class _Search:
    def __init__(self, root: str, decrypt: Decrypt) -> None:
        self._root = root
        self._decrypt = decrypt
        self._seen: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()

    def visit(self, folder: str, content: dict[str, Any]) -> None:
        self.folders.add(folder)
        for generator in _mappings(content.get("secretGenerator")):
            for entry in _texts(generator.get("files")):
                key, _, file = entry.partition("=")
                self._file(folder, file or key, format_of(key))
            for entry in _texts(generator.get("envs")):
                kind = format_of(entry)
                self._file(folder, entry, "dotenv" if kind == "binary" else kind)
        for patch in _mappings(content.get("patches")):
            if isinstance(patch.get("path"), str) and "://" not in patch["path"]:
                self._file(folder, patch["path"], format_of(patch["path"]))
        for entry in (*_texts(content.get("resources")), *_texts(content.get("components"))):
            below = os.path.normpath(os.path.join(folder, entry))
            full = os.path.join(self._root, below)
            if below not in self.folders and not _leaves(below) and os.path.isdir(full):
                self._folder(below, full)

    def _folder(self, below: str, full: str) -> None:
        from pyflux.ui.yamlin import YamlError, load

        name = find(full)
        if not name:
            return
        try:
            with open(os.path.join(full, name), "rb") as file:
                content = load(file.read(), strict=False)
        except (OSError, YamlError):
            return
        self.visit(below, content if isinstance(content, dict) else {})

    def _file(self, folder: str, entry: str, kind: str) -> None:
        path = os.path.normpath(os.path.join(folder, entry))
        full = os.path.join(self._root, path)
        if path in self._seen or _leaves(path) or not os.path.isfile(full):
            return
        self._seen.add(path)
        try:
            clear = self._decrypt(full, kind)
        except BuildError as why:
            shown = full if self._root == os.sep else path
            raise BuildError(f"error decrypting sources: {shown}: {why.message}", hint=why.hint) from None
        if clear is not None:
            self.files[path] = clear


def unmarked(path: str, kind: str) -> bytes | None:
    """What is left of an encrypted file for those without its key: the same, less what SOPS added for itself.

    So a build has the right objects and keys, and values that differ where the secrets do.
    """
    from pyflux.ui.yamlin import YamlError, load_all
    from pyflux.ui.yamlout import dump

    with open(path, "rb") as file:
        text = file.read(MAX_FILE)
    if not is_encrypted_text(text, kind):
        return None
    if kind == "dotenv":
        return b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"sops_"))
    if kind not in ("yaml", "json"):
        return None
    try:
        documents = load_all(text, strict=False)
    except YamlError:
        return None
    for document in documents:
        if isinstance(document, dict):
            document.pop("sops", None)
    return "---\n".join(map(dump, documents)).encode()


def _leaves(path: str) -> bool:
    """True for a path out of the checkout, which the build refuses anyway."""
    return path == ".." or path.startswith("../") or os.path.isabs(path)


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _mappings(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
