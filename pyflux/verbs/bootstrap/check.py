"""`--check`: what is missing for a bootstrap, found out without changing anything, each with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflux.errors import NotFound, PyfluxError, SilentExit
from pyflux.kube import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.bootstrap.plan import Plan
    from pyflux.bootstrap.providers.base import Finding, Host
    from pyflux.env import Env
    from pyflux.git.auth import Auth
    from pyflux.kube.client import Client

_NEEDED = (
    ("", "namespaces", "create"),
    ("", "secrets", "create"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "create"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    ("apps", "deployments", "create"),
)


class Findings:
    """Collects what was looked at; says each as it comes."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self.missing = 0

    def good(self, text: str) -> None:
        self.env.log.success(text)

    def bad(self, text: str, remedy: str = "") -> None:
        self.missing += 1
        self.env.log.failure(text)
        if remedy:
            self.env.log.plain(f"  {remedy}")

    def add(self, found: Finding) -> None:
        if found.good:
            self.good(found.text)
        else:
            self.bad(found.text, found.remedy)

    def attempt(self, what: str, call: Callable[[], str]) -> None:
        """Runs `call`, which returns what to say of the success; a PyfluxError becomes a finding."""
        try:
            self.good(call() or what)
        except PyfluxError as why:
            self.bad(f"{what}: {why.message}", why.hint)

    def conclude(self) -> None:
        """Raises SilentExit when something is missing."""
        if self.missing:
            noun = "thing is" if self.missing == 1 else "things are"
            self.env.log.failure(f"{self.missing} {noun} missing for a bootstrap")
            raise SilentExit("bootstrap check failed")
        self.good("everything is there for a bootstrap")


def check_cluster(env: Env, findings: Findings, plan: Plan) -> None:
    """Reachability of the cluster, and the rights that an installation takes."""
    env.log.action("checking the cluster")
    try:
        client = connect(env)
        version = client.server_version().get("gitVersion", "")
    except PyfluxError as why:
        findings.bad(f"the cluster: {why.message}", why.hint)
        return
    findings.good(f"Kubernetes {version} answers at {client.server}")
    denied = [text for group, resource, verb in _NEEDED if (text := _denied(client, plan, group, resource, verb))]
    if denied:
        findings.bad(f"the login may not {', '.join(denied)}", "use a login with the rights of a cluster admin")
    else:
        findings.good("the login may install Flux")
    from pyflux.kube.installation import find_installation

    found = find_installation(client)
    if found is not None and found.foreign_manager:
        findings.bad(f"Flux {found.version} was installed with {found.foreign_manager}", "pass --force to take it over")
    from pyflux.bootstrap.cluster import check_sync_path

    try:
        check_sync_path(client, plan.sync)
    except NotFound:
        pass
    except PyfluxError as why:
        findings.bad(why.message, why.hint)


def _denied(client: Client, plan: Plan, group: str, resource: str, verb: str) -> str:
    """What may not be done, as "create secrets"; empty where it is allowed."""
    from pyflux.catalog.resources import built_in

    reviews = built_in("authorization.k8s.io/v1", "SelfSubjectAccessReview")
    assert reviews is not None
    attributes = {"group": group, "resource": resource, "verb": verb}
    if resource in ("secrets", "deployments"):
        attributes["namespace"] = plan.sync.namespace
    answer = client.create(
        reviews,
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {"name": ""},
            "spec": {"resourceAttributes": attributes},
        },
    )
    return "" if (answer.get("status") or {}).get("allowed") else f"{verb} {resource}"


def check_git(env: Env, plan: Plan, url: str, auth: Callable[[], Auth]) -> None:
    """The checks for `bootstrap git`. Raises SilentExit when something is missing."""
    findings = Findings(env)
    check_repository(env, findings, plan, url, auth)
    check_cluster(env, findings, plan)
    findings.conclude()


def check_repository(
    env: Env, findings: Findings, plan: Plan, url: str, auth: Callable[[], Auth], *, push: bool = True
) -> None:
    """Reachability of the repository, the branch, and (with `push`) whether a push would be let in."""
    from pyflux.git.urls import parse

    shown = parse(url).shown
    env.log.action(f"checking the Git repository {shown}")

    def reach() -> str:
        from pyflux.git.refs import Ref, list_refs, resolve

        refs = list_refs(url, auth())
        if refs.empty:
            return f"{shown} answers; it is empty, branch {plan.sync.branch} will be made"
        return f"{shown} answers; branch {resolve(Ref(branch=plan.sync.branch), refs, shown)}"

    def try_push() -> str:
        from pyflux.git.workcopy import may_push

        may_push(url, auth())
        return "the login may push"

    before = findings.missing
    findings.attempt("reading the repository", reach)
    if push and findings.missing == before:
        findings.attempt("pushing to the repository", try_push)


def check_host(env: Env, host: Host, plan: Callable[[], Plan], *, key: bool, proposed: bool) -> None:
    """The checks for a hosting service. Raises SilentExit when something is missing.

    `key`: a deploy key will be registered; `proposed`: the manifests go into a pull request.
    """
    findings = Findings(env)
    env.log.action(f"checking {host.title} at {host.domain}")
    try:
        there = _check_host(findings, host, key=key, proposed=proposed)
        wanted = plan()
    except PyfluxError as why:
        findings.bad(why.message, why.hint)
        findings.conclude()
        return
    if there:
        check_repository(env, findings, wanted, host.https_url(), host.git_auth, push=not proposed)
    if key:
        _check_ssh(findings, wanted)
    check_cluster(env, findings, wanted)
    findings.conclude()


def _check_host(findings: Findings, host: Host, *, key: bool, proposed: bool) -> bool:
    """Looks at the token and the repository; whether the repository is there."""
    for found in host.identity():
        findings.add(found)
    repository = host.find()
    if repository is None:
        problems = host.can_create()
        findings.good(f"the repository {host.slug} is not there (or not visible to the token); it will be created")
        for found in problems:
            findings.add(found)
        return False
    findings.good(f"the repository {host.slug} is there, {repository.visibility}")
    if repository.archived:
        findings.bad(f"the repository {host.slug} is archived", "unarchive it, or use another --repository")
    if not repository.can_push:
        findings.bad("the token may not push", "give its owner write access to the repository")
    rule = host.push_rule()
    if rule is not None and not proposed:
        findings.add(rule)
    if key and not repository.can_admin:
        findings.bad(
            "the token may not register deploy keys",
            "give its owner admin rights on the repository, or pass --token-auth",
        )
    return True


def _check_ssh(findings: Findings, plan: Plan) -> None:
    from pyflux.bootstrap.secret import split_host
    from pyflux.git.ssh import scan_host_keys

    assert plan.secret is not None
    host = plan.secret.ssh_host
    if not host:
        return

    def scan() -> str:
        kinds = [line.split()[1] for line in scan_host_keys(*split_host(host))]
        return f"SSH at {host} shows its host keys ({', '.join(kinds)})"

    findings.attempt(f"SSH at {host}", scan)
