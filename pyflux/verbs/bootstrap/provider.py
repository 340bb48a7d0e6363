"""`pyflux bootstrap github`, `gitlab`, `gitea` and `bitbucket-server`."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyflux.bootstrap.plan import Plan, SecretOptions, SyncOptions
from pyflux.bootstrap.providers import reconcile
from pyflux.bootstrap.providers.base import Target
from pyflux.bootstrap.providers.rest import ApiError
from pyflux.env import Call, Env
from pyflux.errors import PyfluxError, UsageError
from pyflux.git.errors import PushRefused
from pyflux.verbs.bootstrap.options import Shared, read_file, shared
from pyflux.verbs.bootstrap.prompts import token as read_token

if TYPE_CHECKING:
    from pyflux.bootstrap.providers.base import Host
    from pyflux.bootstrap.providers.githubapp import AppIdentity
    from pyflux.bootstrap.secret import SourceSecret
    from pyflux.kube.client import Client

_NO_REUSE = (
    "--ssh-signing-reuse-private-key is not supported by 'bootstrap {}'; that subcommand generates the SSH "
    "transport key in-process and has no operator-supplied key to reuse"
)


def github(env: Env, call: Call) -> None:
    """Bootstraps from a repository on GitHub. Raises PyfluxError."""
    from pyflux.bootstrap.providers.github import GitHub
    from pyflux.bootstrap.providers.githubapp import log_in

    if call.bool("ssh-signing-reuse-private-key"):
        raise UsageError(_NO_REUSE.format("github"))
    identity = _app(call)
    token = ""
    offline = bool(call.str("export"))
    if identity is None and not offline:
        token = read_token(env, "GITHUB_TOKEN", "Please enter your GitHub personal access token (PAT): ")
    common = shared(env, call)
    target = _target(call, "public" if not call.bool("private") else "private", "team", "maintain")
    if identity is not None and not offline:
        identity, token = log_in(
            identity, target.hostname, target.owner, personal=target.personal, ca=common.ca, sleep=env.sleep
        )
    host = GitHub(target, token, ca=common.ca, sleep=env.sleep, app=identity)
    _run(env, call, host, common, app=identity)


def _app(call: Call) -> AppIdentity | None:
    from pyflux.bootstrap.providers.githubapp import AppIdentity

    app_id, key_file = call.str("app-id"), call.str("app-private-key")
    if not app_id and not key_file and not call.str("app-installation-id"):
        return None
    if not app_id or not key_file:
        raise UsageError("a GitHub App takes both --app-id and --app-private-key")
    return AppIdentity(app_id, read_file(key_file, "private key of the GitHub App"), call.str("app-installation-id"))


def gitlab(env: Env, call: Call) -> None:
    """Bootstraps from a project on GitLab. Raises PyfluxError."""
    from pyflux.bootstrap.providers.gitlab import GitLab

    token = "" if call.str("export") else _gitlab_token(env)
    name = call.str("repository")
    if not name or not (name[0].isalnum() or name[0] == "_" or ord(name[0]) > 0xA9):
        raise UsageError(
            f"{name} is an invalid project name for gitlab",
            hint="it starts with a letter, a digit, an emoji or _, followed by these, dots, dashes and spaces",
        )
    if call.bool("token-auth") and call.bool("deploy-token-auth"):
        raise UsageError("--token-auth and --deploy-token-auth cannot be set both.")
    visibility = call.str("visibility")
    if not call.bool("private"):
        visibility = "public"
        env.log.plain("Using visibility public as --private=false")
    common = shared(env, call)
    target = _target(call, visibility, "team", "maintain")
    _run(env, call, GitLab(target, token, ca=common.ca, sleep=env.sleep), common)


def _gitlab_token(env: Env) -> str:
    return read_token(env, "GITLAB_TOKEN", "Please enter your GitLab personal access token (PAT): ")


def gitea(env: Env, call: Call) -> None:
    """Bootstraps from a repository on Gitea or Forgejo. Raises PyfluxError."""
    from pyflux.bootstrap.providers.gitea import Gitea

    if call.bool("ssh-signing-reuse-private-key"):
        raise UsageError(_NO_REUSE.format("gitea"))
    token = ""
    if not call.str("export"):
        token = read_token(env, "GITEA_TOKEN", "Please enter your Gitea personal access token (PAT): ")
    common = shared(env, call)
    target = _target(call, "public" if not call.bool("private") else "private", "team", "maintain")
    _run(env, call, Gitea(target, token, ca=common.ca, sleep=env.sleep), common)


def bitbucket_server(env: Env, call: Call) -> None:
    """Bootstraps from a repository on Bitbucket Server. Raises PyfluxError."""
    from pyflux.bootstrap.providers.bitbucketserver import BitbucketServer

    token = ""
    if not call.str("export"):
        token = read_token(env, "BITBUCKET_TOKEN", "Please enter your Bitbucket personal access token (PAT): ")
    if not call.str("hostname"):
        raise UsageError('invalid hostname ""', hint="pass --hostname")
    common = shared(env, call)
    target = _target(call, "public" if not call.bool("private") else "private", "group", "push")
    target = replace(target, username=call.str("username"))
    _run(env, call, BitbucketServer(target, token, ca=common.ca, sleep=env.sleep), common)


def _target(call: Call, visibility: str, teams: str, permission: str) -> Target:
    owner, repository = call.str("owner").strip("/"), call.str("repository").strip("/")
    if not owner:
        raise UsageError("the owner of the repository is required", hint="pass --owner")
    if not repository:
        raise UsageError("the name of the repository is required", hint="pass --repository")
    if "/" in repository:
        # groups below the owner may be written in front of the repository's name
        below, _, repository = repository.rpartition("/")
        owner = f"{owner}/{below}"
    access = {}
    for entry in call.strings(teams):
        name, _, wanted = entry.partition(":")
        access[name] = wanted or permission
    return Target(
        hostname=call.str("hostname"),
        owner=owner,
        repository=repository,
        branch=call.str("branch"),
        personal=call.bool("personal"),
        visibility=visibility,
        teams=access,
        reconcile=call.bool("reconcile"),
        read_write_key=call.bool("read-write-key"),
    )


def _plan(env: Env, call: Call, host: Host, common: Shared, app: AppIdentity | None) -> Plan:
    over_https = call.bool("token-auth") or bool(call.values.get("deploy-token-auth")) or app is not None
    ssh_hostname = call.str("ssh-hostname")
    sync = SyncOptions(
        name=env.kube.namespace,
        namespace=env.kube.namespace,
        url=host.https_url() if over_https else host.ssh_url(ssh_hostname),
        branch=call.str("branch"),
        secret=call.str("secret-name"),
        path=call.str("path"),
        interval=call.duration("interval"),
        recurse_submodules=call.bool("recurse-submodules"),
        sparse_checkout=tuple(call.strings("sparse-checkout")),
        provider="github" if app is not None and not call.bool("token-auth") else "",
    )
    secret = _secret(call, host, common, app, sync, ssh_hostname or host.ssh_host)
    return Plan(common.install, sync, secret, common.commit, common.registry_credentials)


def _secret(
    call: Call, host: Host, common: Shared, app: AppIdentity | None, sync: SyncOptions, ssh_host: str
) -> SecretOptions:
    empty = SecretOptions(sync.secret, sync.namespace)
    if app is not None:
        return replace(empty, github_app=app.secret(host.target.hostname), ca=common.ca)
    if call.bool("token-auth"):
        user, password = host.pull_login()
        return replace(empty, username=user, password=password, ca=common.ca)
    if call.values.get("deploy-token-auth"):
        return replace(empty, ca=common.ca)
    return replace(
        empty,
        private_key=common.private_key,
        key_algorithm=call.str("ssh-key-algorithm"),
        rsa_bits=int(call.values["ssh-rsa-bits"]),
        ecdsa_curve=call.str("ssh-ecdsa-curve"),
        ssh_host=ssh_host,
    )


def _run(env: Env, call: Call, host: Host, common: Shared, app: AppIdentity | None = None) -> None:
    if app is not None and call.bool("token-auth"):
        raise UsageError("a GitHub App has no token for the cluster", hint="leave --token-auth out")
    folder = call.str("export")
    if folder:
        from pyflux.verbs.bootstrap.export import export

        host.offline()
        export(env, _plan(env, call, host, common, app), common.manifests, folder)
        return
    if call.bool("check"):
        from pyflux.verbs.bootstrap.check import check_host

        key = not (call.bool("token-auth") or call.values.get("deploy-token-auth") or app is not None)
        wanted = functools.partial(_plan, env, call, host, common, app)
        check_host(env, host, wanted, key=key, proposed=call.bool("pull-request"))
        return
    from pyflux.verbs.bootstrap.work import open_cluster

    client = open_cluster(env, force=call.bool("force"))
    reconcile.repository(env, host)
    plan = _plan(env, call, host, common, app)
    if call.bool("pull-request") and not _merged(env, client, host, plan, common):
        return
    _steps(env, client, host, plan, common, deploy_token=bool(call.values.get("deploy-token-auth")))


def _merged(env: Env, client: Client, host: Host, plan: Plan, common: Shared) -> bool:
    """Whether the branch has the manifests; else a pull request with them is open now."""
    from pyflux.bootstrap.pullrequest import propose
    from pyflux.bootstrap.steps import Bootstrap
    from pyflux.git.workcopy import WorkCopy
    from pyflux.verbs.bootstrap.work import hooks

    work = WorkCopy(host.https_url(), plan.sync.branch, host.git_auth())
    parts = hooks(env, client, plan, common.manifests, lambda _secret: None)
    try:
        files = Bootstrap(env, client, work, plan, parts).missing_files()
    finally:
        work.close()
    if not files:
        env.log.success(f'manifests are in branch "{plan.sync.branch}"')
        return True
    propose(env, host, plan, files)
    env.log.action("after the merge run the same command again: it installs Flux and waits for the first sync")
    return False


def _steps(env: Env, client: Client, host: Host, plan: Plan, common: Shared, *, deploy_token: bool) -> None:
    from pyflux.bootstrap.steps import Bootstrap
    from pyflux.git.workcopy import WorkCopy
    from pyflux.verbs.bootstrap.work import hooks

    assert plan.secret is not None
    name = reconcile.key_name(plan.sync.namespace, plan.sync.branch, plan.secret.name, plan.sync.path)

    def publish(secret: SourceSecret) -> None:
        if secret.public_key:
            env.log.success(f"public key: {secret.public_key}")
            reconcile.deploy_key(env, host, name, secret.public_key)

    def keep(public_key: str) -> None:
        try:
            reconcile.deploy_key(env, host, name, public_key)
        except ApiError as why:
            # who may push need not be the one who may see deploy keys
            if why.status not in (403, 404):
                raise
            env.log.warning(f" the deploy key was not checked: {why.message}")

    def credentials(options: SecretOptions, existing: dict[str, str] | None) -> SecretOptions:
        from pyflux.bootstrap.providers.gitlab import GitLab

        assert isinstance(host, GitLab)
        in_use = bool(existing and existing.get("username") and existing.get("password"))
        made = reconcile.deploy_token(env, host, name, in_use=in_use)
        return options if made is None else replace(options, username=made[0], password=made[1])

    more: dict[str, Any] = {"credentials": credentials} if deploy_token else {}
    if plan.secret.key_algorithm:
        more["keep"] = keep
    work = WorkCopy(host.https_url(), plan.sync.branch, host.git_auth())
    try:
        Bootstrap(env, client, work, plan, hooks(env, client, plan, common.manifests, publish, **more)).run()
    except PushRefused as why:
        raise PyfluxError(
            why.message, hint="for a protected branch pass --pull-request, or use another --branch"
        ) from None
    finally:
        work.close()
