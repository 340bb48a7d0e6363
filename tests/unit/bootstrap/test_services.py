"""Bootstrapping from each hosting service."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.bootstrap.conftest import HOST_KEY, SERVICES, World
from tests.unit.bootstrap.services import TOKEN, GitHubService, GitLabService

NAME = "flux-system-main-flux-system-./clusters/a"
Make = Callable[[str], World]


def titles(world: World, slug: str) -> list[str]:
    keys = world.service.repositories[slug].keys
    return [key["title"] if "title" in key else key["key"]["label"] for key in keys]


@pytest.fixture(params=list(SERVICES))
def world(request: pytest.FixtureRequest, make_world: Make) -> World:
    return make_world(request.param)


def test_first_run_and_second(world: World) -> None:
    slug = f"{world.owner}/fleet"
    said = world.good()
    assert f'repository "{world.service.url}/{slug}" created' in said
    assert f'configured deploy key "{NAME}"' in said
    assert world.service.repositories[slug].visibility == "private"
    assert titles(world, slug) == [NAME]
    secret = world.cluster.secret()
    assert sorted(secret) == ["identity", "identity.pub", "known_hosts"]
    assert secret["known_hosts"] == HOST_KEY
    url = world.cluster.objects["GitRepository", "flux-system", "flux-system"]["spec"]["url"]
    assert url.startswith("ssh://git@127.0.0.1/")
    again = world.good()
    assert "created" not in again
    assert "configured" not in again
    assert "source secret up to date" in again
    assert "component manifests are up to date" in again
    assert titles(world, slug) == [NAME]


def test_a_key_of_the_same_name_is_replaced(world: World) -> None:
    slug = f"{world.owner}/fleet"
    world.good()
    before = world.cluster.secret()["identity.pub"]
    del world.cluster.objects["Secret", "flux-system", "flux-system"]
    assert "configured deploy key" in world.good()
    assert titles(world, slug) == [NAME]
    assert world.cluster.secret()["identity.pub"] != before
    key = world.service.repositories[slug].keys[0]
    text = key["key"]["text"] if isinstance(key["key"], dict) else key["key"]
    assert world.cluster.secret()["identity.pub"].strip() in text


def test_a_key_that_vanished_at_the_host_is_put_back(world: World) -> None:
    world.good()
    world.service.repositories[f"{world.owner}/fleet"].keys.clear()
    assert "configured deploy key" in world.good()
    assert titles(world, f"{world.owner}/fleet") == [NAME]


def test_a_second_run_needs_no_right_to_see_keys(world: World) -> None:
    world.good()
    world.service.fault = lambda _n, _m, path: 403 if path.endswith(("/keys", "/deploy_keys", "/ssh")) else None
    assert "the deploy key was not checked" in world.good()


def test_settings_change_only_with_reconcile(world: World) -> None:
    slug = f"{world.owner}/fleet"
    public = "--visibility=public" if world.command == "gitlab" else "--private=false"
    world.good()
    world.good(public)
    assert world.service.repositories[slug].visibility == "private"
    assert "reconciled" in world.good(public, "--reconcile").partition("cloning")[0]
    assert world.service.repositories[slug].visibility == "public"


def test_teams(world: World) -> None:
    flag = "--group" if world.command == "bitbucket-server" else "--team"
    slug = f"{world.owner}/fleet"
    said = world.good(f"{flag}=sre:admin", f"{flag}=dev", f"{flag}=nobody")
    assert 'granted "admin" permissions to "sre"' in said
    assert 'permissions to "nobody": ' in said
    assert set(world.service.repositories[slug].access) == ({3, 4} if world.command == "gitlab" else {"sre", "dev"})
    assert "granted" not in world.good(f"{flag}=sre:admin")
    bad = world.run(f"{flag}=sre:owner")
    assert bad.code == 1
    assert 'invalid permission "owner" for team "sre"' in bad.text


def test_the_token_for_the_cluster(world: World) -> None:
    world.good("--token-auth")
    assert world.service.repositories[f"{world.owner}/fleet"].keys == []
    assert world.cluster.secret() == {"username": "git", "password": TOKEN}


def test_from_a_key_to_the_token_and_back(world: World) -> None:
    world.good()
    world.good("--token-auth")
    assert sorted(world.cluster.secret()) == ["password", "username"]
    world.good()
    assert sorted(world.cluster.secret()) == ["identity", "identity.pub", "known_hosts"]
    assert titles(world, f"{world.owner}/fleet") == [NAME]


def test_personal_repositories(world: World) -> None:
    if world.command == "bitbucket-server":
        world.good("--owner=me", "--personal")
        assert "~me/fleet" in world.service.repositories
        return
    world.good("--owner=me", "--personal")
    assert "me/fleet" in world.service.repositories
    other = world.run("--owner=you", "--personal", "--repository=two")
    assert other.code == 1
    assert "the specified owner 'you' doesn't match the identity" in other.text
    assert "the token belongs to me" in other.text


def test_an_owner_that_is_not_there(world: World) -> None:
    done = world.run("--owner=nobody")
    assert done.code == 1
    assert "--personal" in done.text


def test_archived(world: World) -> None:
    world.service.store(f"{world.owner}/fleet", "private").archived = True
    done = world.run()
    assert done.code == 1
    assert "is archived" in done.text


def test_a_pull_request(world: World) -> None:
    slug = f"{world.owner}/fleet"
    world.service.store(slug, "private")
    empty = world.run("--pull-request")
    assert empty.code == 1
    assert "is empty" in empty.text
    world.service.bare(slug).commit({"README.md": "x"})
    assert "opened pull request: http" in world.good("--pull-request")
    assert "pull request is open: http" in world.good("--pull-request")
    assert len(world.service.repositories[slug].pulls) == 1
    assert ("GitRepository", "flux-system", "flux-system") not in world.cluster.objects
    branch = "bootstrap/main-clusters-a-flux-system"
    world.service.bare(slug).git("update-ref", "refs/heads/main", branch)
    assert "all components are healthy" in world.good("--pull-request")


def test_check_and_export_change_nothing(world: World, tmp_path: object) -> None:
    assert "everything is there for a bootstrap" in world.good("--check")
    refused = world.run("--check", token="wrong-token-of-the-test")
    assert refused.code == 1
    assert "refused the token (401)" in refused.text
    assert "wrong-token-of-the-test" not in refused.text
    before = len(world.service.requests)
    world.good(f"--export={tmp_path}/out")
    assert len(world.service.requests) == before
    assert world.service.repositories == {}
    assert world.cluster.objects == {}


def test_the_token_is_asked_for(world: World) -> None:
    done = world.run(token="", stdin=TOKEN + "\n")
    assert done.code == 0, done.text
    assert TOKEN not in done.text
    none = world.run(token="")
    assert none.code == 1
    assert "could not read token" in none.text


def test_what_must_be_given(world: World) -> None:
    assert "the owner of the repository is required" in world.run("--owner=").text
    assert world.run("--repository=").code == 1


def test_github_scopes(make_world: Make) -> None:
    world = make_world("github")
    world.service.headers = {"X-OAuth-Scopes": "gist"}
    done = world.run("--check", "--team=sre")
    assert done.code == 1
    assert "the token lacks the scope repo" in done.text
    assert "the token lacks the scope admin:org" in done.text
    missing = world.run("--check", "--owner=nobody")
    assert "there is no organization nobody" in missing.text


def test_github_rate_limits(make_world: Make) -> None:
    import time

    world = make_world("github")
    world.service.headers = {"Retry-After": "2"}
    world.service.fault = lambda number, _m, _p: 403 if number < 2 else None
    world.good()
    world.service.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1800)}
    world.service.fault = lambda _n, _m, _p: 403
    done = world.run()
    assert done.code == 1
    assert "the rate limit of GitHub is used up for 30 minutes" in done.text.replace("31", "30")


def test_github_app(make_world: Make, tmp_path: object) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    world = make_world("github")
    service = world.service
    assert isinstance(service, GitHubService)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path = f"{tmp_path}/app.pem"
    with open(path, "wb") as file:
        file.write(pem)
    plain, seen = service.handle, []

    def handle(method: str, path: str, query: dict[str, str], body: dict[str, object]) -> tuple[int, object]:
        if path == "/orgs/acme/installation":
            seen.append(path)
            return 200, {"id": 77}
        if path == "/app/installations/77/access_tokens":
            seen.append(path)
            return 201, {"token": TOKEN}
        return plain(method, path, query, body)

    service.handle = handle  # type: ignore[method-assign]
    service.allowed = lambda headers: len(headers.get("authorization", "")) > 30  # type: ignore[method-assign]
    done = world.run("--app-id=5", f"--app-private-key={path}", token="")
    assert done.code == 0, done.text
    assert len(seen) == 2
    secret = world.cluster.secret()
    assert secret["githubAppID"] == "5"
    assert secret["githubAppInstallationID"] == "77"
    assert secret["githubAppPrivateKey"].encode() == pem
    assert secret["githubAppBaseURL"] == f"{service.url}/api/v3"
    spec = world.cluster.objects["GitRepository", "flux-system", "flux-system"]["spec"]
    assert spec["provider"] == "github"
    login = service.requests[0].headers["authorization"].removeprefix("Bearer ")
    assert login.count(".") == 2
    assert "both --app-id and --app-private-key" in world.run("--app-id=5").text


def test_gitlab_deploy_tokens(make_world: Make) -> None:
    world = make_world("gitlab")
    service = world.service
    assert isinstance(service, GitLabService)
    said = world.good("--deploy-token-auth")
    assert f'configured deploy token "{NAME}"' in said
    first = world.cluster.secret()
    assert first["password"].startswith("value-")
    assert first["password"] not in said
    assert "reconciled deploy token" in world.good("--deploy-token-auth")
    assert world.cluster.secret() == first
    del world.cluster.objects["Secret", "flux-system", "flux-system"]
    world.good("--deploy-token-auth")
    assert world.cluster.secret()["password"] != first["password"]
    assert len(service.repositories["acme/fleet"].tokens) == 1
    assert "cannot be set both" in world.run("--deploy-token-auth", "--token-auth").text


def test_gitlab_subgroups_and_names(make_world: Make) -> None:
    world = make_world("gitlab")
    world.good("--owner=acme/platform")
    assert "acme/platform/fleet" in world.service.repositories
    world.good("--owner=acme", "--repository=platform/two", "--deploy-token-auth")
    assert "acme/platform/two" in world.service.repositories
    assert "is an invalid project name" in world.run("--repository=-x").text
    missing = world.run("--owner=nowhere", "--repository=x")
    assert missing.code == 1
    assert "there is no group nowhere" in missing.text


def test_plain_http_to_another_machine_is_refused(make_world: Make) -> None:
    world = make_world("gitea")
    done = world.run("--hostname=http://git.example.com")
    assert done.code == 1
    assert "must not travel over plain HTTP" in done.text
