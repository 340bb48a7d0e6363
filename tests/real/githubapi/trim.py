"""Cuts GitHub's API description down to the calls that bootstrap may make: python trim.py BIG.json SMALL.json

The whole description takes the validating server a minute to read.
"""

from __future__ import annotations

import json
import sys
from typing import Any

PATHS = (
    "/user",
    "/user/repos",
    "/orgs/{org}",
    "/orgs/{org}/repos",
    "/orgs/{org}/installation",
    "/users/{username}/installation",
    "/orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}",
    "/app/installations/{installation_id}/access_tokens",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/branches/{branch}",
    "/repos/{owner}/{repo}/keys",
    "/repos/{owner}/{repo}/keys/{key_id}",
    "/repos/{owner}/{repo}/pulls",
)


def references(value: Any) -> set[str]:
    """Every $ref in a JSON value."""
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(references(item) for item in value))
    return set()


def trim(description: dict[str, Any]) -> dict[str, Any]:
    """The description with `PATHS` and what they refer to."""
    paths = {path: description["paths"][path] for path in PATHS}
    kept: dict[str, dict[str, Any]] = {}
    open_, seen = references(paths), set()
    while open_:
        reference = open_.pop()
        seen.add(reference)
        section, name = reference.split("/")[2:]
        part = description["components"][section][name]
        kept.setdefault(section, {})[name] = part
        open_ |= references(part) - seen
    return {"openapi": description["openapi"], "info": description["info"], "paths": paths, "components": kept}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        small = trim(json.load(source))
    with open(sys.argv[2], "w", encoding="utf-8") as target:
        json.dump(small, target)
