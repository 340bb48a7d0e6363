"""What applying an object would change in the cluster: a server-side dry run, compared with what is there."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pyflux.controllers.kustomize import undeclared
from pyflux.controllers.kustomize.apply import drifted
from pyflux.controllers.kustomize.ignorerules import IgnoreRules
from pyflux.controllers.kustomize.normalize import normalize
from pyflux.controllers.kustomize.objects import GROUP, ObjectId, id_of, marked
from pyflux.errors import Conflict, Invalid, KubeError, NoMatch, NotFound, PyfluxError
from pyflux.render.sopsmask import MASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyflux.catalog.resources import Resource
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

CREATED, DRIFTED, UNCHANGED, SKIPPED = "created", "drifted", "unchanged", "skipped"

_MANAGER = "kustomize-controller"
_NO_NAMESPACE = re.compile(r'namespaces "[^"]*" not found')
_IMMUTABLE = re.compile(r"is\simmutable|immutable\sfield")


class DryRunFailed(PyfluxError):
    """The API server would refuse the object."""


class Change(NamedTuple):
    """What would happen to an object. `before` and `after` are there for DRIFTED.

    `untried` says why the API server could not try: what it needs is not there yet. It is CREATED in any case.
    """

    action: str
    id: ObjectId
    version: str
    before: Obj | None = None
    after: Obj | None = None
    untried: str = ""


class Differ:
    """Compares objects with the cluster; `rules` are a Kustomization's `spec.ignore`.

    `objects` are all that is applied with them: a kind that one of them defines may be missing yet. `client_side`
    works without the right to patch: the object is laid over the one in the cluster.
    """

    def __init__(
        self, client: Client, rules: list[Obj], objects: Sequence[Obj] = (), *, client_side: bool = False
    ) -> None:
        self._client = client
        self._coming = {_defined(obj) for obj in objects if obj["kind"] == "CustomResourceDefinition"}
        self._rules = IgnoreRules(rules)
        self._client_side = client_side

    def change(self, wanted: Obj) -> Change:
        """What applying `wanted` would do; it is normalized on the way. Raises DryRunFailed, KubeError."""
        normalize(wanted)
        try:
            resource = self._client.resource_for(wanted["apiVersion"], wanted["kind"])
        except KubeError as why:
            if isinstance(why, NoMatch) and (id_of(wanted).group, wanted["kind"]) in self._coming:
                return _changed(CREATED, wanted, untried=_failed(wanted, why).message)
            raise _failed(wanted, why) from why
        if not resource.namespaced:
            wanted["metadata"].pop("namespace", None)
        elif not wanted["metadata"].get("namespace"):
            raise DryRunFailed(
                f"{id_of(wanted).subject} namespace not specified: the server could not find the requested resource",
                hint="Set spec.targetNamespace, or a namespace in the manifest.",
            )
        existing = self._existing(resource, wanted)
        if _skipped(wanted, existing):
            return _changed(SKIPPED, existing or wanted)
        try:
            result = self._applied(resource, wanted, existing)
        except KubeError as why:
            if _recreated(wanted, existing, why):
                return _changed(CREATED, wanted)
            if isinstance(why, NotFound) and _NO_NAMESPACE.search(why.message):
                return _changed(CREATED, wanted, untried=_failed(wanted, why).message)
            raise _failed(wanted, why) from why
        if existing is None or not result["metadata"].get("resourceVersion"):
            return _changed(CREATED, result)
        return self._compared(wanted, existing, result)

    def _existing(self, resource: Resource, wanted: Obj) -> Obj | None:
        metadata = wanted["metadata"]
        try:
            return self._client.get(resource, metadata["name"], metadata.get("namespace") or "")
        except KubeError:
            return None  # what is wrong, the dry run says

    def _applied(self, resource: Resource, wanted: Obj, existing: Obj | None) -> Obj:
        while not self._client_side:
            try:
                return self._client.apply(wanted, resource=resource, force=True, dry_run=True, field_manager=_MANAGER)
            except KubeError as why:
                # the controller leaves out what a built-in kind does not have
                if not undeclared.drop(wanted, why.message):
                    raise
        return overlaid(existing, wanted) if existing is not None else copy.deepcopy(wanted)

    def _compared(self, wanted: Obj, existing: Obj, result: Obj) -> Change:
        paths = self._rules.paths(result) if self._rules else []
        if paths:
            existing, result = self._rules.without(existing, paths), self._rules.without(result, paths)
        if not drifted(existing, result):
            return _changed(UNCHANGED, result)
        before, after = copy.deepcopy(existing), copy.deepcopy(result)
        for obj in (before, after):
            obj["metadata"].pop("managedFields", None)
        if wanted["kind"] == "Secret" and wanted["apiVersion"] == "v1":
            _mask(before, after)
            if _is_masked(wanted) and sorted(before.get("data") or {}) == sorted(after.get("data") or {}):
                return _changed(UNCHANGED, result)
            if _is_masked(wanted):
                for obj in (before, after):
                    obj["data"] = dict.fromkeys(obj.get("data") or {}, "*****")
        return _changed(DRIFTED, wanted, before=before, after=after)


def _changed(
    action: str, obj: Obj, *, before: Obj | None = None, after: Obj | None = None, untried: str = ""
) -> Change:
    version = str(obj["apiVersion"]).rpartition("/")[2]
    return Change(action, id_of(obj), version, before, after, untried)


def _defined(definition: Obj) -> tuple[str, str]:
    """The group and kind that a CustomResourceDefinition brings."""
    spec = definition.get("spec") or {}
    return str(spec.get("group")), str((spec.get("names") or {}).get("kind"))


def _skipped(wanted: Obj, existing: Obj | None) -> bool:
    for obj in (wanted, existing):
        if marked(obj, f"{GROUP}/reconcile", "disabled") or marked(obj, f"{GROUP}/ssa", "ignore"):
            return True
    return existing is not None and marked(wanted, f"{GROUP}/ssa", "ifnotpresent")


def _recreated(wanted: Obj, existing: Obj | None, why: KubeError) -> bool:
    """True for an object that may be deleted and made anew to get over what cannot be changed."""
    forced = any(marked(obj, f"{GROUP}/force", "enabled") for obj in (wanted, existing))
    return forced and (isinstance(why, (Conflict, Invalid)) or _IMMUTABLE.search(why.message) is not None)


def _failed(wanted: Obj, why: KubeError) -> DryRunFailed:
    subject = id_of(wanted).subject
    if isinstance(why, NotFound) and not isinstance(why, NoMatch):
        return DryRunFailed(f"{subject} not found: {why.message}", hint=why.hint)
    causes = why.details.get("causes")
    conflict = isinstance(causes, list) and any(
        isinstance(cause, dict) and cause.get("reason") == "FieldManagerConflict" for cause in causes
    )
    reason = "FieldManagerConflict" if conflict else "" if isinstance(why, NoMatch) else why.reason
    return DryRunFailed(f"{subject} dry-run failed{f' ({reason})' if reason else ''}: {why.message}", hint=why.hint)


def _is_masked(wanted: Obj) -> bool:
    """True for a Secret that SOPS encrypted: its values cannot be compared, only its keys."""
    for value in (wanted.get("data") or {}).values():
        try:
            if MASK.encode() in base64.b64decode(str(value)):
                return True
        except (binascii.Error, ValueError):
            continue
    return False


def _mask(before: Obj, after: Obj) -> None:
    """Puts marks in the place of a Secret's values, which still tell the changed ones."""
    old, new = before.get("data"), after.get("data")
    one: Obj = old if isinstance(old, dict) else {}
    other: Obj = new if isinstance(new, dict) else {}
    changed = {key for key in one.keys() & other.keys() if one[key] != other[key]}
    if one:
        before["data"] = {key: "*** (before)" if key in changed else "***" for key in one}
    if other:
        after["data"] = {key: "*** (after)" if key in changed else "***" for key in other}


def overlaid(existing: Any, wanted: Any) -> Any:
    """`wanted` laid over `existing`: maps key by key, lists of named entries entry by entry, all else replaced."""
    if isinstance(existing, dict) and isinstance(wanted, dict):
        merged = copy.deepcopy(existing)
        for key, value in wanted.items():
            merged[key] = overlaid(existing[key], value) if key in existing else copy.deepcopy(value)
        return merged
    if _is_named(existing) and _is_named(wanted):
        known = {item["name"]: item for item in existing}
        return [
            overlaid(known[item["name"]], item) if item["name"] in known else copy.deepcopy(item) for item in wanted
        ]
    return copy.deepcopy(wanted)


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "name" in item for item in value)
