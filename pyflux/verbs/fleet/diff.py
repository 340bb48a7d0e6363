"""`pyflux diff all|ks|hr --path DIR --from REV [--to REV]`: the rendered change between two revisions."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError, SilentExit
from pyflux.render.fleet import danger
from pyflux.render.fleet.build import build
from pyflux.render.fleet.compare import Comparison, Noise, compare
from pyflux.render.fleet.discover import NoCluster
from pyflux.verbs.fleet import report
from pyflux.verbs.fleet.common import KINDS, cache_for, checkout_of, options_for, progress, scratch_folder

if TYPE_CHECKING:
    from pyflux.env import Call, Env
    from pyflux.git.local import LocalRepository
    from pyflux.render.fleet.cache import Cache
    from pyflux.render.fleet.model import Cluster
    from pyflux.verbs.fleet.common import Checkout

WORK_TREE = ""
DIFFERS = 1
FAILED = 2


def run(env: Env, call: Call) -> None:
    """Prints the difference; exit code 1 where there is one, 2 where something fails or `--fail-on` strikes."""
    try:
        _run(env, call)
    except SilentExit:
        raise
    except PyfluxError as why:
        # 1 would say that there is a difference
        raise PyfluxError(why.message, hint=why.hint, exit_code=FAILED) from why
    except BrokenPipeError:
        raise
    except OSError as why:
        where = f"{why.filename}: " if why.filename else ""
        raise PyfluxError(f"{where}{why.strerror or why}", exit_code=FAILED) from why


def _run(env: Env, call: Call) -> None:
    output = call.str("output") or "unified"
    if output not in report.FORMATS:
        raise PyfluxError(f"--output is one of {', '.join(report.FORMATS)}, not {output}")
    rules = call.strings("fail-on")
    unknown = [rule for rule in rules if rule != "any" and rule not in danger.RULES]
    if unknown:
        raise PyfluxError(f"--fail-on knows any, {', '.join(danger.RULES)}, and not {unknown[0]}")
    comparisons = compared(env, call)
    env.write(report.FORMATS[output](comparisons, call.int("limit")))
    failures = [failure for comparison in comparisons for failure in comparison.failures]
    for failure in failures:
        env.log.failure(failure)
    for comparison in comparisons:
        where = f"{comparison.cluster}: " if len(comparisons) > 1 else ""
        for skipped in comparison.skipped:
            env.log.warning(f"{where}not rendered: {skipped}")
    struck = [
        (change, found)
        for comparison in comparisons
        for change, found in comparison.dangers()
        if "any" in rules or found.rule in rules
    ]
    for change, found in struck:
        env.log.failure(f"{found.rule}: {change.title}: {found.reason}")
    if failures or struck:
        raise SilentExit("it does not build, or is too dangerous", exit_code=FAILED)
    if any(comparison.changes for comparison in comparisons):
        raise SilentExit("it differs", exit_code=DIFFERS)


def compared(env: Env, call: Call) -> list[Comparison]:
    from pyflux.git.local import LocalRepository

    path = call.str("path") or "."
    checkout = checkout_of(path)
    cache = cache_for(env, call)
    with LocalRepository(path) as repository, scratch_folder() as scratch:
        old, new = _revisions(repository, call)
        before = _build(env, call, checkout, repository, old, scratch, cache)
        after = _build(env, call, checkout, repository, new, scratch, cache)
        cache.trim()
        if not before and not after:
            raise NoCluster(
                f"no cluster found in {checkout.folder}, in either revision",
                hint="name the folder that a cluster syncs, for example --path clusters/production",
            )
        kind = KINDS.get(call.path[-1], "")
        name = call.args[0] if call.args else ""
        if kind:
            _narrow(before, kind, name)
            _narrow(after, kind, name)
            if name and not any(cluster.units for cluster in (*before, *after)):
                raise PyfluxError(f"there is no {kind} {name} in {checkout.folder}, in either revision")
        return compare(before, after, Noise(call.strings("strip-attrs"), call.strings("ignore")))


def _revisions(repository: LocalRepository, call: Call) -> tuple[str, str]:
    """The commit to compare from and the one to compare to; the latter empty for the work tree as it is."""
    new = call.str("to")
    to = repository.resolve(new) if new else WORK_TREE
    old = repository.resolve(call.str("from") or "HEAD")
    if call.bool("merge-base"):
        old = repository.merge_base(old, to or repository.resolve("HEAD"))
    return old, to


def _build(
    env: Env,
    call: Call,
    checkout: Checkout,
    repository: LocalRepository,
    commit: str,
    scratch: str,
    cache: Cache,
) -> list[Cluster]:
    files = None
    if commit:
        files = repository.tree(commit, tempfile.mkdtemp(prefix=f"{commit[:8]}-", dir=scratch), cache)
        if not files.has_folder(checkout.entry):
            # a cluster that is new, or gone: nothing on this side
            return []
    with progress(env, f"rendering {commit[:8] or 'the work tree'}") as step:
        try:
            return build(options_for(env, call, checkout, scratch, step, files, cache))
        except NoCluster:
            # not bootstrapped yet, or no more
            return []


def _narrow(clusters: list[Cluster], kind: str, name: str) -> None:
    for cluster in clusters:
        cluster.units = {
            identity: unit
            for identity, unit in cluster.units.items()
            if unit.kind == kind and (not name or unit.name == name)
        }
