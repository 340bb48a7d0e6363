"""Gitea and Forgejo."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pyflux.bootstrap.providers.base import (
    DeployKey,
    Finding,
    Host,
    Repository,
    Target,
    branch_finding,
    check_owner,
    web_base,
)
from pyflux.bootstrap.providers.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Callable

_NEEDS_REPOSITORY = "the scope write:repository"
_NEEDS_ORGANIZATION = "the scopes write:organization and write:repository"
_TEAM_LEVELS = {"read": "pull", "write": "push", "admin": "admin", "owner": "admin"}


class Gitea(Host):
    """A repository on a Gitea or Forgejo server."""

    title = "Gitea"

    def __init__(
        self, target: Target, token: str, *, ca: bytes = b"", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        base = f"{web_base(target.hostname)}/api/v1"
        rest = Rest(self.title, base, {"Authorization": f"token {token}"}, ca=ca, secrets=(token,), sleep=sleep)
        super().__init__(target, token, rest, ca)
        self._path = f"/repos/{quote(target.owner, safe='')}/{quote(target.repository, safe='')}"

    def find(self) -> Repository | None:
        answer = self.rest.call(
            "GET", self._path, what=f"looking up the repository {self.slug}", needs=_NEEDS_REPOSITORY, absent=True
        )
        return None if answer.status == 404 else _repository(answer.data)

    def create(self) -> Repository:
        target = self.target
        body = {
            "name": target.repository,
            "private": target.visibility != "public",
            "auto_init": False,
            "default_branch": target.branch,
        }
        what = f"creating the repository {self.slug}"
        if not target.personal:
            path = f"/orgs/{quote(target.owner, safe='')}/repos"
            return _repository(self.rest.call("POST", path, body, what=what, needs=_NEEDS_ORGANIZATION).data)
        check_owner(target, str(self._user().get("login", "")), what)
        needs = "the scopes write:user and write:repository"
        return _repository(self.rest.call("POST", "/user/repos", body, what=what, needs=needs).data)

    def _user(self) -> Any:
        return self.rest.call("GET", "/user", what="looking up the token's user", needs="the scope read:user").data

    def update(self, repository: Repository) -> bool:
        if repository.visibility == self.target.visibility:
            return False
        body = {"private": self.target.visibility != "public"}
        what = f"updating the repository {self.slug}"
        self.rest.call("PATCH", self._path, body, what=what, needs=_NEEDS_REPOSITORY)
        return True

    def _team(self, team: str) -> str:
        return f"{self._path}/teams/{quote(team, safe='')}"

    def permission(self, team: str) -> str:
        answer = self.rest.call(
            "GET", self._team(team), what=f"looking up the access of team {team}", needs=_NEEDS_REPOSITORY, absent=True
        )
        return "" if answer.status == 404 else _TEAM_LEVELS.get(str(answer.data.get("permission")), "pull")

    def grant(self, team: str, permission: str) -> None:
        # a team's own permission counts for all of its repositories: there is none to pass along
        self.rest.call("PUT", self._team(team), what=f"giving team {team} access", needs=_NEEDS_REPOSITORY)

    def keys(self) -> list[DeployKey]:
        found = self.rest.pages(f"{self._path}/keys", what="listing deploy keys", needs=_NEEDS_REPOSITORY)
        return [
            DeployKey(str(key["id"]), key["title"], " ".join(key["key"].split()[:2]), bool(key.get("read_only")))
            for key in found
        ]

    def add_key(self, title: str, value: str, *, read_only: bool) -> None:
        body = {"title": title, "key": value, "read_only": read_only}
        self.rest.call(
            "POST", f"{self._path}/keys", body, what=f"adding the deploy key {title}", needs=_NEEDS_REPOSITORY
        )

    def remove_key(self, key: DeployKey) -> None:
        what = f"removing the deploy key {key.title}"
        path = f"{self._path}/keys/{key.identifier}"
        self.rest.call("DELETE", path, what=what, needs=_NEEDS_REPOSITORY, absent=True)

    def pull_request(self, head: str, base: str) -> str:
        what = "listing pull requests"
        for found in self.rest.pages(f"{self._path}/pulls", query={"state": "open"}, what=what):
            if found["head"]["ref"] == head and found["base"]["ref"] == base:
                return str(found["html_url"])
        return ""

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> str:
        request = {"head": head, "base": base, "title": title, "body": body}
        what = f"opening a pull request for {base}"
        answer = self.rest.call("POST", f"{self._path}/pulls", request, what=what, needs=_NEEDS_REPOSITORY)
        return str(answer.data["html_url"])

    def identity(self) -> list[Finding]:
        return [Finding(True, f"the token belongs to {self._user().get('login')}")]

    def push_rule(self) -> Finding | None:
        branch = self.target.branch
        path = f"{self._path}/branches/{quote(branch)}"
        data = self.rest.call("GET", path, what=f"looking up the branch {branch}", absent=True).data or {}
        if "user_can_push" not in data:
            return None
        return branch_finding(branch, bool(data.get("protected")), bool(data["user_can_push"]))

    def can_create(self) -> list[Finding]:
        if self.target.personal:
            return []
        owner = quote(self.target.owner, safe="")
        answer = self.rest.call(
            "GET", f"/orgs/{owner}", what=f"looking up the organization {self.target.owner}", absent=True
        )
        if answer.status == 404:
            remedy = "check --owner, or pass --personal for a user"
            return [Finding(False, f"there is no organization {self.target.owner}", remedy)]
        return []


def _repository(data: Any) -> Repository:
    may = data.get("permissions") or {}
    return Repository(
        visibility="private" if data.get("private") else "public",
        default_branch=str(data.get("default_branch") or ""),
        archived=bool(data.get("archived")),
        can_push=bool(may.get("push", True)),
        can_admin=bool(may.get("admin", True)),
    )
