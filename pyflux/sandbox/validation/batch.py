"""Validation of Jobs and CronJobs."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache
from typing import Any

from pyflux.sandbox.selectors import match_selector
from pyflux.sandbox.status import Cause, Obj, invalid_value, not_supported, required
from pyflux.sandbox.validation.pods import template
from pyflux.sandbox.validation.selecting import selector, shown_selector, sorted_map
from pyflux.sandbox.validation.workloads import count

_UID = "batch.kubernetes.io/controller-uid"
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_MODES = ["NonIndexed", "Indexed"]
_ANY = ("Always", "OnFailure", "Never")
_FIXED = "field is immutable"
# minute, hour, day of month, month, day of week: smallest, largest, names
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    (0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def job(obj: Obj) -> list[Cause]:
    """Errors of a Job."""
    spec = obj["spec"]
    held = spec.get("selector")
    out: list[Cause] = []
    if not spec.get("manualSelector") and held is not None:
        if held != {"matchLabels": {_UID: obj["metadata"].get("uid")}}:
            out.append(invalid_value("spec.selector", shown_selector(held), "`selector` not auto-generated"))
    return out + _matching(spec)


def _matching(spec: Obj) -> list[Cause]:
    held = spec.get("selector")
    out = job_spec(spec, "spec")
    if held is None:
        return [*out, required("spec.selector")] if spec.get("manualSelector") else out
    out += selector(held, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not match_selector(held, labels):
        text = "`selector` does not match template `labels`"
        out.append(invalid_value("spec.template.metadata.labels", sorted_map(labels), text))
    return out


def job_spec(spec: Obj, path: str) -> list[Cause]:
    """Errors of a Job's spec, in a Job or a CronJob."""
    out: list[Cause] = []
    for key in _COUNTS:
        out += count(spec, key, path)
    mode = spec.get("completionMode")
    if mode is not None and mode not in _MODES:
        out.append(not_supported(f"{path}.completionMode", mode, _MODES))
    if mode == "Indexed" and spec.get("completions") is None:
        out.append(required(f"{path}.completions", "when completion mode is Indexed"))
    held = spec.get("template") or {}
    out += template(held, f"{path}.template", _ANY)
    policy = (held.get("spec") or {}).get("restartPolicy")
    where = f"{path}.template.spec.restartPolicy"
    if policy in ("Always", None, ""):
        out.append(required(where, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        out.append(not_supported(where, policy, ["OnFailure", "Never"]))
    elif policy != "Never" and spec.get("podFailurePolicy") is not None:
        text = 'only "Never" is supported when podFailurePolicy is specified'
        out.append(invalid_value(where, policy, text))
    return out


def job_update(obj: Obj, old: Obj) -> list[Cause]:
    """A Job's selector, template and completion mode never change."""
    new, before = obj["spec"], old["spec"]
    # The server looks at the whole spec again.
    out = _matching(new) + _completions(new, before)
    for key in ("selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"):
        if key == "template" and before.get("suspend"):
            continue
        if new.get(key) != before.get(key):
            shown: Any = new.get(key)
            out.append(invalid_value(f"spec.{key}", shown_selector(shown) if key == "selector" else shown, _FIXED))
    return out


def _completions(new: Obj, before: Obj) -> list[Cause]:
    value = new.get("completions")
    if value == before.get("completions"):
        return []
    if new.get("completionMode") != "Indexed":
        return [invalid_value("spec.completions", value, _FIXED)]
    if value != new.get("parallelism"):
        return [invalid_value("spec.completions", value, "can only be modified in tandem with spec.parallelism")]
    return []


def cron_job(obj: Obj) -> list[Cause]:
    """Errors of a CronJob."""
    spec = obj["spec"]
    out: list[Cause] = []
    name = obj["metadata"].get("name", "")
    schedule = spec.get("schedule", "")
    if not schedule:
        out.append(required("spec.schedule"))
    else:
        out += [invalid_value("spec.schedule", schedule, e) for e in schedule_errors(schedule, spec.get("timeZone"))]
    out += count(spec, "startingDeadlineSeconds", "spec")
    out += [invalid_value("spec.timeZone", spec["timeZone"], e) for e in _zone_errors(spec.get("timeZone"))]
    if spec.get("concurrencyPolicy") not in ("Allow", "Forbid", "Replace"):
        allowed = ["Allow", "Forbid", "Replace"]
        out.append(not_supported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), allowed))
    held = (spec.get("jobTemplate") or {}).get("spec") or {}
    if held.get("manualSelector"):
        allowed = ["nil", "false"]
        out.append(not_supported("spec.jobTemplate.spec.manualSelector", True, allowed))
    out += job_spec(held, "spec.jobTemplate.spec")
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        out += count(spec, key, "spec")
    if len(name) > 52:
        out.append(invalid_value("metadata.name", name, "must be no more than 52 characters"))
    return out


def _zone_errors(zone: str | None) -> list[str]:
    if zone is None:
        return []
    if not zone:
        return ["timeZone must be nil or non-empty string"]
    if zone.lower() == "local":
        return ["timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"]
    if not _zones():
        return []
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return [f"unknown time zone {zone}"]
    return []


@cache
def _zones() -> bool:
    """Whether this machine has a database of time zones."""
    try:
        zoneinfo.ZoneInfo("Europe/London")
    except zoneinfo.ZoneInfoNotFoundError:
        return False
    return True


def schedule_errors(schedule: str, zone: str | None = None) -> list[str]:
    """What is wrong with a CronJob's schedule; at most one thing of its fields."""
    if "TZ" in schedule:
        if zone is not None:
            return ["cannot use both timeZone field and TZ or CRON_TZ in schedule"]
        return ["cannot use TZ or CRON_TZ in schedule, use timeZone field instead"]
    if schedule.startswith("@"):
        known = schedule in _NICKNAMES or re.fullmatch(r"@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", schedule)
        return [] if known else [f"unrecognized descriptor: {schedule}"]
    parts = schedule.split()
    if len(parts) != 5:
        return [f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"]
    for text, (low, high, names) in zip(parts, _FIELDS, strict=True):
        for piece in text.split(","):
            found = _range_error(piece, low, high, names)
            if found:
                return [found]
    return []


def _range_error(piece: str, low: int, high: int, names: tuple[str, ...]) -> str:
    span, *steps = piece.split("/")
    ends = span.split("-")
    try:
        if ends[0] in ("*", "?"):
            start, end = low, high
        else:
            start = _number(ends[0], low, names)
            end = _number(ends[1], low, names) if len(ends) == 2 else high if steps else start
            if len(ends) > 2:
                return f"too many hyphens: {piece}"
        if len(steps) > 1:
            return f"too many slashes: {piece}"
        step = _number(steps[0], 0, ()) if steps else 1
    except ValueError as error:
        return str(error)
    if start < low:
        return f"beginning of range ({start}) below minimum ({low}): {piece}"
    if end > high:
        return f"end of range ({end}) above maximum ({high}): {piece}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {piece}"
    return "" if step else f"step of range should be a positive number: {piece}"


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not re.fullmatch(r"[+-]?\d+", text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 0:
        raise ValueError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
