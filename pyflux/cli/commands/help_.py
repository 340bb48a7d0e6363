"""`pyflux help`."""

from __future__ import annotations

from pyflux.cli.model import Command

COMMAND = Command(
    "help",
    "Help about any command",
    long="Shows what a command does, its flags and examples.",
    example="""
pyflux help
pyflux help create source git
""",
    usage="[command]",
    run="pyflux.cli.help_page:run",
    hot=True,
)
