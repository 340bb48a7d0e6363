"""GitHub and GitHub Enterprise."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pyflux.bootstrap.providers.base import (
    DeployKey,
    Finding,
    Host,
    Repository,
    Target,
    check_owner,
    highest,
    web_base,
)
from pyflux.bootstrap.providers.rest import ApiError, Rest
from pyflux.git.auth import Auth

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.bootstrap.providers.githubapp import AppIdentity

_REPO = "the scope repo (fine-grained tokens: Contents and Metadata)"
_ADMIN = "the scope repo and admin rights on the repository (fine-grained tokens: Administration, read and write)"
_TEAMS = "the scopes repo and admin:org (fine-grained tokens: Administration, and Members of the organization)"
_VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_WITH_PERMISSIONS = {"Accept": "application/vnd.github.v3.repository+json"}


def api_base(hostname: str) -> str:
    """Where the REST API of a host is."""
    return "https://api.github.com" if hostname == "github.com" else f"{web_base(hostname)}/api/v3"


class GitHub(Host):
    """A repository on GitHub, with a token or as a GitHub App."""

    title = "GitHub"

    def __init__(
        self,
        target: Target,
        token: str,
        *,
        ca: bytes = b"",
        sleep: Callable[[float], None] = time.sleep,
        app: AppIdentity | None = None,
        api: str = "",
    ) -> None:
        """`api` overrides the address of the REST API, for tests."""
        headers = {**_VERSION, "Authorization": f"Bearer {token}"}
        base = api or api_base(target.hostname)
        super().__init__(target, token, Rest(self.title, base, headers, ca=ca, secrets=(token,), sleep=sleep), ca)
        self._app = app
        self._path = f"/repos/{quote(target.owner, safe='')}/{quote(target.repository, safe='')}"

    def git_auth(self) -> Auth:
        auth = super().git_auth()
        return replace(auth, username="x-access-token") if self._app is not None else auth

    def find(self) -> Repository | None:
        what = f"looking up the repository {self.slug}"
        answer = self.rest.call("GET", self._path, what=what, needs=_REPO, absent=True)
        return None if answer.status == 404 else _repository(answer.data)

    def create(self) -> Repository:
        target = self.target
        what = f"creating the repository {self.slug}"
        body: dict[str, Any] = {
            "name": target.repository,
            "private": target.visibility != "public",
            "auto_init": False,
        }
        if not target.personal:
            body["visibility"] = target.visibility
            path = f"/orgs/{quote(target.owner, safe='')}/repos"
            needs = "the scope repo and the right to create repositories in the organization"
            return _repository(self.rest.call("POST", path, body, what=what, needs=needs).data)
        check_owner(target, str(self._user()[0].get("login", "")), what)
        return _repository(self.rest.call("POST", "/user/repos", body, what=what, needs=_REPO).data)

    def _user(self) -> tuple[dict[str, Any], dict[str, str]]:
        answer = self.rest.call("GET", "/user", what="looking up the token's user")
        return answer.data or {}, answer.headers

    def update(self, repository: Repository) -> bool:
        if repository.visibility == self.target.visibility:
            return False
        body = {"private": self.target.visibility != "public", "visibility": self.target.visibility}
        self.rest.call("PATCH", self._path, body, what=f"updating the repository {self.slug}", needs=_ADMIN)
        return True

    def _team(self, team: str) -> str:
        return f"/orgs/{quote(self.target.owner, safe='')}/teams/{quote(team, safe='')}{self._path}"

    def permission(self, team: str) -> str:
        what = f"looking up the access of team {team}"
        answer = self.rest.call(
            "GET", self._team(team), what=what, needs=_TEAMS, absent=True, headers=_WITH_PERMISSIONS
        )
        if answer.status == 404 or not answer.data:
            return ""
        return highest(answer.data.get("permissions") or {})

    def grant(self, team: str, permission: str) -> None:
        what = f"giving team {team} access"
        self.rest.call("PUT", self._team(team), {"permission": permission}, what=what, needs=_TEAMS)

    def keys(self) -> list[DeployKey]:
        found = self.rest.pages(f"{self._path}/keys", what="listing deploy keys", needs=_ADMIN)
        return [
            DeployKey(str(key["id"]), key["title"], " ".join(key["key"].split()[:2]), bool(key.get("read_only")))
            for key in found
        ]

    def add_key(self, title: str, value: str, *, read_only: bool) -> None:
        body = {"title": title, "key": value, "read_only": read_only}
        try:
            self.rest.call("POST", f"{self._path}/keys", body, what=f"adding the deploy key {title}", needs=_ADMIN)
        except ApiError as why:
            if "deploy keys are disabled" in why.message.lower():
                why.hint = "allow deploy keys in the settings of the organization, or pass --token-auth"
            elif "already in use" in why.message.lower():
                why.hint = "the same key is at another repository: remove it there"
            raise

    def remove_key(self, key: DeployKey) -> None:
        what = f"removing the deploy key {key.title}"
        self.rest.call("DELETE", f"{self._path}/keys/{key.identifier}", what=what, needs=_ADMIN, absent=True)

    def pull_request(self, head: str, base: str) -> str:
        query = {"state": "open", "head": f"{self.target.owner}:{head}", "base": base}
        answer = self.rest.call("GET", f"{self._path}/pulls", query=query, what="listing pull requests", needs=_REPO)
        return str(answer.data[0]["html_url"]) if answer.data else ""

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> str:
        request = {"head": head, "base": base, "title": title, "body": body}
        needs = "the scope repo (fine-grained tokens: Pull requests, read and write)"
        what = f"opening a pull request for {base}"
        answer = self.rest.call("POST", f"{self._path}/pulls", request, what=what, needs=needs)
        return str(answer.data["html_url"])

    def identity(self) -> list[Finding]:
        if self._app is not None:
            return [Finding(True, f"GitHub App {self._app.app_id} is installed for {self.target.owner}")]
        user, headers = self._user()
        findings = [Finding(True, f"the token belongs to {user.get('login')}")]
        if "x-oauth-scopes" not in headers:
            text = "a fine-grained token: GitHub does not say what it may do before it does it"
            return [*findings, Finding(True, text)]
        scopes = {scope.strip() for scope in headers["x-oauth-scopes"].split(",") if scope.strip()}
        wanted = {"repo"} if self.target.visibility != "public" else {"public_repo"}
        if self.target.teams and not self.target.personal:
            wanted.add("admin:org")
        for scope in sorted(wanted):
            if scope in scopes or (scope == "public_repo" and "repo" in scopes):
                findings.append(Finding(True, f"the token has the scope {scope}"))
            else:
                findings.append(Finding(False, f"the token lacks the scope {scope}", "add it at the token's page"))
        return findings

    def push_rule(self) -> Finding | None:
        branch = self.target.branch
        path = f"{self._path}/branches/{quote(branch, safe='')}"
        data = self.rest.call("GET", path, what=f"looking up the branch {branch}", absent=True).data or {}
        if not data.get("protected"):
            return None
        # whether the rules let this token through GitHub tells to administrators only
        return Finding(True, f"the branch {branch} is protected: where a push is refused, pass --pull-request")

    def can_create(self) -> list[Finding]:
        owner = self.target.owner
        if self.target.personal:
            return []
        answer = self.rest.call(
            "GET", f"/orgs/{quote(owner, safe='')}", what=f"looking up the organization {owner}", absent=True
        )
        if answer.status == 404:
            return [Finding(False, f"there is no organization {owner}", "check --owner, or pass --personal for a user")]
        allowed = answer.data.get("members_can_create_repositories")
        if allowed is False:
            text = f"members of {owner} may not create repositories"
            return [Finding(False, text, "have an owner create it, or change the organization's setting")]
        return []


def _repository(data: Any) -> Repository:
    may = data.get("permissions") or {}
    return Repository(
        visibility=str(data.get("visibility") or ("private" if data.get("private") else "public")),
        default_branch=str(data.get("default_branch") or ""),
        archived=bool(data.get("archived")),
        can_push=bool(may.get("push", True)),
        can_admin=bool(may.get("admin", True)),
    )
