"""The objects to install: the embedded release, another one, or a folder of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflux.catalog.components import VERSION, InstallOptions, render_components
from pyflux.catalog.components.customize import customize
from pyflux.env import Env
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from pyflux.verbs.install.releases import Files

_KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def install_objects(env: Env, options: InstallOptions, manifests: str) -> list[dict[str, Any]]:
    """The objects for `options`; `manifests` is the value of `--manifests`. Raises PyfluxError."""
    if manifests:
        return _from_path(Path(manifests), options)
    if options.version == VERSION:
        return render_components(options)
    from pyflux.verbs.install.download import fetch
    from pyflux.verbs.install.releases import cached_archive, read_archive

    return _from_release(read_archive(cached_archive(env, options.version, fetch)), options)


def _from_path(path: Path, options: InstallOptions) -> list[dict[str, Any]]:
    from pyflux.verbs.install.releases import ARCHIVE, read_archive, read_folder

    if path.is_file():
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PyfluxError(f"cannot read {path}: {error.strerror}") from error
        return _from_release(read_archive(data), options)
    if any((path / name).is_file() for name in _KUSTOMIZATION_FILES):
        return _build(path)
    if (path / "rbac.yaml").is_file():
        return _from_release(read_folder(path), options)
    raise PyfluxError(
        f"install failed: kustomization.yaml not found in {path}",
        hint=f"--manifests takes a release's {ARCHIVE}, a folder with its files, or a kustomization",
    )


def _build(path: Path) -> list[dict[str, Any]]:
    """A user's own overlay decides everything; the options only name the components to wait for."""
    from pyflux.render.kustomize import build
    from pyflux.render.manifests import read_objects

    return read_objects(build(str(path), "", {}, allow_remote=True))


def _from_release(files: Files, options: InstallOptions) -> list[dict[str, Any]]:
    missing = [name for name in ("rbac", "policies", *options.components) if name not in files]
    if missing:
        raise PyfluxError(f"the release has no {missing[0]}.yaml")
    components = {name: files[name] for name in options.components}
    return customize(files["policies"], files["rbac"], components, options)
