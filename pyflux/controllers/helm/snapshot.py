"""Snapshots of releases in `status.history`: what was observed of Helm's storage, with digests to verify it later."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm.storage import DEPLOYED, SUPERSEDED, go_json
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from pyflux.controllers.helm.storage import Stored

    Obj = dict[str, Any]

_KEPT = 5
_ORDER = (
    *("kustomize", "patches", "images", "patch", "target", "group", "version", "kind", "namespace", "name"),
    *("annotationSelector", "labelSelector", "newName", "newTag", "digest"),
)


def observation_digest(release: Obj, oci_digest: str = "") -> str:
    """The digest of a stored release as helm-controller observes it: without its chart's content and test hooks."""
    hooks = [hook for hook in release.get("hooks") or [] if not _is_test(hook)]
    observed: Obj = {
        "name": release.get("name", ""),
        "version": release.get("version", 0),
        "info": release.get("info") or {},
        "chartMetadata": (release.get("chart") or {}).get("metadata") or {},
        "config": release.get("config") or None,
        "manifest": release.get("manifest", ""),
        "hooks": hooks or None,
        "namespace": release.get("namespace", ""),
    }
    if oci_digest:
        observed["ociDigest"] = oci_digest
    return "sha256:" + hashlib.sha256((go_json(observed) + "\n").encode()).hexdigest()


def config_digest(values: Obj | None) -> str:
    """The digest of a release's values: of their YAML with sorted keys, of nothing where there are none."""
    text = dump(_sorted(values), sort=False) if values else ""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def digest_of(value: Any) -> str:
    """The digest of post-renderers or common metadata, to see whether they changed."""
    value = _in_order(value)
    return "sha256:" + hashlib.sha256((go_json(value) + "\n").encode()).hexdigest()


def _in_order(value: Any) -> Any:
    """Fields in the order of the API's Go types."""
    if isinstance(value, list):
        return [_in_order(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    known = [key for key in _ORDER if key in value]
    return {key: _in_order(value[key]) for key in [*known, *sorted(set(value) - set(known))]}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value


def _is_test(hook: Obj) -> bool:
    return "test" in (hook.get("events") or [])


def take(stored: Stored, action: str, oci_digest: str = "") -> Obj:
    """The snapshot of a stored revision."""
    release = stored.release
    info = release.get("info") or {}
    metadata = (release.get("chart") or {}).get("metadata") or {}
    values = json.loads(go_json(release.get("config") or {}))
    result: Obj = {
        "apiVersion": "v2",
        "digest": observation_digest(release, oci_digest),
        "name": release.get("name", ""),
        "namespace": release.get("namespace", ""),
        "version": release.get("version", 0),
        "status": info.get("status", ""),
        "action": action,
        "chartName": metadata.get("name", ""),
        "chartVersion": metadata.get("version", ""),
        "appVersion": metadata.get("appVersion", ""),
        "configDigest": config_digest(values),
        "firstDeployed": _time(info.get("first_deployed")),
        "lastDeployed": _time(info.get("last_deployed")),
        "deleted": _time(info.get("deleted")),
        "ociDigest": oci_digest,
    }
    return {key: value for key, value in result.items() if value not in ("", None)}


def _time(text: str | None) -> str | None:
    """A stored time to the second, in UTC."""
    from datetime import UTC, datetime

    if not text or text.startswith("0001-"):
        return None
    main, _, rest = text.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    try:
        found = datetime.fromisoformat(main + zone if rest else text)
    except ValueError:
        return None
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def targets(snapshot: Obj, release: Obj) -> bool:
    """True when the snapshot is one of that revision."""
    return all(snapshot.get(key) == release.get(key) for key in ("name", "namespace", "version"))


def full_name(snapshot: Obj | None) -> str:
    """namespace/name.vN, for messages."""
    return f"{snapshot['namespace']}/{snapshot['name']}.v{snapshot['version']}" if snapshot else ""


def chart(snapshot: Obj | None) -> str:
    """chart@version, for messages."""
    return f"{snapshot.get('chartName', '')}@{snapshot.get('chartVersion', '')}" if snapshot else ""


# -- the history


def history(obj: Obj) -> list[Obj]:
    """The snapshots, the newest first."""
    found: list[Obj] = obj["status"].get("history") or []
    found.sort(key=lambda one: -int(one["version"]))
    return found


def latest(obj: Obj) -> Obj | None:
    found = history(obj)
    return found[0] if found else None


def prepend(obj: Obj, snapshot: Obj) -> None:
    obj["status"]["history"] = [snapshot, *history(obj)]


def replace(obj: Obj, stored: Stored, action: str | None = None) -> bool:
    """Renews the snapshot of a revision, keeping its action unless given, its tests and its OCI digest."""
    for index, old in enumerate(found := history(obj)):
        if targets(old, stored.release):
            new = take(stored, old.get("action", "") if action is None else action, old.get("ociDigest", ""))
            if "testHooks" in old:
                new["testHooks"] = old["testHooks"]
            found[index] = new
            return True
    return False


def previous(obj: Obj, *, ignore_tests: bool) -> Obj | None:
    """The newest earlier snapshot that can be rolled back to."""
    for one in history(obj)[1:]:
        if _is_good(one, ignore_tests):
            return one
    return None


def truncate(obj: Obj, *, ignore_tests: bool) -> None:
    """Drops what is older than the previous good release."""
    found = history(obj)
    for index, one in enumerate(found[1:], 1):
        if _is_good(one, ignore_tests):
            obj["status"]["history"] = found[: index + 1]
            return
    shorten(obj)


def shorten(obj: Obj) -> None:
    """Keeps the newest few."""
    if len(history(obj)) > _KEPT:
        obj["status"]["history"] = history(obj)[:_KEPT]


def _is_good(snapshot: Obj, ignore_tests: bool) -> bool:
    return snapshot.get("status") in (DEPLOYED, SUPERSEDED) and (ignore_tests or not has_failed_test(snapshot))


def has_failed_test(snapshot: Obj) -> bool:
    return any((hook or {}).get("phase") == "Failed" for hook in (snapshot.get("testHooks") or {}).values())


def is_tested(snapshot: Obj) -> bool:
    """True when the tests have come to an end, good or bad; also where there are none."""
    hooks = snapshot.get("testHooks")
    if hooks is None:
        return False
    return has_failed_test(snapshot) or all((hook or {}).get("phase") == "Succeeded" for hook in hooks.values())


def test_hooks(release: Obj, filters: list[Obj]) -> Obj:
    """The tests of a stored release that the filters select, with how they went."""
    found: Obj = {}
    for hook in release.get("hooks") or []:
        name = hook.get("name", "")
        if not _is_test(hook) or not _is_selected(name, filters):
            continue
        run = hook.get("last_run") or {}
        status = {
            "lastStarted": _time(run.get("started_at")),
            "lastCompleted": _time(run.get("completed_at")),
            "phase": run.get("phase"),
        }
        found[name] = {key: value for key, value in status.items() if value}
    return found


def _is_selected(name: str, filters: list[Obj]) -> bool:
    if any(one.get("exclude") and one["name"] == name for one in filters):
        return False
    included = [one["name"] for one in filters if not one.get("exclude")]
    return not included or name in included
