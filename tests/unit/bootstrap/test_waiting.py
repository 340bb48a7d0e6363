"""Waiting for the GitRepository and the Kustomization."""

from __future__ import annotations

import io
from typing import Any

import pytest

from pyflux.bootstrap.waiting import wait_ready
from pyflux.env import Env, KubeOptions
from pyflux.errors import NotFound, PyfluxError, TimedOut

REVISION = "main@sha1:new"
Obj = dict[str, Any]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scripted:
    """Gives out one state after the other; the last one stays. A request to reconcile is marked as handled."""

    def __init__(self, *states: Obj | None) -> None:
        self.states = list(states)
        self.token = ""

    def get(self, *_where: Any) -> Obj:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise NotFound("not there", status=404)
        if self.token:
            state = {**state, "status": {**state["status"], "lastHandledReconcileAt": self.token}}
        return state

    def patch(self, _resource: Any, _name: str, _namespace: str, body: Obj) -> None:
        self.token = body["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]


def state(ready: str = "True", revision: str = REVISION, reason: str = "", **spec: Any) -> Obj:
    condition = {"type": "Ready", "status": ready, "message": f"is {ready}", "reason": reason}
    return {
        "metadata": {"name": "flux-system", "namespace": "flux-system", "generation": 1},
        "spec": spec,
        "status": {
            "observedGeneration": 1,
            "conditions": [condition],
            "artifact": {"revision": revision},
            "lastAttemptedRevision": revision,
        },
    }


def wait(client: Scripted, kind: str = "Kustomization") -> float:
    clock = Clock()
    kube = KubeOptions()
    kube.timeout = 30.0
    env = Env(stderr=io.StringIO(), kube=kube, sleep=clock.sleep, monotonic=lambda: clock.now)
    wait_ready(env, client, "flux-system", "flux-system", kind, REVISION)  # type: ignore[arg-type]
    return clock.now


@pytest.mark.parametrize("kind", ["GitRepository", "Kustomization"])
def test_ready_at_the_revision(kind: str) -> None:
    client = Scripted(None, state("Unknown"), state(revision="main@sha1:old"), state())
    assert wait(client, kind) == 1.5
    assert client.token == ""


def test_an_old_revision_is_asked_to_move_on() -> None:
    client = Scripted(*[state(revision="main@sha1:old")] * 8, state())
    assert wait(client) == 4.0
    assert client.token


def test_an_old_failure_does_not_decide() -> None:
    client = Scripted(*[state("False")] * 5, state())
    wait(client)


def test_a_failure_that_stays_is_told_early() -> None:
    with pytest.raises(PyfluxError, match=r"^is False$"):
        wait(Scripted(state("False", reason="BuildFailed")))


def test_a_source_that_is_not_there_yet_is_waited_for() -> None:
    wait(Scripted(*[state("False", reason="ArtifactFailed")] * 20, state()))
    with pytest.raises(TimedOut, match="kustomization 'flux-system/flux-system' not ready: 'is False'"):
        wait(Scripted(state("False", reason="ArtifactFailed")))


def test_suspended() -> None:
    with pytest.raises(PyfluxError, match="is suspended"):
        wait(Scripted(state(suspend=True)))


def test_never_there() -> None:
    with pytest.raises(TimedOut):
        wait(Scripted(None))
