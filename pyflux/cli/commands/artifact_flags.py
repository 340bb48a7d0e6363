"""Flags that the artifact commands share."""

from __future__ import annotations

from pyflux.cli.model import Flag

CREDS = Flag("creds", "string", "Login for the registry, USER:PASSWORD or a token, with the provider generic")
PROVIDER = Flag(
    "provider", "generic|aws|azure|gcp", "Whose login to use", default="generic", complete="generic|aws|azure|gcp"
)
INSECURE = Flag("insecure-registry", "bool", "Talk to the registry without TLS, or without checking its certificate")
RESOLVE_SYMLINKS = Flag("resolve-symlinks", "bool", "Put what symbolic links point to in their place")
IGNORE = (
    Flag(
        "add-ignore-paths",
        "strings",
        "More paths to leave out, in .gitignore's form, beside those of --ignore-paths",
    ),
    Flag(
        "ignore-paths",
        "strings",
        "Paths to leave out, in .gitignore's form",
        default="[.git/,.gitignore,.gitmodules,.gitattributes,*.jpg,*.jpeg,*.gif,*.png,*.wmv,*.flv,*.tar.gz,*.zip]",
    ),
)
