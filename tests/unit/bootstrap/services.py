"""Stateful stand-ins for hosting services, with faults on demand."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.real.gitrepos import BareRepository

TOKEN = "token-that-must-not-be-seen-0123456789"

Reply = tuple[int, Any]
Faulty = Callable[[int, str, str], "int | str | None"]
"""Gets a request's number, method and path; an HTTP status, "timeout", "reset" or "lost" (done, then reset)."""


@dataclass
class Request:
    """One request as it came in; `path` without the API's prefix."""

    method: str
    path: str
    query: str
    body: Any
    headers: dict[str, str]


@dataclass
class Stored:
    """One repository of the stand-in."""

    visibility: str
    default_branch: str = "main"
    archived: bool = False
    keys: list[dict[str, Any]] = field(default_factory=list)
    access: dict[str, Any] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)


class Service:
    """A service on loopback: `url` is its --hostname, `repositories` what it holds."""

    prefix = ""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repositories: dict[str, Stored] = {}
        self.login = "me"
        self.requests: list[Request] = []
        self.fault: Faulty = lambda _number, _method, _path: None
        self.headers: dict[str, str] = {}
        self._next = 100
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                service._answer(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def identifier(self) -> int:
        self._next += 1
        return self._next

    def store(self, slug: str, visibility: str) -> Stored:
        """A new, empty repository."""
        path = self.root / f"{slug}.git"
        if not path.exists():
            BareRepository.create(path)
        self.repositories[slug] = Stored(visibility)
        return self.repositories[slug]

    def bare(self, slug: str) -> BareRepository:
        return BareRepository(self.root / f"{slug}.git")

    # --- the wire ---

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        path = parts.path.removeprefix(self.prefix)
        number = len(self.requests)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append(Request(handler.command, path, parts.query, body, headers))
        fault = self.fault(number, handler.command, path)
        if isinstance(fault, int):
            self._send(handler, fault, {"message": f"made to fail with {fault}"})
            return
        if fault == "timeout":
            time.sleep(1.0)
            handler.close_connection = True
            return
        if fault == "reset":
            self._reset(handler)
            return
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not self.allowed(headers):
            self._send(handler, 401, {"message": "Bad credentials"})
            return
        status, data = self.handle(handler.command, path, query, body or {})
        if fault == "lost":
            self._reset(handler)
            return
        self._send(handler, status, data)

    @staticmethod
    def _reset(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True

    def _send(self, handler: BaseHTTPRequestHandler, status: int, data: Any) -> None:
        text = b"" if data is None else json.dumps(data).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **self.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def allowed(self, headers: dict[str, str]) -> bool:
        return TOKEN in headers.get("authorization", "") or headers.get("private-token") == TOKEN

    def handle(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        raise NotImplementedError


def matched(pattern: str, text: str) -> list[str] | None:
    """The parts of a path that `pattern` ({} for one part) leaves open; None where it is another path."""
    found = re.fullmatch(pattern.replace("{}", "([^/]+)"), text)
    return None if found is None else [unquote(part or "") for part in found.groups()]


class GitHubService(Service):
    """GitHub's REST API, as much of it as a bootstrap meets. Gitea's is alike: see `GiteaService`."""

    prefix = "/api/v3"
    levels = ("pull", "triage", "push", "maintain", "admin")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.organizations = {"acme"}
        self.teams = {"sre", "dev"}
        self.headers = {"X-OAuth-Scopes": "repo, admin:org"}

    def handle(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        if path == "/user":
            return 200, {"login": self.login}
        if (parts := matched("/orgs/{}", path)) and method == "GET":
            known = parts[0] in self.organizations
            return (200, {"login": parts[0]}) if known else (404, {"message": "Not Found"})
        if method == "POST" and path == "/user/repos":
            return self._create(self.login, body)
        if method == "POST" and (parts := matched("/orgs/{}/repos", path)):
            if parts[0] not in self.organizations:
                return 404, {"message": "Not Found"}
            return self._create(parts[0], body)
        if parts := matched(self.team_path, path):
            return self._team(method, parts, body)
        if parts := matched("/repos/{}/{}(/.*)?", path + ("" if path.count("/") > 3 else "/")):
            return self._inside(method, parts, path, query, body)
        return 404, {"message": "Not Found"}

    team_path = "/orgs/{}/teams/{}/repos/{}/{}"

    def _create(self, owner: str, body: dict[str, Any]) -> Reply:
        slug = f"{owner}/{body['name']}"
        if slug in self.repositories:
            return 422, {"message": "name already exists on this account"}
        self.store(slug, "private" if body["private"] else "public")
        return 201, self._shown(slug)

    def _shown(self, slug: str) -> dict[str, Any]:
        stored = self.repositories[slug]
        return {
            "visibility": stored.visibility,
            "private": stored.visibility != "public",
            "default_branch": stored.default_branch,
            "archived": stored.archived,
            "permissions": {"admin": True, "push": True, "pull": True},
        }

    def _team(self, method: str, parts: list[str], body: dict[str, Any]) -> Reply:
        team, slug = parts[1], f"{parts[2]}/{parts[3]}"
        stored = self.repositories.get(slug)
        if team not in self.teams or stored is None:
            return 404, {"message": "Not Found"}
        if method == "PUT":
            stored.access[team] = body["permission"]
            return 204, None
        if team not in stored.access:
            return 404, {"message": "Not Found"}
        reached = self.levels[: self.levels.index(stored.access[team]) + 1]
        return 200, {"permissions": {level: level in reached for level in self.levels}}

    def _inside(self, method: str, parts: list[str], path: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        slug = "/".join(path.split("/")[2:4])
        stored = self.repositories.get(slug)
        if stored is None:
            return 404, {"message": "Not Found"}
        rest = path.removeprefix(f"/repos/{slug}")
        if not rest:
            if method == "PATCH":
                stored.visibility = "private" if body["private"] else "public"
            return 200, self._shown(slug)
        if rest.startswith("/keys"):
            return self._keys(method, stored, rest, body)
        if rest.startswith("/branches/"):
            return 404, {"message": "Branch not found"}
        if rest == "/pulls":
            return self._pulls(method, slug, stored, query, body)
        return 404, {"message": "Not Found"}

    def _keys(self, method: str, stored: Stored, rest: str, body: dict[str, Any]) -> Reply:
        if method == "GET":
            return 200, stored.keys
        if method == "DELETE":
            stored.keys[:] = [key for key in stored.keys if str(key["id"]) != rest.rpartition("/")[2]]
            return 204, None
        if any(key["key"] == body["key"] for key in stored.keys):
            return 422, {"message": "Validation Failed", "errors": [{"message": "key is already in use"}]}
        stored.keys.append({"id": self.identifier(), **body})
        return 201, stored.keys[-1]

    def _pulls(self, method: str, slug: str, stored: Stored, query: dict[str, str], body: dict[str, Any]) -> Reply:
        if method == "GET":
            head, base = query.get("head", "").partition(":")[2], query.get("base")
            return 200, [p for p in stored.pulls if not head or (p["head"]["ref"], p["base"]["ref"]) == (head, base)]
        number = self.identifier()
        pull = {
            "number": number,
            "html_url": f"{self.url}/{slug}/pull/{number}",
            "head": {"ref": body["head"]},
            "base": {"ref": body["base"]},
        }
        stored.pulls.append(pull)
        return 201, pull


class GiteaService(GitHubService):
    """Gitea's API, where it differs from GitHub's."""

    prefix = "/api/v1"
    team_path = "/repos/{}/{}/teams/{}"

    def _team(self, method: str, parts: list[str], body: dict[str, Any]) -> Reply:
        slug, team = f"{parts[0]}/{parts[1]}", parts[2]
        stored = self.repositories.get(slug)
        if team not in self.teams or stored is None:
            return 404, {"message": "team does not exist"}
        if method == "PUT":
            stored.access[team] = "admin" if team == "sre" else "write"
            return 204, None
        if team not in stored.access:
            return 404, {"message": "team is not assigned"}
        return 200, {"name": team, "permission": stored.access[team]}


class GitLabService(Service):
    """GitLab's REST API, as much of it as a bootstrap meets."""

    prefix = "/api/v4"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.groups = {"acme": 1, "acme/platform": 2, "sre": 3, "dev": 4}

    def handle(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        if path == "/user":
            return 200, {"username": self.login}
        if path == "/personal_access_tokens/self":
            return 200, {"scopes": ["api"]}
        if parts := matched("/groups/{}", path):
            known = self.groups.get(parts[0])
            return (404, {"message": "404 Group Not Found"}) if known is None else (200, {"id": known})
        if path == "/projects" and method == "POST":
            return self._create(body)
        if parts := matched("/projects/{}", path):
            return self._project(method, parts[0], body)
        for word in ("share", "deploy_keys", "deploy_tokens", "merge_requests"):
            if parts := matched(f"/projects/{{}}/{word}(?:/(.*))?", path):
                stored = self.repositories.get(parts[0])
                if stored is None:
                    return 404, {"message": "404 Project Not Found"}
                act: Callable[..., Reply] = getattr(self, f"_{word}")
                return act(method, parts[0], stored, path.rpartition("/")[2], query, body)
        return 404, {"error": "404 Not Found"}

    def _create(self, body: dict[str, Any]) -> Reply:
        spaces = {number: path for path, number in self.groups.items()}
        owner = spaces[body["namespace_id"]] if "namespace_id" in body else self.login
        slug = f"{owner}/{body['path']}"
        if slug in self.repositories:
            return 400, {"message": {"name": ["has already been taken"]}}
        self.store(slug, body["visibility"])
        return 201, self._shown(slug)

    def _shown(self, slug: str) -> dict[str, Any]:
        stored = self.repositories[slug]
        paths = {number: path for path, number in self.groups.items()}
        shares = [
            {
                "group_id": group,
                "group_name": paths[group],
                "group_full_path": paths[group],
                "group_access_level": level,
            }
            for group, level in stored.access.items()
        ]
        return {
            "id": 7,
            "visibility": stored.visibility,
            "default_branch": stored.default_branch,
            "archived": stored.archived,
            "shared_with_groups": shares,
            "permissions": {"project_access": {"access_level": 40}, "group_access": None},
        }

    def _project(self, method: str, slug: str, body: dict[str, Any]) -> Reply:
        if slug not in self.repositories:
            return 404, {"message": "404 Project Not Found"}
        if method == "PUT":
            self.repositories[slug].visibility = body["visibility"]
        return 200, self._shown(slug)

    def _share(self, method: str, _slug: str, stored: Stored, last: str, _q: object, body: dict[str, Any]) -> Reply:
        if method == "DELETE":
            stored.access.pop(int(last), None)
            return 204, None
        if body["group_id"] in stored.access:
            return 409, {"message": "already shared"}
        stored.access[body["group_id"]] = body["group_access"]
        return 201, {}

    def _deploy_keys(self, method: str, _s: str, stored: Stored, last: str, _q: object, body: dict[str, Any]) -> Reply:
        if method == "GET":
            return 200, stored.keys
        if method == "DELETE":
            stored.keys[:] = [key for key in stored.keys if str(key["id"]) != last]
            return 204, None
        if any(key["key"] == body["key"] for key in stored.keys):
            return 400, {"message": {"fingerprint": ["has already been taken"]}}
        stored.keys.append({"id": self.identifier(), **body})
        return 201, stored.keys[-1]

    def _deploy_tokens(
        self, method: str, _s: str, stored: Stored, last: str, _q: object, body: dict[str, Any]
    ) -> Reply:
        if method == "GET":
            return 200, stored.tokens
        if method == "DELETE":
            stored.tokens[:] = [token for token in stored.tokens if str(token["id"]) != last]
            return 204, None
        number = self.identifier()
        stored.tokens.append({"id": number, "name": body["name"], "revoked": False})
        return 201, {**stored.tokens[-1], "username": f"gitlab+{number}", "token": f"value-{number}"}

    def _merge_requests(
        self, method: str, slug: str, stored: Stored, _l: str, query: dict[str, str], body: dict[str, Any]
    ) -> Reply:
        if method == "GET":
            return 200, [pull for pull in stored.pulls if pull["source_branch"] == query["source_branch"]]
        stored.pulls.append({**body, "web_url": f"{self.url}/{slug}/-/merge_requests/{self.identifier()}"})
        return 201, stored.pulls[-1]


class BitbucketService(Service):
    """Bitbucket Server's REST API, as much of it as a bootstrap meets."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.projects = {"ACME": "acme"}
        self.groups = {"sre", "dev"}

    def handle(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        api = path.removeprefix("/rest/api/1.0").removeprefix("/rest/keys/1.0")
        if api == "/application-properties":
            return 200, {"displayName": "Bitbucket", "version": "9.4.0"}
        if api == "/projects":
            values = [{"key": key, "name": name} for key, name in self.projects.items()]
            return 200, {"values": values, "isLastPage": True}
        if (parts := matched("/projects/{}", api)) and method == "GET":
            return (200, {"key": parts[0]}) if parts[0] in self.projects else (404, self._errors("no such project"))
        if (parts := matched("/projects/{}/repos", api)) and method == "POST":
            slug = f"{parts[0]}/{body['name']}"
            if slug in self.repositories:
                return 409, self._errors("name is taken")
            self.store(slug, "public" if body["public"] else "private")
            return 201, {"id": 1, "public": body["public"]}
        if parts := matched("/projects/{}/repos/{}(?:/.*)?", api):
            return self._inside(method, f"{parts[0]}/{parts[1]}", "/".join(api.split("/")[5:]), query, body)
        return 404, self._errors("not found")

    @staticmethod
    def _errors(text: str) -> dict[str, Any]:
        return {"errors": [{"message": text}]}

    def _inside(self, method: str, slug: str, rest: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        stored = self.repositories.get(slug)
        if stored is None:
            return 404, self._errors("no such repository")
        if not rest:
            if method == "PUT":
                stored.visibility = "public" if body["public"] else "private"
            return 200, {"id": 1, "public": stored.visibility == "public", "archived": stored.archived}
        if rest == "permissions/groups":
            if method == "PUT":
                if query["name"] not in self.groups:
                    return 404, self._errors("no such group")
                stored.access[query["name"]] = query["permission"]
                return 204, None
            values = [{"group": {"name": name}, "permission": level} for name, level in stored.access.items()]
            return 200, {"values": values, "isLastPage": True}
        if rest.startswith("ssh"):
            return self._keys(method, stored, rest, body)
        if rest == "pull-requests":
            if method == "GET":
                return 200, {"values": stored.pulls, "isLastPage": True}
            stored.pulls.append({**body, "links": {"self": [{"href": f"{self.url}/pull-requests/1"}]}})
            return 201, stored.pulls[-1]
        return 404, self._errors("not found")

    def _keys(self, method: str, stored: Stored, rest: str, body: dict[str, Any]) -> Reply:
        if method == "GET":
            return 200, {"values": stored.keys, "isLastPage": True}
        if method == "DELETE":
            stored.keys[:] = [entry for entry in stored.keys if str(entry["key"]["id"]) != rest.rpartition("/")[2]]
            return 204, None
        entry = {"key": {**body["key"], "id": self.identifier()}, "permission": body["permission"]}
        if any(key["key"]["text"] == entry["key"]["text"] for key in stored.keys):
            return 409, self._errors("the key is already there")
        stored.keys.append(entry)
        return 201, entry
