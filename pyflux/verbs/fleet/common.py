"""What the repository verbs share: where the checkout is, how it is built, how failures are told."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError, SilentExit
from pyflux.render.fleet.build import build
from pyflux.render.fleet.cache import Cache, default_folder
from pyflux.render.fleet.model import HELM_RELEASE, KUSTOMIZATION, Cluster, ObjectId, Unit
from pyflux.render.fleet.options import Options, Place
from pyflux.render.fleet.snapshot import WorkTree
from pyflux.ui.ending import ending_in_order
from pyflux.verbs.fleet.sources import Fetcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyflux.env import Call, Env
    from pyflux.render.fleet.snapshot import Snapshot
    from pyflux.render.sops import Sops

KINDS = {"ks": KUSTOMIZATION, "kustomization": KUSTOMIZATION, "hr": HELM_RELEASE, "helmrelease": HELM_RELEASE}


class Checkout:
    """The folder that is taken for the repository, and the folder in it to begin with (empty for all clusters)."""

    def __init__(self, folder: str, entry: str) -> None:
        self.folder = folder
        self.entry = entry

    def remotes(self) -> list[str]:
        """The addresses of the repository's remotes."""
        from pyflux.git.errors import RepositoryMissing
        from pyflux.git.local import LocalRepository

        try:
            with LocalRepository(self.folder) as repository:
                return repository.remotes()
        except RepositoryMissing:
            return []


def checkout_of(path: str) -> Checkout:
    """The repository that `path` lies in; `path` itself where it is in none. Raises PyfluxError."""
    start = os.path.realpath(path)
    if not os.path.isdir(start):
        raise PyfluxError(f"{path} is not a folder")
    top = start
    while not _is_repository(top):
        above = os.path.dirname(top)
        if above == top:
            return Checkout(start, "")
        top = above
    return Checkout(top, os.path.relpath(start, top) if start != top else "")


def _is_repository(folder: str) -> bool:
    git = os.path.join(folder, ".git")
    return os.path.isfile(git) or os.path.isfile(os.path.join(git, "HEAD"))


@contextmanager
def scratch_folder() -> Iterator[str]:
    """A private folder for what is fetched and generated, removed at the end."""
    with ending_in_order():
        folder = tempfile.mkdtemp(prefix="pyflux-")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def local_sources(call: Call) -> dict[ObjectId, str]:
    """`--local-sources Kind/namespace/name=folder` as a mapping. Raises PyfluxError."""
    found: dict[ObjectId, str] = {}
    for name, folder in call.mapping("local-sources").items():
        parts = name.split("/")
        if len(parts) != 3:
            raise PyfluxError(f"--local-sources wants Kind/namespace/name=folder, not {name}={folder}")
        found[parts[0], parts[1], parts[2]] = folder
    return found


def cache_for(env: Env, call: Call) -> Cache:
    """Where rendered manifests are kept; nowhere with --no-cache."""
    return Cache(None if call.bool("no-cache") else default_folder(dict(env.environ)))


def options_for(
    env: Env,
    call: Call,
    checkout: Checkout,
    scratch: str,
    progress: Callable[[Unit], None],
    files: Snapshot | None = None,
    cache: Cache | None = None,
) -> Options:
    """How the flags ask for the checkout to be built; `files` are those of another revision of it."""
    folder = default_folder(dict(env.environ))
    fetcher = Fetcher(env, offline=call.bool("offline"), cache=folder, scratch=scratch)
    cache = cache or cache_for(env, call)
    seen: set[str] = set()
    return Options(
        files or WorkTree(checkout.folder, cache),
        cache,
        path=checkout.entry,
        place=Place(fetcher.source, fetcher.chart, fetcher.dependency),
        remotes=checkout.remotes,
        local=local_sources(call),
        progress=progress,
        sops=_sops(env, seen) if call.bool("decrypt") else None,
        seen=seen,
        scratch=scratch,
    )


def _sops(env: Env, seen: set[str]) -> Sops:
    from pyflux.render.sops import Sops, program

    program(env.environ)
    return Sops(env.environ, seen=seen)


@contextmanager
def progress(env: Env, what: str) -> Iterator[Callable[[Unit], None]]:
    """Counts units as they are rendered: a live line on a terminal, nothing elsewhere."""
    if not env.fancy():
        yield lambda _unit: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=env.stderr), transient=True) as bar:
        task = bar.add_task(what, total=1)
        known: set[ObjectId] = set()

        def step(unit: Unit) -> None:
            known.add(unit.id)
            brought = sum(obj.get("kind") in (KUSTOMIZATION, HELM_RELEASE) for obj in unit.indexed)
            total = (bar.tasks[0].total or 0) + brought
            bar.update(task, advance=1, total=total, description=f"{what} {unit.title}")

        yield step


@contextmanager
def built(env: Env, call: Call, path: str) -> Iterator[list[Cluster]]:
    """Every cluster of the repository at `path`, rendered."""
    checkout = checkout_of(path)
    with scratch_folder() as scratch:
        with progress(env, "rendering") as step:
            options = options_for(env, call, checkout, scratch, step)
            clusters = build(options)
            options.cache.trim()
        yield clusters


def chosen(clusters: list[Cluster], kind: str, name: str, namespace: str) -> list[tuple[Cluster, Unit]]:
    """The units of a kind (empty: all), of a name and namespace where they are given. Raises PyfluxError for none."""
    found = [
        (cluster, unit)
        for cluster in clusters
        for unit in cluster.ordered()
        if (not kind or unit.kind == kind)
        and (not name or unit.name == name)
        and (not namespace or unit.namespace == namespace)
    ]
    if name and not found:
        where = f" in namespace {namespace}" if namespace else ""
        raise PyfluxError(f"there is no {kind or 'unit'} {name}{where} in the repository")
    return found


def tell(env: Env, units: list[tuple[Cluster, Unit]], *, several: bool) -> None:
    """Says what did not render, on stderr. Raises SilentExit where something failed."""
    failed = False
    for cluster, unit in units:
        where = f" ({cluster.path})" if several else ""
        if unit.error:
            failed = True
            env.log.failure(f"{unit.title}{where}: {unit.error}")
        elif unit.skipped:
            env.log.warning(f"{unit.title}{where} was not rendered: {unit.skipped}")
        for problem in unit.problems:
            if problem == unit.skipped:
                continue
            env.log.warning(f"{unit.title}{where}: {problem}")
    if failed:
        raise SilentExit("some of it does not build")
