"""`pyflux diff kustomization`."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Any

from pyflux.controllers.kustomize.objects import Entry, id_of, inventory_of
from pyflux.errors import KubeError, NotFound, PyfluxError, WarningExit
from pyflux.render.build import is_kustomization, name_of
from pyflux.render.dyff_report import report
from pyflux.verbs.drift import CREATED, DRIFTED, SKIPPED, Differ
from pyflux.verbs.kustomization_builder import Builder, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

FAILED = 2
_FLEET = ("from", "to", "offline")
_COLORS = {"green": "0;128;0", "orange": "255;165;0", "red": "255;69;0"}


class _Failed(PyfluxError):
    """The difference could not be told: more than 1, which says that there is one."""

    exit_code = FAILED


def run(env: Env, call: Call) -> None:
    """Prints what applying local files would change; exit code 1 for a difference, 2 for a failure.

    With --from or --to, the difference of two revisions of the checkout, without a cluster.
    """
    if any(name in call.changed for name in _FLEET):
        from pyflux.verbs.fleet.diff import run as diff_fleet

        diff_fleet(env, call)
        return
    if not call.args:
        raise PyfluxError(
            "kustomization name is required", hint="Or --from REVISION, for all Kustomizations of a checkout."
        )
    path, file = call.str("path"), call.str("kustomization-file")
    if not path or not os.path.isdir(path):
        raise _Failed(f'invalid resource path "{path}"')
    if file and not os.path.isfile(file):
        raise PyfluxError(f'invalid kustomization file "{file}"')
    if call.bool("ignore-not-found") and not file:
        raise _Failed("kustomization file is required when assuming new kustomizations")
    from pyflux.kube import connect

    try:
        settings = Settings(env, call, connect(env))
        builder = Builder(
            settings,
            env.kube.namespace,
            call.args[0],
            path,
            file=file,
            ignore_not_found=call.bool("ignore-not-found"),
        )
        diff = _Diff(env, call, settings)
        failures: list[PyfluxError] = []
        text, changed = diff.of(builder, failures)
    except PyfluxError as why:
        raise _Failed(why.message, hint=why.hint) from why
    env.write(text)
    if failures or diff.untried:
        # what was not tried will be created, but nobody knows whether the API server takes it: flux fails, and says so
        raise _summary([*failures, *diff.untried], _Failed)
    if changed:
        raise WarningExit("identified at least one change, exiting with non-zero exit code", exit_code=1)


class _Diff:
    def __init__(self, env: Env, call: Call, settings: Settings) -> None:
        assert settings.client is not None
        self._env = env
        self._settings = settings
        self._client: Client = settings.client
        self._client_side = call.bool("client-side")
        self._color = env.fancy(env.stdout)
        self._width = shutil.get_terminal_size((80, 24)).columns if env.stdout.isatty() else 80
        self.untried: list[PyfluxError] = []
        """Objects that could not be tried, since what they need is not there yet."""
        self._progress = call.bool("progress-bar") and env.fancy()

    def _paint(self, color: str, text: str) -> str:
        return f"\x1b[38;2;{_COLORS[color]}m{text}\x1b[0m\n" if self._color else f"{text}\n"

    @contextlib.contextmanager
    def _step(self, text: str) -> Iterator[None]:
        """A line on the terminal that goes away again."""
        if self._progress:
            self._env.stderr.write(f"\r\x1b[K◎ {text}")
            self._env.stderr.flush()
        try:
            yield
        finally:
            if self._progress:
                self._env.stderr.write("\r\x1b[K")
                self._env.stderr.flush()

    def of(self, builder: Builder, failed: list[PyfluxError]) -> tuple[str, bool]:
        """The text for a Kustomization, and whether there is a difference.

        Objects that the API server refuses are added to `failed`, and the others go on. Raises PyfluxError for a
        Kustomization that does not build.
        """
        objects = builder.objects()
        spec = builder.kustomization["spec"]
        differ = Differ(self._client, spec.get("ignore") or [], objects, client_side=self._client_side)
        text, changed = "", False
        failures: list[PyfluxError] = []
        applied: set[str] = set()
        for obj in objects:
            subject = id_of(obj).subject
            try:
                with self._step(f"Kustomization diffing... running dry-run of {subject}"):
                    change = differ.change(obj)
            except PyfluxError as why:
                failures.append(why)
                continue
            if change.action == SKIPPED:
                text += self._paint("orange", f"► {change.id.subject} skipped")
            elif change.action == CREATED:
                text += self._paint("green", f"► {change.id.subject} created")
                changed = True
                if change.untried:
                    self.untried.append(PyfluxError(change.untried))
            elif change.action == DRIFTED:
                text += f"► {change.id.subject} drifted\n"
                text += report(change.before, change.after, width=self._width, color=self._color)
                changed = True
            applied.add(str(change.id))
            if self._settings.recursive and is_kustomization(obj) and change.action != CREATED:
                more, differs = self._nested(builder, obj, failures)
                text += more
                changed = changed or differs
        if spec.get("prune") and not failures:
            entries = inventory_of(builder.kustomization.get("status") or {})
            pruned = self._pruned([entry for entry in entries if str(entry.id) not in applied], set())
            text += pruned
            changed = changed or bool(pruned)
        failed += failures
        return text, changed

    def _nested(self, builder: Builder, obj: Obj, failures: list[PyfluxError]) -> tuple[str, bool]:
        if name_of(obj) == name_of(builder.kustomization):
            return "", False
        subject = id_of(obj).subject
        spec = obj.get("spec")
        if isinstance(spec, dict) and spec.get("kubeConfig"):
            return self._paint("orange", f"⚠️ {subject} skipped: diff not supported for remote clusters"), False
        try:
            text, changed = self.of(builder.child(obj), failures)
        except PyfluxError as why:
            failures.append(why)
            return "", False
        return (f"📁 {subject} changed\n{text}", True) if changed else ("", False)

    def _pruned(self, entries: list[Entry], seen: set[str]) -> str:
        """Lines for objects that are no longer built, and for what goes with the Kustomizations among them."""
        text = ""
        for entry in sorted(entries, key=lambda entry: entry.id.order):
            if str(entry.id) in seen:
                continue
            seen.add(str(entry.id))
            text += self._paint("red", f"► {entry.id.subject} deleted")
            text += self._pruned(self._inventory_of_pruned(entry), seen)
        return text

    def _inventory_of_pruned(self, entry: Entry) -> list[Entry]:
        """What a Kustomization deletes when it is deleted."""
        if not is_kustomization({"apiVersion": entry.api_version, "kind": entry.id.kind}):
            return []
        try:
            resource = self._client.resource_for(entry.api_version, entry.id.kind)
            live = self._client.get(resource, entry.id.name, entry.id.namespace)
        except NotFound:
            return []
        except KubeError as why:
            self._env.log.warning(f"cannot tell what goes with {entry.id.subject}: {why.message}")
            return []
        spec = live.get("spec") or {}
        policy = spec.get("deletionPolicy") or "MirrorPrune"
        prunes = bool(spec.get("prune")) if policy == "MirrorPrune" else policy != "Orphan"
        return inventory_of(live.get("status") or {}) if prunes and not spec.get("suspend") else []


def _summary(failures: list[PyfluxError], kind: type[PyfluxError]) -> PyfluxError:
    """One error for all, each said once."""
    messages = list(dict.fromkeys(why.message for why in failures))
    if len(messages) == 1:
        return kind(messages[0], hint=failures[0].hint)
    return kind(f"[{', '.join(messages)}]")
