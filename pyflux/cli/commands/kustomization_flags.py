"""Flags that `build kustomization` and `diff kustomization` share."""

from __future__ import annotations

from pyflux.cli.model import Flag

LOCAL_SOURCES = Flag(
    "local-sources", "stringToString", "Folders that stand in for sources, as Kind/namespace/name=folder", default="[]"
)
BUILD_FLAGS = (
    Flag("decrypt", "bool", "Decrypt with the program sops and your own keys; prints secrets in the clear", extra=True),
    Flag("ignore-paths", "strings", "Paths to leave out, in .gitignore's form"),
    Flag("in-memory-build", "bool", "Accepted for flux's sake; the folder is never written to"),
    Flag("kustomization-file", "string", "File with the Flux Kustomization", complete="file"),
    Flag("path", "string", "Folder with the manifests", complete="file"),
    Flag("recursive", "bool", "Go on with the Kustomizations among the objects", short="r"),
    Flag("strict-substitute", "bool", "Fail for variables without a value or default"),
)
SHARED = frozenset(flag.name for flag in (*BUILD_FLAGS, LOCAL_SOURCES))
"""Names that the flags for whole repositories have too."""
