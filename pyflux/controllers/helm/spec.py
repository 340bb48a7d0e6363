"""What a HelmRelease's spec says, with the API's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyflux.controllers.core import REQUESTED_AT, requested_at, seconds

if TYPE_CHECKING:
    Obj = dict[str, Any]

INSTALL, UPGRADE = "install", "upgrade"
ROLLBACK_STRATEGY, UNINSTALL_STRATEGY = "rollback", "uninstall"
FORCE_AT = "reconcile.fluxcd.io/forceAt"
RESET_AT = "reconcile.fluxcd.io/resetAt"

_TIMEOUT = 300.0
_RETRY = 300.0
_HISTORY = 5


def section(obj: Obj, name: str) -> Obj:
    """A mapping of the spec, empty where it is not set."""
    found: Obj = obj["spec"].get(name) or {}
    return found


def timeout(obj: Obj, action: str = "") -> float:
    """Seconds that an action (install, upgrade, test, rollback, uninstall) may take."""
    default = seconds(obj["spec"].get("timeout"), _TIMEOUT)
    return seconds(section(obj, action).get("timeout"), default) if action else default


def storage_namespace(obj: Obj) -> str:
    """The namespace of the Secrets in which Helm keeps the release."""
    return str(obj["spec"].get("storageNamespace") or obj["metadata"]["namespace"])


def max_history(obj: Obj) -> int:
    """How many revisions Helm keeps; 0 for all."""
    found = obj["spec"].get("maxHistory")
    return _HISTORY if found is None else int(found)


def chart_name(obj: Obj) -> str:
    """The name of the HelmChart that is made of `spec.chart`."""
    return f"{obj['metadata']['namespace']}-{obj['metadata']['name']}"


def chart_namespace(obj: Obj) -> str:
    """The namespace of that HelmChart: its source's."""
    reference = obj["spec"]["chart"]["spec"]["sourceRef"]
    return str(reference.get("namespace") or obj["metadata"]["namespace"])


def wait_strategy(obj: Obj, action: str) -> str:
    """How Helm's SDK waits for an action's objects."""
    if section(obj, action).get("disableWait"):
        return "hookOnly"
    return "legacy" if section(obj, "waitStrategy").get("name") == "legacy" else "watcher"


def drift_mode(obj: Obj) -> str:
    """enabled, warn or disabled."""
    return str(section(obj, "driftDetection").get("mode") or "disabled")


@dataclass(frozen=True)
class Remediation:
    """What follows a failed install or upgrade."""

    action: str
    retries: int
    ignore_tests: bool | None
    last: bool
    strategy: str

    def failures(self, obj: Obj) -> int:
        return int(obj["status"].get(f"{self.action}Failures") or 0)

    def count_failure(self, obj: Obj) -> None:
        obj["status"][f"{self.action}Failures"] = self.failures(obj) + 1

    def exhausted(self, obj: Obj) -> bool:
        return self.retries >= 0 and self.failures(obj) > self.retries

    def ignores_tests(self, obj: Obj) -> bool:
        """True when failed tests are no reason to remediate."""
        if self.ignore_tests is not None:
            return self.ignore_tests
        return bool(section(obj, "test").get("ignoreFailures"))

    @property
    def uninstalls_after_upgrade(self) -> bool:
        return self.action == UPGRADE and self.strategy == UNINSTALL_STRATEGY


def remediation(obj: Obj, action: str) -> Remediation:
    """The remediation of install or upgrade."""
    spec = section(obj, action).get("remediation") or {}
    retries = int(spec.get("retries") or 0)
    last = spec.get("remediateLastFailure")
    if last is None:
        last = retries > 0 if action == UPGRADE else False
    strategy = (spec.get("strategy") or ROLLBACK_STRATEGY) if action == UPGRADE else UNINSTALL_STRATEGY
    return Remediation(action, retries, spec.get("ignoreTestFailures"), bool(last), strategy)


def active_remediation(obj: Obj) -> Remediation | None:
    """The remediation of the last release action, None where there was none."""
    action = obj["status"].get("lastAttemptedReleaseAction")
    return remediation(obj, action) if action in (INSTALL, UPGRADE) else None


def retry_of(obj: Obj, action: str) -> float | None:
    """Seconds after which a failed action is tried again instead of remediated; None without that strategy."""
    strategy = section(obj, action).get("strategy") or {}
    if strategy.get("name") != "RetryOnFailure":
        return None
    return seconds(strategy.get("retryInterval"), _RETRY)


def active_retry(obj: Obj) -> float | None:
    """`retry_of` the last release action."""
    action = obj["status"].get("lastAttemptedReleaseAction")
    return retry_of(obj, action) if action in (INSTALL, UPGRADE) else None


def ignores_test_failures(obj: Obj) -> bool:
    """Whether failed tests count, by the active remediation or the test itself."""
    active = active_remediation(obj)
    return active.ignores_tests(obj) if active is not None else bool(section(obj, "test").get("ignoreFailures"))


def take_request(obj: Obj, annotation: str, field: str) -> bool:
    """True once for a request by annotation that came together with one to reconcile; notes it as handled."""
    annotations = obj["metadata"].get("annotations") or {}
    wanted = annotations.get(annotation)
    if wanted is None:
        return False
    status = obj["status"]
    before = status.get(field) or ""
    status[field] = wanted
    if REQUESTED_AT not in annotations or wanted != requested_at(obj):
        return False
    return bool((status.get("lastHandledReconcileAt") or "") != wanted and before != wanted)


def force_requested(obj: Obj) -> bool:
    """Whether `flux reconcile helmrelease --force` asks for an upgrade that is not needed."""
    return take_request(obj, FORCE_AT, "lastHandledForceAt")


def reset_requested(obj: Obj) -> bool:
    """Whether `flux reconcile helmrelease --reset` asks to forget failures."""
    return take_request(obj, RESET_AT, "lastHandledResetAt")
