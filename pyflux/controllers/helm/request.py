"""One reconciliation of a HelmRelease: what it works with, and what it says."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyflux.controllers import conditions
from pyflux.controllers.helm import snapshot, spec, storage
from pyflux.render.helm import GROUP, release_name, release_namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflux.controllers.events import Recorder
    from pyflux.controllers.helm.storage import Stored
    from pyflux.controllers.helm.work import Helm
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

COMPONENT = "helm-controller"
RELEASED, TESTED, REMEDIATED, DRIFTED = "Released", "TestSuccess", "Remediated", "Drifted"


@dataclass
class Request:
    """`client` is the cluster of the release, as the identity that it is released with."""

    obj: Obj
    chart: Obj
    """The chart's metadata; its version is the one to release."""
    chart_path: str
    values: Obj
    client: Client
    helm: Helm
    recorder: Recorder
    patch: Callable[[], None]
    sleep: Callable[[float], None]
    log: Callable[[str], None]

    @property
    def name(self) -> str:
        return release_name(self.obj)

    @property
    def namespace(self) -> str:
        return release_namespace(self.obj)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the release is not in the namespace of Helm's storage."""
        return bool(self.status["storageNamespace"] != self.namespace)

    @property
    def status(self) -> Obj:
        found: Obj = self.obj["status"]
        return found

    @property
    def chart_subject(self) -> str:
        return f"{self.chart.get('name', '')}@{self.chart.get('version', '')}"

    def stored(self) -> list[Stored]:
        """Helm's revisions of the release. Raises KubeError."""
        return storage.releases(self.client, self.status["storageNamespace"], self.name)

    def event(self, kind: str, reason: str, message: str, notes: dict[str, str] | None = None) -> None:
        self.recorder.event(COMPONENT, self.obj, kind, reason, message, notes)

    def notes_of(self, snap: Obj | None) -> dict[str, str]:
        """What an event says about a snapshot's release."""
        snap = snap or {}
        return _notes(snap.get("chartVersion"), snap.get("configDigest"), snap.get("appVersion"), snap.get("ociDigest"))

    def notes_of_attempt(self) -> dict[str, str]:
        """What an event says about the release that is tried."""
        return _notes(
            self.chart.get("version"),
            snapshot.config_digest(self.values),
            self.chart.get("appVersion"),
            self.status.get("lastAttemptedRevisionDigest"),
        )

    def notes_of_target(self, snap: Obj) -> dict[str, str]:
        """What an event says about a release that is rolled back to."""
        return {**self.notes_of(snap), f"{GROUP}/token": snapshot.config_digest(self.values)}

    def count_failure(self) -> None:
        self.status["failures"] = int(self.status.get("failures") or 0) + 1

    def clear_failures(self) -> None:
        clear_failures(self.obj)

    def summarize(self) -> None:
        summarize(self.obj)


def _notes(revision: Any, token: Any, app_version: Any, oci_digest: Any) -> dict[str, str]:
    found = {"revision": revision, "token": token, "app-version": app_version, "oci-digest": oci_digest}
    return {f"{GROUP}/{key}": str(value) for key, value in found.items() if value}


def clear_failures(obj: Obj) -> None:
    for field in ("failures", "installFailures", "upgradeFailures"):
        obj["status"].pop(field, None)


def post_renderers_digest(obj: Obj) -> str:
    found = obj["spec"].get("postRenderers")
    return snapshot.digest_of(found) if found is not None else ""


def common_metadata_digest(obj: Obj) -> str:
    found = obj["spec"].get("commonMetadata")
    return snapshot.digest_of(found) if found is not None else ""


def summarize(obj: Obj) -> None:
    """Ready from what was remediated, tested and released; the first of them that is as new as the others decides."""
    test = spec.section(obj, "test")
    order = [REMEDIATED, RELEASED]
    if test.get("enable") and not test.get("ignoreFailures"):
        order = [REMEDIATED, TESTED, RELEASED]
    if not test.get("enable"):
        conditions.remove(obj, TESTED)
    found = obj["status"].get("conditions") or []
    if not found:
        return

    def before(one: Obj, other: Obj) -> bool:
        if one["type"] not in order:
            return False
        if other["type"] not in order:
            return True
        newer = one.get("observedGeneration", 0) >= other.get("observedGeneration", 0)
        return bool(newer and order.index(one["type"]) < order.index(other["type"]))

    def compared(one: Obj, other: Obj) -> int:
        return -1 if before(one, other) else 1 if before(other, one) else 0

    first = sorted(found, key=functools.cmp_to_key(compared))[0]
    status = "False" if first["type"] == REMEDIATED else first["status"]
    if status == "True":
        conditions.remove(obj, conditions.STALLED)
    conditions.put(obj, conditions.READY, status, first["reason"], first["message"])
    digests = {
        "observedPostRenderersDigest": post_renderers_digest(obj),
        "observedCommonMetadataDigest": common_metadata_digest(obj),
    }
    for field, value in digests.items():
        if value:
            obj["status"][field] = value
        else:
            obj["status"].pop(field, None)
