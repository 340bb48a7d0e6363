"""`pyflux plugin`."""

from pyflux.cli.model import Command

COMMAND = Command(
    "plugin",
    "Manage CLI plugins",
    long="A plugin NAME is a program flux-NAME or pyflux-NAME in the plugin folder ($FLUXCD_PLUGINS, or\n"
    "~/.fluxcd/plugins) or on PATH; it runs as `pyflux NAME`.",
    children=(
        Command(
            "install",
            "Install a plugin from the catalog",
            usage="<name>[@<version>|@<digest>]",
            args=(1, 1),
            run="pyflux.verbs.plugin:install",
            long="Downloads the plugin for this machine, checks it against the catalog's checksum and puts it\n"
            "in the plugin folder with a receipt. FLUXCD_PLUGIN_CATALOG names another catalog.",
            example="# The newest version\npyflux plugin install operator\n\n"
            "# One version\npyflux plugin install operator@0.45.0",
        ),
        Command(
            "list",
            "List installed plugins",
            aliases=("ls",),
            run="pyflux.cli.plugins:list_installed",
            long="Plugins that were put in the folder by hand have `manual` in the place of a version.",
            example="pyflux plugin list",
        ),
        Command(
            "search",
            "Search the plugin catalog",
            usage="[query]",
            args=(0, 1),
            run="pyflux.verbs.plugin:search",
            long="The query is looked for in names and descriptions.",
            example="pyflux plugin search operator",
        ),
        Command(
            "uninstall",
            "Remove an installed plugin",
            aliases=("delete",),
            usage="<name>",
            args=(1, 1),
            run="pyflux.verbs.plugin:uninstall",
            example="pyflux plugin uninstall operator",
        ),
        Command(
            "update",
            "Update installed plugins",
            aliases=("upgrade",),
            usage="[name]",
            args=(0, 1),
            run="pyflux.cli.plugins:update",
            long="Without a name, all that came from the catalog.",
            example="# One of them\npyflux plugin update operator\n\n# All\npyflux plugin update",
        ),
    ),
)
