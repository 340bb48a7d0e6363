"""GitLab, on gitlab.com or a server of one's own."""

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
from pyflux.bootstrap.providers.rest import ApiError, Rest

if TYPE_CHECKING:
    from collections.abc import Callable

_API = "the scope api"
_MAINTAINER = "the scope api and the role Maintainer in the project"
_LEVELS = {10: "pull", 20: "triage", 30: "push", 40: "maintain", 50: "admin"}
_LEVEL_OF = {name: level for level, name in _LEVELS.items()}


class GitLab(Host):
    """A project on GitLab."""

    title = "GitLab"

    def __init__(
        self, target: Target, token: str, *, ca: bytes = b"", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        base = f"{web_base(target.hostname)}/api/v4"
        headers = {"PRIVATE-TOKEN": token}
        super().__init__(target, token, Rest(self.title, base, headers, ca=ca, secrets=(token,), sleep=sleep), ca)
        self._path = f"/projects/{quote(self.slug, safe='')}"

    def _project(self, what: str) -> Any:
        answer = self.rest.call("GET", self._path, what=what, needs=_API, absent=True)
        return None if answer.status == 404 else answer.data

    @property
    def connecting(self) -> str:
        return web_base(self.target.hostname)

    def find(self) -> Repository | None:
        data = self._project(f"looking up the project {self.slug}")
        return None if data is None else _repository(data)

    def create(self) -> Repository:
        target = self.target
        what = f"creating the project {self.slug}"
        body: dict[str, Any] = {
            "name": target.repository,
            "path": target.repository,
            "visibility": target.visibility,
            "default_branch": target.branch,
            "initialize_with_readme": False,
        }
        if target.personal:
            check_owner(target, str(self._user().get("username", "")), what)
        else:
            body["namespace_id"] = self._group(target.owner, what)
        needs = "the scope api and the right to create projects in the group"
        return _repository(self.rest.call("POST", "/projects", body, what=what, needs=needs).data)

    def _user(self) -> Any:
        return self.rest.call("GET", "/user", what="looking up the token's user", needs="the scope read_user").data

    def _group(self, path: str, what: str) -> int:
        answer = self.rest.call(
            "GET",
            f"/groups/{quote(path, safe='')}",
            query={"with_projects": "false"},
            what=what,
            needs=_API,
            absent=True,
        )
        if answer.status == 404:
            raise ApiError(
                f"{what}: there is no group {path}, or the token may not see it",
                status=404,
                hint="create the group first, check --owner, or pass --personal for a user",
            )
        return int(answer.data["id"])

    def update(self, repository: Repository) -> bool:
        if repository.visibility == self.target.visibility:
            return False
        body = {"visibility": self.target.visibility}
        self.rest.call("PUT", self._path, body, what=f"updating the project {self.slug}", needs=_MAINTAINER)
        return True

    def _share(self, team: str) -> dict[str, Any] | None:
        data = self._project(f"looking up the access of group {team}") or {}
        for share in data.get("shared_with_groups") or []:
            if team in (share.get("group_full_path"), share.get("group_name")):
                found: dict[str, Any] = share
                return found
        return None

    def permission(self, team: str) -> str:
        share = self._share(team)
        return "" if share is None else _LEVELS.get(int(share["group_access_level"]), "")

    def grant(self, team: str, permission: str) -> None:
        what = f"giving group {team} access"
        share = self._share(team)
        if share is not None:
            # GitLab has no call that changes a share
            self.rest.call(
                "DELETE", f"{self._path}/share/{share['group_id']}", what=what, needs=_MAINTAINER, absent=True
            )
        body = {"group_id": self._group(team, what), "group_access": _LEVEL_OF[permission]}
        self.rest.call("POST", f"{self._path}/share", body, what=what, needs=_MAINTAINER)

    def keys(self) -> list[DeployKey]:
        found = self.rest.pages(f"{self._path}/deploy_keys", what="listing deploy keys", needs=_MAINTAINER)
        return [
            DeployKey(str(key["id"]), key["title"], " ".join(key["key"].split()[:2]), not bool(key.get("can_push")))
            for key in found
        ]

    def add_key(self, title: str, value: str, *, read_only: bool) -> None:
        body = {"title": title, "key": value, "can_push": not read_only}
        what = f"adding the deploy key {title}"
        self.rest.call("POST", f"{self._path}/deploy_keys", body, what=what, needs=_MAINTAINER)

    def remove_key(self, key: DeployKey) -> None:
        what = f"removing the deploy key {key.title}"
        path = f"{self._path}/deploy_keys/{key.identifier}"
        self.rest.call("DELETE", path, what=what, needs=_MAINTAINER, absent=True)

    def deploy_tokens(self, name: str) -> list[int]:
        """The ids of the project's valid deploy tokens of that name."""
        what = "listing deploy tokens"
        found = self.rest.pages(f"{self._path}/deploy_tokens", query={"active": "true"}, what=what, needs=_MAINTAINER)
        return [int(token["id"]) for token in found if token.get("name") == name and not token.get("revoked")]

    def remove_deploy_token(self, identifier: int) -> None:
        path = f"{self._path}/deploy_tokens/{identifier}"
        self.rest.call("DELETE", path, what="removing a deploy token", needs=_MAINTAINER, absent=True)

    def add_deploy_token(self, name: str) -> tuple[str, str]:
        """Makes a token that may read the repository; its user name and value, which GitLab shows only now."""
        body = {"name": name, "scopes": ["read_repository"]}
        what = f"adding the deploy token {name}"
        answer = self.rest.call("POST", f"{self._path}/deploy_tokens", body, what=what, needs=_MAINTAINER)
        return str(answer.data["username"]), str(answer.data["token"])

    def pull_request(self, head: str, base: str) -> str:
        query = {"state": "opened", "source_branch": head, "target_branch": base}
        answer = self.rest.call(
            "GET", f"{self._path}/merge_requests", query=query, what="listing merge requests", needs=_API
        )
        return str(answer.data[0]["web_url"]) if answer.data else ""

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> str:
        request = {"source_branch": head, "target_branch": base, "title": title, "description": body}
        what = f"opening a merge request for {base}"
        answer = self.rest.call("POST", f"{self._path}/merge_requests", request, what=what, needs=_API)
        return str(answer.data["web_url"])

    def identity(self) -> list[Finding]:
        findings = [Finding(True, f"the token belongs to {self._user().get('username')}")]
        answer = self.rest.call("GET", "/personal_access_tokens/self", what="looking up the token", absent=True)
        scopes = (answer.data or {}).get("scopes") if answer.status == 200 else None
        if scopes is None:
            return findings
        if "api" in scopes:
            return [*findings, Finding(True, "the token has the scope api")]
        return [*findings, Finding(False, "the token lacks the scope api", "make a token with the scope api")]

    def push_rule(self) -> Finding | None:
        branch = self.target.branch
        path = f"{self._path}/repository/branches/{quote(branch, safe='')}"
        data = self.rest.call("GET", path, what=f"looking up the branch {branch}", absent=True).data or {}
        if "can_push" not in data:
            return None
        return branch_finding(branch, bool(data.get("protected")), bool(data["can_push"]))

    def can_create(self) -> list[Finding]:
        if self.target.personal:
            return []
        try:
            self._group(self.target.owner, "looking up the group")
        except ApiError as why:
            return [Finding(False, why.message, why.hint)]
        return []


def _repository(data: Any) -> Repository:
    may = data.get("permissions") or {}
    levels = [int(access["access_level"]) for access in may.values() if access]
    level = max(levels) if levels else 50
    return Repository(
        visibility=str(data.get("visibility") or ""),
        default_branch=str(data.get("default_branch") or ""),
        archived=bool(data.get("archived")),
        can_push=level >= 30,
        can_admin=level >= 40,
        identifier=str(data.get("id", "")),
    )
