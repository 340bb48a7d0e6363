"""For a protected branch: the manifests on a branch of their own, and a pull request for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyflux.bootstrap.providers.reconcile import make
from pyflux.errors import PyfluxError
from pyflux.git.workcopy import Person, WorkCopy

if TYPE_CHECKING:
    from pyflux.bootstrap.plan import Plan
    from pyflux.bootstrap.providers.base import Host
    from pyflux.env import Env

_BODY = """\
Flux {version} for the cluster that syncs with `{path}` of branch `{branch}`.

After the merge, run the same bootstrap command again: it finds the manifests in place, installs the controllers
and has the cluster sync with them.
"""


def branch_name(plan: Plan) -> str:
    """The branch for a plan's manifests, the same in each run: bootstrap/BRANCH-PATH."""
    path = re.sub(r"[^A-Za-z0-9]+", "-", plan.folder).strip("-")
    return f"bootstrap/{plan.sync.branch}-{path}"


def propose(env: Env, host: Host, plan: Plan, files: dict[str, bytes]) -> str:
    """Pushes `files` to a branch beside the plan's, and opens a pull request unless one is open.

    Returns its web address. Raises PyfluxError in a repository without the plan's branch.
    """
    log, base = env.log, plan.sync.branch
    head = branch_name(plan)
    work = WorkCopy(host.https_url(), head, host.git_auth())
    try:
        log.action(f'cloning branch "{base}" from Git repository "{work.shown}"')
        work.refresh(sleep=env.sleep, start_from=base)
        if not work.head:
            raise PyfluxError(
                f"the repository {host.shown} is empty: there is no branch {base} to open a pull request for",
                hint="run without --pull-request, or push a first commit",
            )
        log.success("cloned repository")
        message = plan.commit.message(f"Add Flux {plan.install.version} manifests")
        author = Person(plan.commit.author, plan.commit.email)
        commit = work.commit(files, message, author, signer=plan.commit.signer, now=env.now())
        if commit:
            log.success(f'committed manifests to "{head}" ("{commit}")')
            log.action(f'pushing manifests to "{work.shown}"')
            work.push()
        else:
            log.success(f'manifests are in branch "{head}"')
    finally:
        work.close()
    address = host.pull_request(head, base)
    if address:
        log.success(f"pull request is open: {address}")
        return address
    title = f"Add Flux {plan.install.version} manifests to {plan.folder}"
    body = _BODY.format(version=plan.install.version, path=plan.sync.path or "./", branch=base)
    address = make(
        env, lambda: host.pull_request(head, base) or None, lambda: host.open_pull_request(head, base, title, body)
    )
    log.success(f"opened pull request: {address}")
    return address
