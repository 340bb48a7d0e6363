"""managedFields: who owns which field of an object, through applies and updates.

`Manager` works on one kind: its schema, its apiVersion and the fields that a (sub)resource resets. It reads
`metadata.managedFields` of the live object and writes those of the new one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyflux.sandbox.schema.model import Schema
from pyflux.sandbox.schema.scalars import now
from pyflux.sandbox.ssa import typed
from pyflux.sandbox.ssa.check import check
from pyflux.sandbox.ssa.compare import Comparison, compare
from pyflux.sandbox.ssa.fieldset import (
    SELF,
    FieldSet,
    difference,
    from_fields_v1,
    intersection,
    named_fields_as_members,
    paths,
    show,
    to_fields_v1,
    union,
    without_prefixes,
)
from pyflux.sandbox.ssa.merge import merge, remove
from pyflux.sandbox.status import ApiError, Obj

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_UPDATERS = 10
BEFORE_APPLY = "before-first-apply"
_STRIPPED = ("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
             "managedFields", "resourceVersion")  # fmt: skip
STRIP: FieldSet = {
    "f:apiVersion": {SELF: {}},
    "f:kind": {SELF: {}},
    "f:metadata": {SELF: {}, **{f"f:{name}": {SELF: {}} for name in _STRIPPED}},
}


@dataclass
class Entry:
    """One manager's fields. The key of an entry is (manager, operation, apiVersion of updates, subresource)."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    fields: FieldSet
    time: str | None = None

    def key(self) -> tuple[str, str, str, str]:
        """What makes two entries the same manager: an applier keeps its identity across versions."""
        version = "" if self.operation == "Apply" else self.api_version
        return self.manager, self.operation, version, self.subresource

    def encode(self) -> Obj:
        """The entry as metadata.managedFields holds it."""
        out: Obj = {"manager": self.manager, "operation": self.operation, "apiVersion": self.api_version}
        if self.time is not None:
            out["time"] = self.time
        out["fieldsType"] = "FieldsV1"
        out["fieldsV1"] = to_fields_v1(self.fields)
        if self.subresource:
            out["subresource"] = self.subresource
        return out


Key = tuple[str, str, str, str]
Managers = dict[Key, Entry]


def decode(entries: Any) -> Managers:
    """Reads metadata.managedFields; ValueError when an entry is malformed."""
    out: Managers = {}
    for i, raw in enumerate(entries or []):
        if raw.get("operation") not in ("Apply", "Update"):
            raise ValueError("operation must be `Apply` or `Update`")
        if not raw.get("apiVersion"):
            raise ValueError("apiVersion must not be empty")
        if not raw.get("fieldsType"):
            raise ValueError(f"missing fieldsType in managed fields entry {i}")
        if raw["fieldsType"] != "FieldsV1":
            raise ValueError(f'invalid fieldsType "{raw["fieldsType"]}" in managed fields entry {i}')
        entry = Entry(
            raw.get("manager", ""), raw["operation"], raw["apiVersion"], raw.get("subresource", ""),
            from_fields_v1(raw.get("fieldsV1") or {}), raw.get("time"),
        )  # fmt: skip
        out[entry.key()] = entry
    return out


def encode(managers: Managers) -> list[Obj]:
    """Writes metadata.managedFields in the server's order."""
    return encode_entries(list(managers.values()))


def encode_entries(entries: list[Entry]) -> list[Obj]:
    """Writes entries in the server's order."""
    ordered = sorted(
        entries,
        key=lambda e: (e.operation, e.time or "", e.manager, e.api_version, e.subresource),
    )
    return [entry.encode() for entry in ordered]


def _live_or_new(live: Obj, new: Obj, ignore_request: bool) -> Managers:
    given = new.get("metadata", {}).get("managedFields")
    try:
        if not ignore_request:
            if given is not None and (given == [] or given == [{}]):
                return {}
            try:
                found = decode(given)
            except ValueError:
                found = {}
            if found:
                return found
        return decode(live.get("metadata", {}).get("managedFields"))
    except ValueError:
        return {}


def _without_managed(obj: Obj) -> Obj:
    meta = obj.get("metadata")
    if isinstance(meta, dict) and "managedFields" in meta:
        return {**obj, "metadata": {k: v for k, v in meta.items() if k != "managedFields"}}
    return obj


class Manager:
    """Ownership for one kind and subresource."""

    def __init__(
        self,
        schema: Schema,
        api_version: str,
        subresource: str = "",
        reset: FieldSet | None = None,
        empty: Obj | None = None,
    ) -> None:
        self.schema = schema
        self.empty = empty or {}
        """What stands for an object that does not exist: a built-in kind's structs are there even when empty."""
        self.api_version = api_version
        self.subresource = subresource
        self.reset = reset or {}

    def update(self, live: Obj | None, new: Obj, name: str) -> list[Obj]:
        """The managedFields after an update of `live` (None: a create) to `new` by manager `name`."""
        before = self.empty if live is None else live
        managers = _live_or_new(before, new, bool(self.subresource))
        if not managers and live is not None and live.get("metadata", {}).get("uid"):
            return []
        try:
            after = self._update(_without_managed(before), _without_managed(new), managers, name)
        except (typed.TypedError, AttributeError, TypeError):
            # The object does not fit its schema: validation will say so.
            return []
        return encode(self._cap(after))

    def _update(self, live: Obj, new: Obj, managers: Managers, name: str) -> Managers:
        diff = compare(self.schema, live, new)
        self._drop_reset(diff)
        managers = self._take(managers, diff, None, force=True)
        mine = union(diff.modified, diff.added)
        mine = difference(without_prefixes(mine, self.reset), STRIP)
        if mine:
            entry = Entry(
                name or "unknown",
                "Update",
                self.api_version,
                self.subresource,
                mine,
                now(),
            )
            old = managers.get(entry.key())
            if old is not None:
                entry.fields = union(mine, old.fields)
            managers[entry.key()] = entry
        return managers

    def _drop_reset(self, diff: Comparison) -> None:
        if self.reset:
            diff.added = without_prefixes(diff.added, self.reset)
            diff.modified = without_prefixes(diff.modified, self.reset)
            diff.removed = without_prefixes(diff.removed, self.reset)

    def _take(self, managers: Managers, diff: Comparison, workflow: Key | None, force: bool) -> Managers:
        changed = union(diff.modified, diff.added)
        conflicts: dict[Key, FieldSet] = {}
        for key, entry in managers.items():
            if key != workflow:
                both = intersection(entry.fields, changed)
                if both:
                    conflicts[key] = both
        if conflicts and not force:
            raise ConflictError({k: (managers[k], v) for k, v in conflicts.items()})
        out: Managers = {}
        for key, entry in managers.items():
            fields = entry.fields
            if key in conflicts:
                fields = difference(fields, conflicts[key])
            if key != workflow and diff.removed:
                fields = difference(fields, diff.removed)
            if fields:
                if fields is not entry.fields:
                    entry = Entry(
                        entry.manager, entry.operation, entry.api_version, entry.subresource, fields, entry.time
                    )
                out[key] = entry
        return out

    def apply(self, live: Obj | None, config: Obj, name: str, force: bool) -> Obj:
        """`live` (None: a create) with `config` applied; its managedFields are set.

        Raises ApiError: 409 with one cause a conflicting field, 400 or 500 for a config that does not fit.
        What kubectl applied from the client's side before is its own when it turns to the server's side.
        """
        try:
            return self._apply(live, config, name, force)
        except ConflictError as error:
            allowed = last_applied_fields(self.schema, live, self.api_version) if name == "kubectl" else {}
            left = {key: (e, rest) for key, (e, f) in error.fields.items() if (rest := difference(f, allowed))}
            if left:
                raise ConflictError(left) from None
            return self._apply(live, config, name, True)

    def _apply(self, live: Obj | None, config: Obj, name: str, force: bool) -> Obj:
        if (config.get("metadata") or {}).get("managedFields") is not None:
            raise ApiError(400, "metadata.managedFields must be nil")
        identity: Obj = {"apiVersion": config.get("apiVersion"), "kind": config.get("kind"), "metadata": {}}
        before = {**self.empty, **identity} if live is None else live
        try:
            managers = decode(before.get("metadata", {}).get("managedFields"))
        except ValueError as error:
            raise ApiError(500, f"failed to decode managed fields: {error}") from None
        before = _without_managed(before)
        if not managers and live is not None:
            managers = self._before_first_apply(before)
        self._check(config)
        me = Entry(name, "Apply", self.api_version, self.subresource, {})
        last = managers.get(me.key())
        merged = merge(self.schema, before, config)
        me.fields = without_prefixes(typed.field_set(self.schema, config), self.reset)
        managers[me.key()] = me
        # When everything that was applied before is applied again, nothing can have to go.
        if last is not None and difference(last.fields, me.fields):
            merged = self._prune(merged, managers, last.fields)
        diff = compare(self.schema, before, merged)
        self._drop_reset(diff)
        managers = self._take(managers, diff, me.key(), force)
        if me.key() in managers:
            mine = difference(managers[me.key()].fields, STRIP)
            if not mine:
                del managers[me.key()]
            else:
                # A time is set only when the object changes: a manager that just agrees has none.
                when = now() if not diff.same() or live is None else last.time if last is not None else None
                managers[me.key()] = Entry(name, "Apply", self.api_version, self.subresource, mine, when)
        result = dict(merged)
        result["metadata"] = {**(merged.get("metadata") or {}), "managedFields": encode(managers)}
        if name == "kubectl":
            _sync_last_applied(result, config)
        return result

    def _before_first_apply(self, before: Obj) -> Managers:
        return self._update(self.empty, before, {}, BEFORE_APPLY)

    def _check(self, config: Obj) -> None:
        try:
            check(self.schema, config)
        except typed.TypedError as error:
            meta = config.get("metadata") or {}
            version = self.api_version if "/" in self.api_version else f"/{self.api_version}"
            where = f"{meta.get('namespace', '')}/{meta.get('name', '')}; {version}, Kind={config.get('kind')}"
            message = f"failed to create typed patch object ({where}): {error}"
            raise ApiError(500, message, reason="") from None

    def _prune(self, merged: Obj, managers: Managers, last: FieldSet) -> Obj:
        """Removes what this manager applied before and no longer does, unless somebody else owns it."""
        schema = self.schema
        last_members = named_fields_as_members(last, schema)
        pruned = remove(schema, merged, last_members) or {}
        owned: FieldSet = {}
        for entry in managers.values():
            owned = union(owned, entry.fields)
        merged_set = named_fields_as_members(typed.field_set(schema, merged), schema)
        pruned_set = named_fields_as_members(typed.field_set(schema, pruned), schema)
        keep = union(pruned_set, named_fields_as_members(owned, schema))
        pruned = remove(schema, merged, difference(merged_set, keep)) or {}
        pruned_set = named_fields_as_members(typed.field_set(schema, pruned), schema)
        gone = intersection(difference(merged_set, pruned_set), last_members)
        return remove(schema, merged, gone) or {}

    def _cap(self, managers: Managers) -> Managers:
        """Folds the oldest updaters into one entry when there are more than ten."""
        updaters = sorted(
            (k for k, e in managers.items() if e.operation != "Apply"),
            key=lambda k: (managers[k].time or "", k),
        )
        count = len(updaters)
        first: dict[str, Key] = {}
        for key in updaters:
            if count <= MAX_UPDATERS:
                break
            entry = managers[key]
            bucket = Entry("ancient-changes", "Update", entry.api_version, "", entry.fields, entry.time)
            if entry.api_version not in first:
                first[entry.api_version] = key
                continue
            if bucket.key() not in managers:
                bucket.fields = managers.pop(first[entry.api_version]).fields
                managers[bucket.key()] = bucket
            held = managers[bucket.key()]
            held.fields, held.time = union(entry.fields, held.fields), entry.time
            managers.pop(key, None)
            count -= 1
        return managers


def last_applied_fields(schema: Schema, live: Obj | None, api_version: str) -> FieldSet:
    """The fields of a live object that are as kubectl last applied them from the client's side."""
    text = ((live or {}).get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        applied = json.loads(text or "")
        if live is None or applied.get("apiVersion") != api_version:
            return {}
        fields = typed.field_set(schema, applied)
        changes = compare(schema, applied, _without_managed(live))
    except (ValueError, AttributeError, typed.TypedError):
        return {}
    for part in (changes.modified, changes.added, changes.removed):
        fields = difference(fields, part)
    return fields


def _sync_last_applied(result: Obj, config: Obj) -> None:
    annotations = result["metadata"].get("annotations") or {}
    if not annotations.get(LAST_APPLIED):
        return
    meta = dict(config.get("metadata") or {})
    if meta.get("annotations") is not None:
        meta["annotations"] = {k: v for k, v in meta["annotations"].items() if k != LAST_APPLIED}
    text = json.dumps({**config, "metadata": meta}, separators=(",", ":"), sort_keys=True) + "\n"
    result["metadata"]["annotations"] = {**annotations, LAST_APPLIED: text}


def _name(entry: Entry) -> str:
    text = json.dumps(entry.manager)
    if entry.subresource:
        text += f" with subresource {json.dumps(entry.subresource)}"
    if entry.operation == "Update":
        text += f" using {entry.api_version}"
        # The identity of a manager carries no time, so the server never prints one here.
    return text


class ConflictError(ApiError):
    """409 with the text and causes of a server-side apply conflict; `fields` are those of each other manager."""

    def __init__(self, fields: dict[Key, tuple[Entry, FieldSet]]) -> None:
        message, causes = _conflict_text(fields)
        super().__init__(409, message, details={"causes": causes})
        self.fields = fields


def _conflict_text(conflicts: dict[Key, tuple[Entry, FieldSet]]) -> tuple[str, list[Obj]]:
    rows = [(e, show(p)) for _, (e, fields) in sorted(conflicts.items()) for p in paths(fields)]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_name(e)}", "field": path} for e, path in rows
    ]
    if len(rows) == 1:
        message = f"Apply failed with 1 conflict: conflict with {_name(rows[0][0])}: {rows[0][1]}"
    else:
        lines: list[str] = []
        by_name: dict[tuple[Key, str], list[str]] = {}
        for entry, path in rows:
            by_name.setdefault((entry.key(), _name(entry)), []).append(path)
        for (_, name), found in sorted(by_name.items(), key=lambda item: item[0][0]):
            lines.append(f"conflicts with {name}:")
            lines += [f"- {path}" for path in found]
        message = f"Apply failed with {len(rows)} conflicts: " + "\n".join(lines)
    return message, causes
