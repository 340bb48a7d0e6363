"""`pyflux bootstrap git`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from pyflux.bootstrap.plan import Plan, SecretOptions, SyncOptions
from pyflux.env import Call, Env
from pyflux.errors import PyfluxError, UsageError
from pyflux.git import urls
from pyflux.git.auth import Auth
from pyflux.verbs.bootstrap.options import Shared, shared
from pyflux.verbs.bootstrap.prompts import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.bootstrap.secret import SourceSecret

_DEFAULT_USER = "git"


@dataclass(frozen=True)
class Login:
    """How to log in, from the flags and GIT_PASSWORD."""

    username: str
    password: str
    token_auth: bool
    bearer: bool
    insecure: bool


def run(env: Env, call: Call) -> None:
    """Bootstraps from the repository at --url. Raises PyfluxError."""
    login = _login(env, call)
    url = call.str("url")
    if not url:
        raise UsageError("a repository URL is required", hint="pass --url")
    common = shared(env, call, passphrase=login.password)
    remote = urls.parse(url)
    _check_url(remote, login, common)
    plan = _plan(env, call, url, login, common)
    if call.str("export"):
        from pyflux.verbs.bootstrap.export import export

        export(env, plan, common.manifests, call.str("export"))
        return
    if call.bool("check"):
        from pyflux.verbs.bootstrap.check import check_git

        check_git(env, plan, url, lambda: _auth(env, remote, login, common))
        return
    from pyflux.git.workcopy import WorkCopy
    from pyflux.verbs.bootstrap.work import open_cluster, run_steps

    client = open_cluster(env, force=call.bool("force"))
    work = WorkCopy(url, plan.sync.branch, _auth(env, remote, login, common))
    publish = _publisher(env, silent=call.bool("silent"))
    run_steps(env, client, work, plan, manifests=common.manifests, publish=publish)


def _login(env: Env, call: Call) -> Login:
    bearer = call.bool("with-bearer-token")
    token_auth = call.bool("token-auth") or bearer
    password = call.str("password") or env.environ.get("GIT_PASSWORD", "")
    local = call.str("url").startswith("file://")
    if token_auth and not password and not local:
        try:
            password = read_secret(env, "Please enter your Git repository password: ")
        except PyfluxError as why:
            raise PyfluxError(f"could not read token: {why.message}", hint="set GIT_PASSWORD") from None
    return Login(call.str("username"), password, token_auth, bearer, call.bool("allow-insecure-http"))


def _check_url(remote: urls.RemoteUrl, login: Login, common: Shared) -> None:
    if remote.scheme == "http" and not login.insecure:
        raise UsageError("scheme http is insecure, pass --allow-insecure-http=true to allow it")
    if "git-codecommit" not in remote.host or "amazonaws.com" not in remote.host:
        return
    if remote.scheme == "ssh":
        if not remote.username:
            raise UsageError("invalid AWS CodeCommit url: ssh username should be specified in the url")
        if remote.username == _DEFAULT_USER:
            raise UsageError(
                "invalid AWS CodeCommit url: ssh username should be the SSH key ID for the provided private key"
            )
        if not common.private_key:
            raise UsageError("private key file is required for bootstrapping against AWS CodeCommit using ssh")
    elif not login.token_auth:
        raise UsageError(
            "AWS CodeCommit over HTTPS needs Git credentials",
            hint="create them in IAM, then pass --token-auth, --username and GIT_PASSWORD",
        )


def _auth(env: Env, remote: urls.RemoteUrl, login: Login, common: Shared) -> Auth:
    """How this program logs in. Scans the host's keys where a private key is given."""
    if remote.scheme == "ssh":
        known = None
        if common.private_key:
            known = "\n".join(_host_keys(env, remote, common)).encode()
        return Auth(
            username=remote.username or login.username,
            password="" if common.private_key else login.password,
            private_key=common.private_key,
            passphrase=login.password,
            known_hosts=known,
            host_key_algorithms=common.host_key_algorithms,
        )
    if login.bearer:
        return Auth(bearer_token=login.password, ca=common.ca)
    return Auth(username=login.username if login.password else "", password=login.password, ca=common.ca)


def _host_keys(env: Env, remote: urls.RemoteUrl, common: Shared) -> list[str]:
    """The host's keys. Those of a host that the user does not know are trusted, as in flux, but not unseen."""
    from pyflux.git.ssh import fingerprint, known_keys, scan_host_keys

    lines = scan_host_keys(remote.host, remote.port, algorithms=common.host_key_algorithms)
    if not known_keys(remote.host, remote.port):
        shown = ", ".join(fingerprint(line) for line in lines)
        env.log.warning(f"the host {remote.host} is not in ~/.ssh/known_hosts; trusting the keys it shows: {shown}")
    return lines


def sync_url(url: str, login: Login, ssh_hostname: str) -> str:
    """The address that the cluster uses: over SSH with a key, over HTTPS with a token."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return url
    host = parts.netloc.rpartition("@")[2]
    if login.token_auth:
        if parts.scheme not in ("http", "https"):
            host = urlsplit(f"//{host}").hostname or host
        scheme = parts.scheme if login.insecure else "https"
        return urlunsplit((scheme, host, parts.path, parts.query, ""))
    user = urls.parse(url).username
    if not user or login.username != _DEFAULT_USER:
        user = login.username
    return urlunsplit(("ssh", f"{quote(user, safe='')}@{ssh_hostname or host}", parts.path, parts.query, ""))


def _plan(env: Env, call: Call, url: str, login: Login, common: Shared) -> Plan:
    address = sync_url(url, login, call.str("ssh-hostname"))
    secret = _secret(env, call, address, login, common)
    sync = SyncOptions(
        name=env.kube.namespace,
        namespace=env.kube.namespace,
        url=address,
        branch=call.str("branch"),
        secret=call.str("secret-name") if secret is not None else "",
        path=call.str("path"),
        interval=call.duration("interval"),
        recurse_submodules=call.bool("recurse-submodules"),
        sparse_checkout=tuple(call.strings("sparse-checkout")),
    )
    return Plan(common.install, sync, secret, common.commit, common.registry_credentials)


def _secret(env: Env, call: Call, address: str, login: Login, common: Shared) -> SecretOptions | None:
    if address.startswith("file://"):
        return None
    name, namespace = call.str("secret-name"), env.kube.namespace
    if login.token_auth:
        if login.bearer:
            return SecretOptions(name, namespace, bearer_token=login.password, ca=common.ca)
        return SecretOptions(name, namespace, username=login.username, password=login.password, ca=common.ca)
    return SecretOptions(
        name,
        namespace,
        password=login.password,
        private_key=common.private_key,
        key_algorithm=call.str("ssh-key-algorithm"),
        rsa_bits=int(call.values["ssh-rsa-bits"]),
        ecdsa_curve=call.str("ssh-ecdsa-curve"),
        ssh_host=urlsplit(address).netloc.rpartition("@")[2],
    )


def _publisher(env: Env, *, silent: bool) -> Callable[[SourceSecret], None]:
    def publish(secret: SourceSecret) -> None:
        if not secret.public_key:
            return
        env.log.success(f"public key: {secret.public_key}")
        if silent:
            return
        from pyflux.ui.confirm import confirm

        if not confirm(env, "Please give the key access to your repository"):
            raise PyfluxError("aborting", hint="give the key read access, then run again with --silent")

    return publish
