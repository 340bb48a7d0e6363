"""What a kustomization may reach: nothing outside the checkout, nothing on the network unless allowed, nothing huge.

kustomize itself would read any file that the user can. So every reference is followed here first, through bases and
components, as kustomize would resolve it. What does not exist is left for kustomize to complain about.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.render.overlay import FILE_NAMES, BuildError, find

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FILE = 50 << 20
MAX_TOTAL = 200 << 20
MAX_FOLDERS = 20_000

_FILE_LISTS = ("crds", "configurations")
_PATCH_LISTS = ("patches", "patchesJson6902", "replacements")
_PLUGIN_LISTS = ("generators", "transformers", "validators")
_READING_KEYS = frozenset(("path", "paths", "files", "envs", "env", "file", "resources", "bases", "components"))
_NAMES = {
    name.casefold(): name
    for name in (
        *("resources", "bases", "components", "patchesStrategicMerge", "configMapGenerator", "secretGenerator"),
        *("openapi", "path", "files", "envs", "env", *_FILE_LISTS, *_PATCH_LISTS, *_PLUGIN_LISTS),
    )
}
_ANCHOR = re.compile(rb"(?:^|[\s\[{,:-])&\w")
_ALIAS = re.compile(rb"(?:^|[\s\[{,:-])\*\w")
_FETCHED = ("http://", "https://")
_REPOSITORY = (
    "git::",
    "gh:",
    "ssh://",
    "git://",
    "https://",
    "http://",
    "file://",
    "git@",
    "github.com/",
    "github.com:",
)


class Reach(NamedTuple):
    """Real paths of what a build reads."""

    files: frozenset[str]
    folders: frozenset[str]
    """Those that are built."""


def check(
    root: str,
    directory: str,
    content: dict[str, Any],
    *,
    allow_remote: bool = False,
    allow_links: bool = True,
    need: Callable[[str], None] | None = None,
) -> Reach:
    """Raises BuildError where building `content` in `directory` would leave `root` or its bounds.

    `content` is the folder's kustomization file as it will be built. Links within `root` are followed, unless
    `allow_links` says that the build will not find them. `need` is told each path before it is looked at: files may be
    put there only then.
    """
    guard = _Guard(root, allow_remote, allow_links, need or _nothing)
    guard.inside(directory)
    guard.visit(directory, content)
    return Reach(frozenset(guard.files), frozenset(guard.seen))


def _nothing(_path: str) -> None:
    """Everything is there."""


class _Guard:
    def __init__(self, root: str, allow_remote: bool, allow_links: bool, need: Callable[[str], None]) -> None:
        self.need = need
        self.given = root
        self.root = os.path.realpath(root)
        self.allow_remote = allow_remote
        self.allow_links = allow_links
        self.seen: set[str] = set()
        self.files: set[str] = set()
        self.total = 0
        self._folders: dict[str, str] = {}
        self._plugins: set[tuple[str, str]] = set()

    def real(self, path: str) -> str:
        """`os.path.realpath`, which looks at each folder of a large repository once."""
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = os.path.realpath(folder)
        full = os.path.join(known, name)
        return os.path.realpath(full) if os.path.islink(full) else full

    def visit(self, directory: str, content: dict[str, Any]) -> None:
        self.seen.add(self.real(directory))
        if len(self.seen) > MAX_FOLDERS:
            raise BuildError(f"the build spans more than {MAX_FOLDERS} folders")
        for name in FILE_NAMES:
            # kustomize refuses a folder with two of them
            full = os.path.join(directory, name)
            if os.path.isfile(full):
                self.inside(full)
                self.measure(full)
        content = _own_names(content)
        for field in ("resources", "bases", "components"):
            for entry in _texts(content.get(field)):
                self.entry(directory, entry)
        for field in _FILE_LISTS:
            for entry in _texts(content.get(field)):
                self.file(directory, entry)
        for entry in _texts(content.get("patchesStrategicMerge")):
            if "\n" not in entry:
                self.file(directory, entry)
        for field in _PATCH_LISTS:
            for item in _mappings(content.get(field)):
                self.file(directory, item.get("path"))
        for field in ("configMapGenerator", "secretGenerator"):
            for item in _mappings(content.get(field)):
                self.sources(directory, item)
        schema = content.get("openapi")
        if isinstance(schema, dict):
            self.file(directory, schema.get("path"))
        for field in _PLUGIN_LISTS:
            for entry in _texts(content.get(field)):
                self.plugin(directory, entry)

    def sources(self, directory: str, item: dict[str, Any]) -> None:
        for entry in _texts(item.get("files")):
            self.file(directory, entry.partition("=")[2] or entry)
        for entry in _texts(item.get("envs")):
            self.file(directory, entry)
        self.file(directory, item.get("env"))

    def entry(self, directory: str, entry: str) -> None:
        """A resource, base or component: a file, a folder with a kustomization, or something to fetch."""
        full = os.path.join(directory, entry)
        self.need(full)
        self.found(full)
        if not os.path.exists(full) or entry.startswith(_FETCHED):
            if not self.allow_remote and (entry.lower().startswith(_REPOSITORY) or "?ref=" in entry or "://" in entry):
                raise BuildError(f"remote base '{entry}' is not allowed")
            return
        self.inside(full)
        if not os.path.isdir(full):
            self.measure(full)
        elif self.real(full) not in self.seen:
            name = find(full)
            if name:
                self.visit(full, self.load(os.path.join(full, name)))

    def file(self, directory: str, entry: object) -> None:
        if not isinstance(entry, str) or not entry:
            return
        if entry.startswith(_FETCHED):
            if not self.allow_remote:
                raise BuildError(f"remote file '{entry}' is not allowed")
            return
        full = os.path.join(directory, entry)
        self.need(full)
        self.found(full)
        if os.path.exists(full):
            self.inside(full)
            self.measure(full)

    def plugin(self, directory: str, entry: str) -> None:
        """A generator, transformer or validator: a folder, a file of configurations, or one in place."""
        inline = [found for found in _documents(entry.encode("utf-8", "replace")) if isinstance(found, (dict, list))]
        if inline or "\n" in entry:
            for config in inline:
                self.config(directory, config, "")
            return
        full = os.path.join(directory, entry)
        self.entry(directory, entry)
        if os.path.isdir(full) and (self.real(directory), self.real(full)) not in self._plugins:
            self._plugins.add((self.real(directory), self.real(full)))
            known, self.seen, self.files = (self.seen, self.files), set(), set()
            self.seen.add(self.real(directory))
            self.entry(directory, entry)
            for path in sorted(self.files):
                for config in self.documents(path):
                    # patches may put any text anywhere
                    self.config(directory, config, "", every=True)
            self.seen, self.files = self.seen | known[0], self.files | known[1]
        elif os.path.isfile(full):
            for config in self.documents(full):
                self.config(directory, config, "")

    def documents(self, path: str) -> list[Any]:
        """Raises BuildError for what kustomize might read in another way; the user's own is his to know."""
        with open(path, "rb") as file:
            content = file.read(MAX_FILE)
        return _documents(content, "" if self.root == os.sep else self.shown(self.real(path)))

    def config(self, directory: str, value: object, key: str, *, every: bool = False) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                self.config(directory, item, name.casefold(), every=every)
        elif isinstance(value, list):
            for item in value:
                self.config(directory, item, key, every=every)
        elif isinstance(value, str) and value and "\n" not in value and (every or key in _READING_KEYS):
            for path in {value, value.partition("=")[2]}:
                self.file(directory, path)

    def inside(self, path: str) -> None:
        real = self.real(path)
        if real != self.root and not real.startswith(self.root.rstrip("/") + "/"):
            raise BuildError(f"path '{os.path.normpath(path)}' is not in or below '{self.root}'")
        if not self.allow_links and real != os.path.normpath(os.path.join(self.root, self.below(path))):
            raise BuildError(f"{self.below(path)} is reached over a symbolic link, and a source's artifact holds none")

    def shown(self, real: str) -> str:
        return real if self.root == os.sep else os.path.relpath(real, self.root)

    def below(self, path: str) -> str:
        return os.path.relpath(path, self.given)

    def found(self, path: str) -> None:
        """Refuses a link to nothing where links are refused."""
        if not self.allow_links and os.path.islink(path) and not os.path.exists(path):
            raise BuildError(f"{self.below(path)} is a symbolic link to nothing")

    def measure(self, path: str) -> None:
        real = self.real(path)
        if real in self.files or not os.path.isfile(real):
            return
        size = os.path.getsize(real)
        self.files.add(real)
        self.total += size
        if size > MAX_FILE:
            raise BuildError(f"{self.shown(real)} is {size} bytes long, at most {MAX_FILE} are read")
        if self.total > MAX_TOTAL:
            raise BuildError(f"the files of one build are larger than {MAX_TOTAL} bytes together")
        if real.endswith((".yaml", ".yml")):
            self.aliases(real)

    def aliases(self, path: str) -> None:
        """kustomize would write out every alias of a YAML file, however many there are then."""
        with open(path, "rb") as file:
            text = file.read()
        if b"*" not in text or not (_ANCHOR.search(text) and _ALIAS.search(text)):
            return
        from pyflux.ui.yamlin import YamlError, load_all

        try:
            load_all(text, strict=False)
        except YamlError as error:
            if "aliasing" in error.message:
                raise BuildError(f"{self.shown(path)}: {error.message}") from None
            # other mistakes are kustomize's to report

    def load(self, path: str) -> dict[str, Any]:
        documents = self.documents(path)
        return documents[0] if documents and isinstance(documents[0], dict) else {}


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _mappings(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _own_names(content: dict[str, Any]) -> dict[str, Any]:
    """A kustomization with its fields as they are spelled here: kustomize takes them in any case."""
    found = _renamed(content)
    for name, value in found.items():
        if isinstance(value, list):
            found[name] = [_renamed(item) if isinstance(item, dict) else item for item in value]
    if isinstance(found.get("openapi"), dict):
        found["openapi"] = _renamed(found["openapi"])
    return found


def _renamed(mapping: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        name = _NAMES.get(key.casefold(), key)
        if name in found:
            raise BuildError(f"the field {name} is there twice")
        found[name] = value
    return found


def _documents(text: bytes, name: str = "") -> list[Any]:
    """The documents of a text; none where it is no YAML, which raises BuildError for a file with a `name`."""
    from pyflux.ui.yamlin import YamlError, load_all

    try:
        return load_all(text, strict=False)
    except YamlError as why:
        if name:
            raise BuildError(f"{name}: {why.message}") from None
        # kustomize reads the same text next and says what is wrong with it
        return []
