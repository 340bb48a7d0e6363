"""`pyflux plugin install|list|search|update|uninstall`."""

from __future__ import annotations

from pyflux.errors import PyfluxError
from pyflux.verbs import plugin_catalog, plugin_folder, plugin_install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pyflux.env import Call, Env


def _version(version: dict[str, Any]) -> str:
    return str(version.get("version") or "")


def install(env: Env, call: Call) -> None:
    """Installs a plugin of the catalog: NAME, NAME@VERSION or NAME@sha256:HEX."""
    name, _, wanted = call.args[0].partition("@")
    manifest = plugin_catalog.fetch_manifest(env, name)
    if wanted.startswith("sha256:"):
        version, row = plugin_catalog.resolve_digest(manifest, wanted)
    else:
        version = plugin_catalog.resolve_version(manifest, wanted)
        found = plugin_catalog.resolve_platform(version)
        if found is None:
            system, arch = plugin_catalog.host_platform()
            raise PyfluxError(f'plugin "{name}" v{_version(version)} has no binary for {system}/{arch}')
        row = found
    folder = plugin_folder.ensure_folder(env.environ)
    _progress(env, f"installing {name} v{_version(version)}")
    plugin_install.install(env, folder, manifest, version, row)
    env.log.success(f"installed {name} v{_version(version)}")


def _progress(env: Env, text: str) -> None:
    # flux turns a spinner here, and shows it on a terminal only
    if env.fancy():
        env.log.waiting(text)


def show_installed(env: Env, builtin: Iterable[str]) -> None:
    """A table of the plugins in the plugin folder that no command of `builtin` hides."""
    from pyflux.ui.table import table

    rows = []
    for plugin in plugin_folder.installed(env.environ, builtin):
        known = plugin_folder.receipt(env, plugin.name)
        rows.append([plugin.name, _version(known) if known else "manual", plugin.path])
    if rows:
        env.write(table(["NAME", "VERSION", "PATH"], rows))
    else:
        env.write("No plugins found\n")


def search(env: Env, call: Call) -> None:
    """A table of the catalog's plugins whose name or description holds the query."""
    from pyflux.ui.table import table

    query = call.args[0].lower() if call.args else ""
    rows = []
    for entry in plugin_catalog.fetch_catalog(env):
        name, description = str(entry.get("name") or ""), str(entry.get("description") or "")
        if query in name.lower() or query in description.lower():
            known = plugin_folder.receipt(env, name) if plugin_catalog.is_plain_file_name(name) else None
            rows.append([name, description, _version(known) if known else ""])
    if rows:
        env.write(table(["NAME", "DESCRIPTION", "INSTALLED"], rows))
    else:
        env.write(f'No plugins matching "{query}" found in catalog\n' if query else "No plugins found in catalog\n")


def update_installed(env: Env, builtin: Iterable[str], name: str) -> None:
    """Updates the plugin called `name`, or all, to the catalog's newest version; failures do not stop the others."""
    plugins = plugin_folder.installed(env.environ, builtin)
    if not plugins:
        env.write("No plugins found\n")
        return
    if name:
        plugins = [plugin for plugin in plugins if plugin.name == name]
        if not plugins:
            raise PyfluxError(f'plugin "{name}" is not installed')
    folder = plugin_folder.ensure_folder(env.environ)
    for plugin in plugins:
        _update(env, folder, plugin.name)


def _update(env: Env, folder: str, name: str) -> None:
    known = plugin_folder.receipt(env, name)
    if known is None:
        env.log.warning(f"skipping {name} (manually installed)")
        return
    now = _version(known)
    try:
        manifest = plugin_catalog.fetch_manifest(env, name)
        newest = plugin_catalog.resolve_version(manifest, "")
        target = _version(newest)
        if now == target:
            env.log.success(f"{name} already up to date (v{now})")
            return
        row = plugin_catalog.resolve_platform(newest)
        if row is None:
            raise PyfluxError("no binary for {}/{}".format(*plugin_catalog.host_platform()))
    except PyfluxError as why:
        env.log.failure(f"error checking {name}: {why.message}")
        return
    _progress(env, f"updating {name} v{now} → v{target}")
    try:
        plugin_install.install(env, folder, manifest, newest, row)
    except PyfluxError as why:
        env.log.failure(f"error updating {name}: {why.message}")
        return
    env.log.success(f"updated {name} v{now} → v{target}")


def uninstall(env: Env, call: Call) -> None:
    """Removes a plugin and its receipt."""
    name = call.args[0]
    plugin_install.uninstall(plugin_folder.folder(env.environ), name)
    env.log.success(f"uninstalled {name}")
