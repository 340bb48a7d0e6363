"""Whether the Deployments of Flux are ready, and if not, why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyflux.catalog.resources import Resource
from pyflux.env import Env
from pyflux.errors import KubeError, NotFound
from pyflux.kube.client import Client
from pyflux.kube.status import CURRENT, readiness

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
PODS = Resource("", "v1", "pods", "Pod")

_BAD_WAITS = {
    "ErrImagePull": "cannot pull image",
    "ImagePullBackOff": "cannot pull image",
    "InvalidImageName": "has a wrong image name",
    "CreateContainerConfigError": "cannot be configured",
    "CreateContainerError": "cannot be created",
    "CrashLoopBackOff": "keeps crashing",
}
# how long a Deployment may be on its way before its pods are looked at
_PATIENCE = 5.0

Obj = dict[str, Any]


def assess(env: Env, client: Client, names: Iterable[str], *, poll: float) -> bool:
    """Waits until the Deployments `names` of the namespace are ready, at most `--timeout`, and reports on each.

    `poll` is in seconds. What is in the way of one is said as soon as it is known. True when all are ready.
    Raises KubeError other than NotFound.
    """
    namespace = env.kube.namespace
    wanted = sorted(names)
    where = [(DEPLOYMENTS, name, namespace) for name in wanted]
    start = env.monotonic()
    told: set[str] = set()
    while True:
        states = dict(zip(wanted, (_state(answer) for answer in client.get_many(where)), strict=True))
        waited = env.monotonic() - start
        late = [name for name, (state, _) in states.items() if state != CURRENT]
        over = waited >= env.kube.timeout
        if late and (over or waited >= _PATIENCE):
            _tell_why(env, client, {name: states[name][1] for name in late}, told)
        if not late or over:
            break
        env.sleep(min(poll, max(env.kube.timeout - waited, 0.01)))
    for name, (state, _) in states.items():
        if state == CURRENT:
            env.log.success(f"{name}: deployment ready")
        else:
            env.log.failure(f"{name}: deployment {'not found' if state == 'NotFound' else 'not ready'}")
    return not late


def _state(answer: Obj | KubeError) -> tuple[str, Obj | None]:
    if isinstance(answer, NotFound):
        return "NotFound", None
    if isinstance(answer, KubeError):
        raise answer
    return readiness(answer).status, answer


def _tell_why(env: Env, client: Client, late: dict[str, Obj | None], told: set[str]) -> None:
    for name, deployment in late.items():
        if deployment is None:
            continue
        labels = deployment["spec"]["selector"].get("matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = client.list(PODS, env.kube.namespace, labels=selector).items
        for reason in explain(deployment, pods):
            if f"{name} {reason}" not in told:
                told.add(f"{name} {reason}")
                env.log.warning(f"{name}: {reason}")


def explain(deployment: Obj, pods: Iterable[Obj]) -> list[str]:
    """What keeps a Deployment from being ready: refused pods, pods without a node, images, crashes."""
    reasons = []
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            # quota, admission webhooks and pod security refuse pods here
            reasons.append(f"its pods are refused: {condition.get('message', '')}")
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            reasons += _explain_pod(pod)
    return reasons


def _explain_pod(pod: Obj) -> list[str]:
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    reasons = []
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            reasons.append(f"pod {name} has no node: {condition.get('message', '')}")
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        problem = _BAD_WAITS.get(waiting.get("reason", ""))
        if problem is None:
            continue
        image = f" {container['image']}" if "image" in problem else ""
        last = (container.get("lastState") or {}).get("terminated") or {}
        code = f" (exit code {last['exitCode']})" if "exitCode" in last else ""
        detail = f": {waiting['message']}" if waiting.get("message") else ""
        reasons.append(f"pod {name} {problem}{image}{code}{detail}")
    return reasons
