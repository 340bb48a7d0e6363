"""Bitbucket Server and Data Center."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pyflux.bootstrap.providers.base import DeployKey, Finding, Host, Repository, Target, web_base
from pyflux.bootstrap.providers.rest import ApiError, Rest
from pyflux.git.auth import Auth

if TYPE_CHECKING:
    from collections.abc import Callable

_READ = "read permission on the repository"
_ADMIN = "admin permission on the repository"
_PROJECT = "admin permission on the project"
_LEVELS = {"REPO_READ": "pull", "REPO_WRITE": "push", "REPO_ADMIN": "admin"}
_LEVEL_OF = {
    "pull": "REPO_READ",
    "triage": "REPO_READ",
    "push": "REPO_WRITE",
    "maintain": "REPO_ADMIN",
    "admin": "REPO_ADMIN",
}
_API = "/rest/api/1.0"
_KEYS = "/rest/keys/1.0"


class BitbucketServer(Host):
    """A repository of a project, or of a user, whose project key is ~NAME."""

    title = "Bitbucket Server"

    def __init__(
        self, target: Target, token: str, *, ca: bytes = b"", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        headers = {"Authorization": f"Bearer {token}", "X-Atlassian-Token": "no-check"}
        rest = Rest(self.title, web_base(target.hostname), headers, ca=ca, secrets=(token,), sleep=sleep)
        super().__init__(target, token, rest, ca)
        self._key = f"~{target.owner}" if target.personal else ""

    @property
    def key(self) -> str:
        """The project's key; --owner may be its key or its name."""
        if not self._key:
            self._key = self._find_key()
        return self._key

    def offline(self) -> None:
        self._key = self._key or self.target.owner

    def _find_key(self) -> str:
        owner = self.target.owner
        what = f"looking up the project {owner}"
        answer = self.rest.call("GET", f"{_API}/projects/{quote(owner, safe='')}", what=what, needs=_READ, absent=True)
        if answer.status == 200:
            return str(answer.data["key"])
        for project in self._pages(f"{_API}/projects", {"name": owner}, what):
            if project.get("name") == owner:
                return str(project["key"])
        raise ApiError(
            f"{what}: there is no project with that key or name, or the token may not see it",
            status=404,
            hint="create the project first, check --owner, or pass --personal for a user",
        )

    def _pages(self, path: str, query: dict[str, Any], what: str, needs: str = _READ) -> Iterator[Any]:
        start = 0
        while True:
            asked = {**query, "start": start, "limit": 100}
            data = self.rest.call("GET", path, query=asked, what=what, needs=needs).data or {}
            yield from data.get("values") or []
            if data.get("isLastPage", True):
                return
            start = int(data["nextPageStart"])

    @property
    def _path(self) -> str:
        return f"/projects/{quote(self.key, safe='~')}/repos/{quote(self._slug, safe='')}"

    @property
    def _slug(self) -> str:
        return self.target.repository.lower()

    @property
    def shown(self) -> str:
        return f"{web_base(self.target.hostname)}/{self.slug}"

    def https_url(self) -> str:
        return f"{web_base(self.target.hostname)}/scm/{self._url_key}/{self._slug}.git"

    def ssh_url(self, hostname: str = "") -> str:
        return f"ssh://git@{hostname or self.ssh_host}/{self._url_key}/{self._slug}"

    @property
    def _url_key(self) -> str:
        return self.key if self.target.personal else self.key.lower()

    def git_auth(self) -> Auth:
        return Auth(username=self._login(), password=self.token, ca=self.ca)

    def _login(self) -> str:
        return self.target.owner if self.target.personal else self.target.username

    def pull_login(self) -> tuple[str, str]:
        return self._login(), self.token

    def find(self) -> Repository | None:
        what = f"looking up the repository {self.slug}"
        answer = self.rest.call("GET", _API + self._path, what=what, needs=_READ, absent=True)
        return None if answer.status == 404 else self._repository(answer.data)

    def create(self) -> Repository:
        body = {
            "name": self.target.repository,
            "scmId": "git",
            "forkable": True,
            "public": self.target.visibility == "public",
            "defaultBranch": self.target.branch,
        }
        path = f"{_API}/projects/{quote(self.key, safe='~')}/repos"
        what = f"creating the repository {self.slug}"
        return self._repository(self.rest.call("POST", path, body, what=what, needs=_PROJECT).data)

    def _repository(self, data: Any) -> Repository:
        return Repository(
            visibility="public" if data.get("public") else "private",
            default_branch=str(data.get("defaultBranch") or ""),
            archived=bool(data.get("archived")),
            identifier=str(data.get("id", "")),
        )

    def update(self, repository: Repository) -> bool:
        if repository.visibility == self.target.visibility:
            return False
        body = {"public": self.target.visibility == "public"}
        self.rest.call("PUT", _API + self._path, body, what=f"updating the repository {self.slug}", needs=_ADMIN)
        return True

    def permission(self, team: str) -> str:
        what = f"looking up the access of group {team}"
        for entry in self._pages(f"{_API}{self._path}/permissions/groups", {"filter": team}, what, _ADMIN):
            if entry["group"]["name"] == team:
                return _LEVELS.get(entry["permission"], "")
        return ""

    def grant(self, team: str, permission: str) -> None:
        query = {"name": team, "permission": _LEVEL_OF[permission]}
        path = f"{_API}{self._path}/permissions/groups"
        self.rest.call("PUT", path, query=query, what=f"giving group {team} access", needs=_ADMIN)

    def keys(self) -> list[DeployKey]:
        found = self._pages(f"{_KEYS}{self._path}/ssh", {}, "listing access keys", _ADMIN)
        return [
            DeployKey(
                str(entry["key"]["id"]),
                str(entry["key"].get("label", "")),
                " ".join(entry["key"]["text"].split()[:2]),
                entry.get("permission") == "REPO_READ",
            )
            for entry in found
        ]

    def add_key(self, title: str, value: str, *, read_only: bool) -> None:
        # the label is the key's comment
        body = {
            "key": {"text": f"{value} {title}", "label": title},
            "permission": "REPO_READ" if read_only else "REPO_WRITE",
        }
        what = f"adding the access key {title}"
        self.rest.call("POST", f"{_KEYS}{self._path}/ssh", body, what=what, needs=_ADMIN)

    def remove_key(self, key: DeployKey) -> None:
        what = f"removing the access key {key.title}"
        path = f"{_KEYS}{self._path}/ssh/{key.identifier}"
        self.rest.call("DELETE", path, what=what, needs=_ADMIN, absent=True)

    def pull_request(self, head: str, base: str) -> str:
        query = {"state": "OPEN", "direction": "OUTGOING", "at": f"refs/heads/{head}"}
        for found in self._pages(f"{_API}{self._path}/pull-requests", query, "listing pull requests"):
            if found["toRef"]["id"] == f"refs/heads/{base}":
                return str(found["links"]["self"][0]["href"])
        return ""

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> str:
        request = {
            "title": title,
            "description": body,
            "fromRef": {"id": f"refs/heads/{head}"},
            "toRef": {"id": f"refs/heads/{base}"},
        }
        what = f"opening a pull request for {base}"
        answer = self.rest.call("POST", f"{_API}{self._path}/pull-requests", request, what=what, needs=_READ)
        return str(answer.data["links"]["self"][0]["href"])

    def identity(self) -> list[Finding]:
        what = "looking up the server"
        data = self.rest.call("GET", f"{_API}/application-properties", what=what).data or {}
        findings = [Finding(True, f"{data.get('displayName', 'Bitbucket')} {data.get('version', '')} answers")]
        # the server names the user of an accepted token in a header of every answer
        answer = self.rest.call("GET", f"{_API}/projects", query={"limit": 1}, what="logging in")
        user = answer.headers.get("x-ausername", "")
        return [*findings, Finding(True, f"the token belongs to {user}" if user else "the token is accepted")]

    def can_create(self) -> list[Finding]:
        try:
            return [Finding(True, f"the project {self.key} is there")]
        except ApiError as why:
            return [Finding(False, why.message, why.hint)]
