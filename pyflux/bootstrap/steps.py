"""The steps of a bootstrap run, in order. Each looks at what is there and does what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyflux.bootstrap import cluster, manifests
from pyflux.bootstrap.plan import COMPONENTS_FILE, KUSTOMIZATION_FILE, KUSTOMIZATION_NAMES, SYNC_FILE
from pyflux.bootstrap.waiting import wait_ready
from pyflux.errors import PyfluxError
from pyflux.git.deadline import OutOfTime, within
from pyflux.git.errors import GitError, NotFastForward
from pyflux.git.workcopy import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyflux.bootstrap.plan import Plan, SecretOptions
    from pyflux.bootstrap.secret import SourceSecret
    from pyflux.env import Env
    from pyflux.git.workcopy import WorkCopy
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_PUSH_ATTEMPTS = 5


@dataclass(frozen=True)
class Hooks:
    """What the caller supplies.

    `components` renders the objects of gotk-components.yaml; `components_text` writes them as that file;
    `healthy` waits for the Deployments and says whether all are ready; `publish` shows a new public key and gives
    it access, before the secret reaches the cluster.
    """

    components: Callable[[], list[Obj]]
    components_text: Callable[[list[Obj]], str]
    healthy: Callable[[], bool]
    publish: Callable[[SourceSecret], None]
    keep: Callable[[str], None] = lambda _public_key: None
    """Gets the public key of a secret that is kept, to see that it still has access."""
    credentials: Callable[[SecretOptions, dict[str, str] | None], SecretOptions] = lambda options, _existing: options
    """Completes the secret's options, given the entries of the secret that is there."""


def _way_out(why: GitError) -> str:
    if isinstance(why, OutOfTime):
        return "the Git server took too long; --timeout allows more time"
    return why.hint


class Bootstrap:
    """One run over one repository and one cluster."""

    def __init__(self, env: Env, client: Client, work: WorkCopy, plan: Plan, hooks: Hooks) -> None:
        self.env = env
        self.client = client
        self.work = work
        self.plan = plan
        self.hooks = hooks
        self._components: list[Obj] = []
        self._applied = False

    def run(self) -> None:
        """All steps. Raises PyfluxError; a second run goes on from wherever this one ended."""
        self.reconcile_components()
        self.reconcile_secret()
        self.reconcile_sync()
        self.report()

    # --- the repository ---

    def clone(self) -> None:
        """Fetches the branch, unless that was done."""
        if self.work.fetched:
            return
        log = self.env.log
        log.action(f'cloning branch "{self.work.branch}" from Git repository "{self.work.shown}"')
        try:
            with within(self.env.kube.timeout):
                self.work.refresh(sleep=self.env.sleep)
        except GitError as why:
            raise type(why)(f"failed to clone repository: {why.message}", hint=_way_out(why)) from None
        log.success("cloned repository")

    def _commit_and_push(self, subject: str, what: str, files: Callable[[], Mapping[str, bytes]]) -> None:
        """Commits what `files` makes of the branch as it is, and pushes; starts over when the branch moved."""
        log = self.env.log
        for attempt in range(_PUSH_ATTEMPTS):
            commit = self._commit(subject, files())
            if not commit:
                log.success(f"{what} manifests are up to date")
                return
            log.success(f'committed {what} manifests to "{self.work.branch}" ("{commit}")')
            log.action(f'pushing {what} manifests to "{self.work.shown}"')
            try:
                with within(self.env.kube.timeout):
                    self.work.push()
                return
            except NotFastForward as why:
                if attempt == _PUSH_ATTEMPTS - 1:
                    raise NotFastForward(
                        f"failed to push {what} manifests: {why.message}", hint="run the command again"
                    ) from None
                log.waiting("git conflict detected, retrying with a fresh clone")
                with within(self.env.kube.timeout):
                    self.work.refresh(sleep=self.env.sleep)
            except GitError as why:
                raise type(why)(f"failed to push {what} manifests: {why.message}", hint=_way_out(why)) from None

    def _commit(self, subject: str, files: Mapping[str, bytes]) -> str:
        options = self.plan.commit
        author = Person(options.author, options.email)
        return self.work.commit(files, options.message(subject), author, signer=options.signer, now=self.env.now())

    # --- components ---

    def reconcile_components(self) -> None:
        """Commits gotk-components.yaml and, on a cluster where Flux does not run yet, applies it."""
        log, plan = self.env.log, self.plan
        self.clone()
        log.action("generating component manifests")
        self._components = self.hooks.components()
        text = self.hooks.components_text(self._components).encode()
        log.success("generated component manifests")
        path = plan.file(COMPONENTS_FILE)
        self._commit_and_push(f"Add Flux {plan.install.version} component manifests", "component", lambda: {path: text})
        if cluster.must_install(self.client, plan.install.namespace):
            log.action(f'installing components in "{plan.install.namespace}" namespace')
            generated = self._generated_kustomization()
            objects = self._objects(generated, self._components)
            # a user's kustomization may name the sync objects, whose turn comes after the secret
            cluster.apply(self.env, self.client, [obj for obj in objects if not self._is_sync(obj)])
            self._applied = True
            log.success("installed components")
        if plan.registry_credentials is not None:
            from pyflux.bootstrap.secret import apply_secret, pull_secret

            name = plan.install.image_pull_secret
            entries = pull_secret(plan.install.registry, *plan.registry_credentials)
            apply_secret(self.client, name, plan.install.namespace, entries, kind="kubernetes.io/dockerconfigjson")
            log.success(f"reconciled image pull secret {name}")
        log.success("reconciled components")

    def _objects(self, generated: str, parts: list[Obj]) -> list[Obj]:
        files = {SYNC_FILE: manifests.sync_text(self.plan.sync)}
        return cluster.repository_objects(self.work, self.plan.folder, generated, parts, files)

    def _is_sync(self, obj: Obj) -> bool:
        meta, sync = obj["metadata"], self.plan.sync
        return (
            obj["kind"] in ("GitRepository", "Kustomization")
            and meta["name"] == sync.name
            and meta.get("namespace") == sync.namespace
        )

    # --- secret ---

    def reconcile_secret(self) -> None:
        """Makes the source's secret, unless there is one and nothing new was given."""
        options = self.plan.secret
        if options is None:
            return
        from pyflux.bootstrap.secret import apply_secret, source_secret

        log = self.env.log
        key = f"{options.namespace}/{options.name}"
        existing = cluster.read_secret(self.client, options.name, options.namespace)
        options = self.hooks.credentials(options, existing)
        log.action(f'determining if source secret "{key}" exists')
        if existing is not None and not options.given and (not options.key_algorithm or "identity" in existing):
            if "identity.pub" in existing:
                self.hooks.keep(existing["identity.pub"])
            log.success("source secret up to date")
            return
        log.action("generating source secret")
        made = source_secret(options)
        self.hooks.publish(made)
        log.action(f'applying source secret "{key}"')
        apply_secret(self.client, options.name, options.namespace, made.data)
        log.success("reconciled source secret")

    # --- sync ---

    def _generated_kustomization(self) -> str:
        names = {COMPONENTS_FILE: b"", SYNC_FILE: b""}
        return manifests.kustomization_text(self.work, self.plan.folder, names)

    def missing_files(self) -> dict[str, bytes]:
        """All files of this plan that the branch lacks or has otherwise. Changes nothing."""
        self.clone()
        text = self.hooks.components_text(self.hooks.components()).encode()
        files = {self.plan.file(COMPONENTS_FILE): text, **self._sync_files()}
        return {path: data for path, data in files.items() if self.work.read(path) != data}

    def _sync_files(self) -> dict[str, bytes]:
        plan = self.plan
        files = {plan.file(SYNC_FILE): manifests.sync_text(plan.sync).encode()}
        there = [name for name, _ in self.work.folder(plan.folder)]
        if not any(name in KUSTOMIZATION_NAMES for name in there):
            files[plan.file(KUSTOMIZATION_FILE)] = self._generated_kustomization().encode()
        return files

    def reconcile_sync(self) -> None:
        """Commits gotk-sync.yaml and kustomization.yaml, and applies what the folder holds."""
        log, plan = self.env.log, self.plan
        cluster.check_sync_path(self.client, plan.sync)
        self.clone()
        log.action("generating sync manifests")
        self._sync_files()
        log.success("generated sync manifests")
        self._commit_and_push("Add Flux sync manifests", "sync", self._sync_files)
        log.action("applying sync manifests")
        objects = manifests.sync_objects(plan.sync)
        stock = self._generated_kustomization()
        parts = objects if self._applied else [*self._components, *objects]
        cluster.apply(self.env, self.client, self._objects(stock, parts))
        log.success("reconciled sync configuration")

    # --- health ---

    def report(self) -> None:
        """Waits for the source, the Kustomization and the Deployments. Raises PyfluxError naming all that fail."""
        log, sync = self.env.log, self.plan.sync
        failures: list[str] = []
        for kind in ("GitRepository", "Kustomization"):
            log.waiting(f'waiting for {kind} "{sync.namespace}/{sync.name}" to be reconciled')
            try:
                wait_ready(self.env, self.client, sync.name, sync.namespace, kind, str(self.work.revision))
            except PyfluxError as why:
                log.failure(why.message)
                failures.append(f"error while waiting for {kind} to be ready: '{why.message}'")
                if kind == "GitRepository":
                    # without the source the Kustomization can only wait out its time
                    break
            else:
                log.success(f"{kind} reconciled successfully")
        log.action("confirming components are healthy")
        if self.hooks.healthy():
            log.success("all components are healthy")
        else:
            failures.append("timeout waiting for: components to be healthy")
        if failures:
            text = failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]"
            raise PyfluxError(f"bootstrap failed with {len(failures)} health check failure(s): {text}")
