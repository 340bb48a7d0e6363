"""Brings a repository, its teams, its deploy key or token at a hosting service to what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.bootstrap.providers.base import PERMISSIONS
from pyflux.bootstrap.providers.rest import ApiError
from pyflux.errors import PyfluxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pyflux.bootstrap.providers.base import Host, Repository
    from pyflux.bootstrap.providers.gitlab import GitLab
    from pyflux.env import Env

    T = TypeVar("T")

_ATTEMPTS = 3


def make(env: Env, look: Callable[[], T | None], create: Callable[[], T]) -> T:
    """What `create` makes. After a broken connection, or a "taken", `look` says whether it was made all the same."""
    for attempt in range(_ATTEMPTS):
        try:
            return create()
        except ApiError as why:
            if not why.transient and why.status not in (400, 409, 422):
                raise
            found = look()
            if found is not None:
                return found
            if not why.transient or attempt == _ATTEMPTS - 1:
                raise
        env.sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable")


def check_teams(teams: dict[str, str]) -> None:
    """Raises PyfluxError for a permission that does not exist."""
    for team, permission in teams.items():
        if permission not in PERMISSIONS:
            raise PyfluxError(
                f'failed to reconcile repository team access: invalid permission "{permission}" for team "{team}"',
                hint=f"one of {', '.join(PERMISSIONS)}",
            )


def repository(env: Env, host: Host) -> Repository:
    """Finds or makes the repository, and gives teams access. Raises ApiError, PyfluxError."""
    env.log.action(f"connecting to {host.connecting}")
    check_teams(host.target.teams)
    try:
        found = host.find()
    except ApiError as why:
        raise _named(why, f'failed to get Git repository "{host.shown}"') from None
    if found is None:
        try:
            found = make(env, host.find, host.create)
        except ApiError as why:
            if why.status == 404 and not host.target.personal and "--personal" not in why.hint:
                why.hint = f"check --owner, or pass --personal if {host.target.owner} is a user; {why.hint}"
            raise _named(why, f'failed to create new Git repository "{host.shown}"') from None
        env.log.success(f'repository "{host.shown}" created')
    if found.archived:
        raise PyfluxError(f"the repository {host.shown} is archived: nothing can be pushed", hint="unarchive it first")
    if host.target.reconcile:
        try:
            changed = host.update(found)
        except ApiError as why:
            raise _named(why, f'failed to reconcile Git repository "{host.shown}"') from None
        if changed:
            env.log.success(f'repository "{host.shown}" reconciled')
    if host.target.teams and not host.target.personal:
        _teams(env, host)
    return found


def _named(why: ApiError, text: str) -> ApiError:
    return ApiError(f"{text}: {why.message}", status=why.status, hint=why.hint)


def _teams(env: Env, host: Host) -> None:
    """Gives each team its access. One that cannot be given is said, and does not stop the others."""
    env.log.action("reconciling repository permissions")
    for team, permission in sorted(host.target.teams.items()):
        try:
            now = host.permission(team)
            if now == permission or (now and not host.target.reconcile):
                continue
            host.grant(team, permission)
        except ApiError as why:
            env.log.failure(f'failed to grant "{permission}" permissions to "{team}": {why.message}')
            if why.hint:
                env.log.plain(f"  {why.hint}")
        else:
            env.log.success(f'granted "{permission}" permissions to "{team}"')
    env.log.success("reconciled repository permissions")


def key_name(namespace: str, branch: str, secret: str, path: str) -> str:
    """The name of deploy keys and deploy tokens, as flux makes it."""
    return "-".join(part for part in (namespace, branch, secret, path) if part)


def deploy_key(env: Env, host: Host, name: str, public_key: str) -> bool:
    """Registers the key; one of the same name with another value is replaced, the same value kept.

    Returns whether anything changed. Raises ApiError; a run that stops half-way is finished by the next.
    """
    value = " ".join(public_key.split()[:2])
    read_only = not host.target.read_write_key
    keys = host.keys()
    kept = [key for key in keys if key.value == value and key.title == name and key.read_only == read_only]
    stale = [key for key in keys if key.title == name and key not in kept]
    # first, since a service takes a key only once, and some a name only once
    for key in stale:
        host.remove_key(key)
    if not kept:

        def look() -> bool | None:
            found = host.keys()
            return True if any(key.value == value and key.title == name for key in found) else None

        def add() -> bool:
            host.add_key(name, value, read_only=read_only)
            return True

        make(env, look, add)
    changed = not kept or bool(stale)
    if changed:
        env.log.success(f'configured deploy key "{name}" for "{host.shown}"')
    return changed


def deploy_token(env: Env, host: GitLab, name: str, *, in_use: bool) -> tuple[str, str] | None:
    """Makes the deploy token; None where there is one and the cluster has it (`in_use`). Raises ApiError.

    Its value is shown only when it is made, so one that the cluster does not have is replaced.
    """
    env.log.action("checking to reconcile deploy token for source secret")
    there = host.deploy_tokens(name)
    if there and in_use:
        env.log.success("reconciled deploy token for source secret")
        return None
    for identifier in there:
        host.remove_deploy_token(identifier)
    made = host.add_deploy_token(name)
    env.log.success(f'configured deploy token "{name}" for "{host.shown}"')
    return made
